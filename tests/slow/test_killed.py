"""Commands that are killed at random moments: the same command ends in the same bytes."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

pytestmark = pytest.mark.slow


def test_a_killed_command_goes_on_and_ends_in_the_same_bytes() -> None:
    done = subprocess.run(  # noqa: S603 - our own script
        [sys.executable, str(ROOT / "ci" / "kill.py"), "27", "--seed", "1"],
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stdout + done.stderr
    assert "27 kills, 0 faults" in done.stdout
