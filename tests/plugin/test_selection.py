"""pytest's own ways to run less: -x, --lf, --deselect."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from amn.verdict import Finding, Measured

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    Run = Callable[..., pytest.RunResult]
    Replace = Callable[[str, Any], None]


@pytest.fixture
def _bad_norm(replace: Callable[[str, Any], None]) -> None:
    replace("D002", lambda **_: Measured("2 rows", "0", [Finding("row 3", "got 1.5")]))


@pytest.mark.usefixtures("_bad_norm")
def test_x_stops_at_the_first_failure_and_names_nothing_missing(run: Run) -> None:
    result = run("-x", "-m", "amn_data")

    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.assert_outcomes(passed=2, failed=1)
    result.stdout.fnmatch_lines(
        ["amn: toy: * 3 ran, * not run, *: FAIL", "*stopping after 1 failures*"]
    )
    result.stdout.no_fnmatch_line("*did not run*")


@pytest.mark.usefixtures("_bad_norm")
def test_lf_runs_what_failed_and_no_more(run: Run, n_checks: int) -> None:
    first = run("-k", "D001 or D002 or D004")
    again = run("--lf")

    assert (first.ret, again.ret) == (pytest.ExitCode.TESTS_FAILED, pytest.ExitCode.TESTS_FAILED)
    first.assert_outcomes(passed=2, failed=1)
    again.assert_outcomes(failed=1)
    again.stdout.fnmatch_lines(
        [f"amn: toy: {n_checks} declared, 1 ran, {n_checks - 1} deselected: FAIL"]
    )
    again.stdout.no_fnmatch_line("*did not run*")


def test_what_is_deselected_is_counted_and_not_missing(run: Run, n_checks: int) -> None:
    result = run("-m", "amn_data", "--deselect", "golden/toy/case.toml::D001-finite")

    assert result.ret == pytest.ExitCode.OK
    passed = result.parseoutcomes()["passed"]
    result.stdout.fnmatch_lines(
        [
            (
                f"amn: toy: {n_checks} declared, {passed} ran, {n_checks - passed} deselected: "
                f"PARTIAL ({n_checks - passed} of {n_checks} checks deselected)"
            )
        ]
    )


def test_it_works_without_the_cache_provider(run: Run) -> None:
    result = run("-p", "no:cacheprovider", "-k", "D001")

    assert result.ret == pytest.ExitCode.OK
    result.assert_outcomes(passed=1)


def test_the_name_of_a_case_selects_it(run: Run, n_checks: int) -> None:
    result = run("--co", "-q", "-k", "toy and D001")

    assert result.ret == pytest.ExitCode.OK
    result.stdout.fnmatch_lines([f"1/{n_checks} tests collected*"])


def test_it_works_without_xdist(run: Run) -> None:
    result = run("-p", "no:xdist", "-k", "D001")

    assert result.ret == pytest.ExitCode.OK
    result.assert_outcomes(passed=1)
