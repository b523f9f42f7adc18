"""`python -m amn`: the command."""

from __future__ import annotations

from amn.cli.main import run

if __name__ == "__main__":
    run()
