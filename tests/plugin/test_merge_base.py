"""--amn-target and --amn-approve-loosening: a change that loosens a limit, gated by pytest."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from amn.golden.base.target import CI_VARIABLES
from tests.checkouts import begin_change

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Run = Callable[..., pytest.RunResult]

ONLY = ("-k", "G010")
LOWERED = "*this change lowered a floor: 0.2 at the merge base, 0.1 now*"


@pytest.fixture(autouse=True)
def _change(
    project: Path, edit: Callable[[str, str], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A branch on which a floor is lowered; `stable` is where it began."""
    for name in CI_VARIABLES:
        monkeypatch.delenv(name, raising=False)
    begin_change(project, target="stable")
    edit("ood     = 0.20", "ood     = 0.10")


def test_a_loosening_fails_beside_the_branch_that_was_named(run: Run) -> None:
    result = run(*ONLY, "--amn-target=stable")

    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines([LOWERED])


def test_an_approved_one_passes_and_names_who_approved_it(run: Run) -> None:
    result = run(*ONLY, "--amn-target=stable", "--amn-approve-loosening=C. Lead: agreed", "-rA")

    assert result.ret == pytest.ExitCode.OK
    result.assert_outcomes(passed=1)


def test_without_a_usual_branch_nothing_is_compared_and_it_says_so(run: Run) -> None:
    assert run(*ONLY).ret == pytest.ExitCode.OK


@pytest.mark.parametrize("named", ["option", "variable"])
def test_a_branch_that_is_not_there_is_no_pass(
    run: Run, monkeypatch: pytest.MonkeyPatch, named: str
) -> None:
    if named == "variable":
        monkeypatch.setenv("GITHUB_BASE_REF", "gone")
        result = run(*ONLY)
    else:
        result = run(*ONLY, "--amn-target=origin/gone")

    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.stdout.fnmatch_lines(["*expected the branch origin/gone, found none*fetch-depth: 0*"])
