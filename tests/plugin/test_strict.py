"""--amn-strict: whether what the data cannot decide lets a change pass."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from amn.verdict import Finding, Measured, Severity

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    Run = Callable[..., pytest.RunResult]


@pytest.fixture(autouse=True)
def _undecided(replace: Callable[[str, Any], None]) -> None:
    finding = Finding("in_dist", "cannot tell", severity=Severity.INCONCLUSIVE)
    replace("D001", lambda **_: Measured("0.1", "> 0", [finding]))


def test_an_undecided_check_passes_and_is_in_the_summary(run: Run) -> None:
    result = run("-k", "D001")

    assert result.ret == pytest.ExitCode.OK
    result.stdout.fnmatch_lines(
        ["amn: toy: *: INCONCLUSIVE", "amn: toy: INCONCLUSIVE D001-finite: in_dist: cannot tell."]
    )


def test_an_undecided_check_fails_under_strict(run: Run) -> None:
    result = run("-k", "D001", "--amn-strict")

    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.stdout.fnmatch_lines(
        [
            "INCONCLUSIVE D001-finite: 0.1, limit > 0",
            "  reproduce: pytest golden/toy/case.toml::D001-finite --amn-strict",
            "amn: toy: *: INCONCLUSIVE",
        ]
    )
