"""Files that are damaged, of every kind that is read: the beginning of what runs by night."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

FUZZ = Path(__file__).parents[2] / "ci" / "fuzz.py"
INPUTS = 300  # some ten of each kind of file


def test_a_damaged_file_is_told_in_a_message_with_a_way_out(ground: Path) -> None:
    done = subprocess.run(  # noqa: S603 - our own script
        [sys.executable, str(FUZZ), str(INPUTS), "--seed", "3", "--of", str(ground)],
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stdout + done.stderr
    assert f"{INPUTS} inputs, 0 faults" in done.stdout
