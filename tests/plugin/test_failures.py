"""What a check that does not pass looks like."""

from __future__ import annotations

from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

import pytest

from amn.errors import TrainingError
from amn.verdict import Finding, Measured, Severity

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path
    from typing import Any

    Run = Callable[..., pytest.RunResult]
    Edit = Callable[[str, str], None]
    Replace = Callable[[str, Any], None]


def test_a_score_below_its_floor_fails_that_check_only(run: Run, edit: Edit, n_checks: int) -> None:
    edit("ood     = 0.20", "ood     = 0.99")

    result = run()

    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.assert_outcomes(passed=n_checks - 1, failed=1)
    result.stdout.fnmatch_lines(
        [
            "*_ toy: C002-ood _*",
            "FAIL C002-ood: 0.*, limit >= 0.9900",
            "  0.* ... 0.*, z -*",
            "  ood: expected at least 0.99, got 0.*",
            "    fix: look at the reference predictors first: *",
            "  explain: amn rules C002",
            "  reproduce: pytest golden/toy/case.toml::C002-ood",
            f"amn: toy: {n_checks} declared, {n_checks} ran, 0 deselected: FAIL",
            "amn: toy: FAIL C002-ood: ood: expected at least 0.99, got 0.*",
            "amn: toy: WARN G007-config: criteria.ood: *0.2*0.99*",
            "FAILED golden/toy/case.toml::C002-ood - FAIL C002-ood: 0.*, limit >= 0.9900",
        ]
    )
    result.stdout.no_fnmatch_line("*Traceback*")
    result.stdout.no_fnmatch_line("*CheckFailedError*")


def test_a_check_behind_a_failed_one_names_it(run: Run, replace: Replace) -> None:
    replace("D001", lambda **_: Measured("1 row", "0", [Finding("row 7", "got nan")]))

    result = run("-m", "amn_data or amn_golden")

    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.stdout.fnmatch_lines(
        [
            "FAIL D001-finite: 1 row, limit 0",
            "  row 7: got nan",
            "amn: toy: * ran, * not run, * deselected: FAIL",
            "amn: toy: NOT RUN data: *D007*: D001-finite failed first",
            "amn: toy: NOT RUN golden: *G001*: D001-finite failed first",
        ]
    )


def test_what_a_fault_kept_from_running_is_a_line_a_family_and_no_less_red(
    run: Run, replace: Replace, pytester: pytest.Pytester
) -> None:
    replace("D001", lambda **_: Measured("1 row", "0", [Finding("row 7", "got nan")]))

    result = run("-q", "--junitxml=report.xml")

    assert result.ret == pytest.ExitCode.TESTS_FAILED
    text = result.stdout.str()
    assert [line for line in text.splitlines() if line.startswith("FAILED ")] == [
        "FAILED golden/toy/case.toml::D001-finite - FAIL D001-finite: 1 row, limit 0"
    ]
    families = [line for line in text.splitlines() if line.startswith("amn: toy: NOT RUN ")]
    assert len(families) > 4
    suite = ET.parse(pytester.path / "report.xml").getroot()[0]  # noqa: S314 - written by pytest
    waiting = [case for case in suite if "NOT RUN" in "".join(case.itertext())]
    assert len(waiting) > 50
    assert all(case.find("failure") is not None for case in waiting)


def test_only_what_did_not_run_is_red_too(run: Run, replace: Replace) -> None:
    replace("D001", lambda **_: Measured("1 row", "0", [Finding("row 7", "got nan")]))

    result = run("-k", "G001")

    assert result.ret == pytest.ExitCode.TESTS_FAILED


def test_a_check_that_amn_cannot_evaluate_is_an_error_without_a_traceback(
    run: Run, replace: Replace
) -> None:
    def fails(**_: object) -> Measured:
        raise TrainingError("epoch 1: the loss is nan")

    replace("D001", fails)

    result = run("-k", "D001")

    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        ["ERROR D001-finite: *", "  D001-finite: could not run: epoch 1: the loss is nan"]
    )
    result.stdout.no_fnmatch_line("*Traceback*")


def test_a_defect_in_a_check_shows_its_traceback(run: Run, replace: Replace) -> None:
    def broken(**_: object) -> Measured:
        raise ZeroDivisionError("a defect")

    replace("D001", broken)

    result = run("-k", "D001")

    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.stdout.fnmatch_lines(
        ["*test_failures.py:*: ZeroDivisionError*", "amn: toy: * 0 ran, 1 not run, *: ERROR"]
    )


def test_a_warning_passes_and_is_in_the_summary(run: Run, replace: Replace) -> None:
    finding = Finding("articles", "got odd ones", "look", severity=Severity.WARNING)
    replace("D001", lambda **_: Measured("odd", "even", [finding]))

    result = run("-k", "D001")

    assert result.ret == pytest.ExitCode.OK
    result.stdout.fnmatch_lines(
        [
            "amn: toy: * 1 ran, *: PARTIAL (* checks deselected)",
            "amn: toy: WARN D001-finite: articles: got odd ones. Fix: look",
        ]
    )


def test_junit_has_value_limit_and_number(run: Run, project: Path) -> None:
    result = run("-k", "C002", "--junitxml=junit.xml")

    assert result.ret == pytest.ExitCode.OK
    (case,) = ET.parse(project / "junit.xml").iter("testcase")  # noqa: S314 - written just now
    properties = {p.get("name"): p.get("value") for p in case.iter("property")}
    assert case.get("name") == "C002-ood"
    assert properties["limit"] == ">= 0.2000"
    assert float(properties["number"]) == pytest.approx(float(properties["value"]), abs=1e-4)
