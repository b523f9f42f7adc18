"""`python -m amn`: the command."""

from __future__ import annotations

from amn.cli.main import main

if __name__ == "__main__":
    main()
