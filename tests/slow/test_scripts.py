"""A little of what `ci/run.sh nightly` does: damaged inputs, and commands that are killed."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

CI = Path(__file__).resolve().parents[2] / "ci"

pytestmark = pytest.mark.slow


@pytest.mark.parametrize(
    ("script", "n", "of"), [("fuzz.py", 2000, "inputs"), ("kill.py", 27, "kills")]
)
def test_a_script_of_the_night_finds_no_fault(script: str, n: int, of: str) -> None:
    done = subprocess.run(  # noqa: S603 - our own script
        [sys.executable, str(CI / script), str(n), "--seed", "1"],
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stdout + done.stderr
    assert f"{n} {of}, 0 faults" in done.stdout
