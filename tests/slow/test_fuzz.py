"""Two thousand damaged inputs: none is a traceback, hangs, or is read as whole."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def test_no_damaged_input_is_a_traceback_or_read_as_whole() -> None:
    done = subprocess.run(  # noqa: S603 - our own script
        [sys.executable, str(ROOT / "ci" / "fuzz.py"), "2000", "--seed", "1"],
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stdout + done.stderr
    assert "2000 inputs, 0 faults" in done.stdout
