"""--amn-first-run: a case that has no golden yet."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Run = Callable[..., pytest.RunResult]


@pytest.fixture(autouse=True)
def _no_golden(project: Path) -> None:
    for name in ("golden.json", "golden.csv", "ledger.jsonl"):
        (project / "golden/toy" / name).unlink(missing_ok=True)


def test_a_missing_golden_cannot_pass(run: Run) -> None:
    result = run("-k", "G004 or G001")

    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.assert_outcomes(failed=1)  # and one not run
    result.stdout.fnmatch_lines(
        [
            "HARNESS G004-intact: unreadable, limit whole",
            "  toy: *golden.json: expected a golden, found none. Fix: amn golden new toy*",
            "amn: toy: *: HARNESS",
            "amn: toy: NOT RUN golden: G001: G00* failed first",
        ]
    )


def test_a_first_run_is_judged_without_one(run: Run) -> None:
    result = run("-q", "--amn-first-run")

    assert result.ret == pytest.ExitCode.OK
    result.stdout.fnmatch_lines(["amn: toy: * 0 deselected: PARTIAL (golden not compared; *"])
    result.stdout.no_fnmatch_line("*G0*")
