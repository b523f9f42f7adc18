"""A hook that changes reports or the exit status does not change what a check measured."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path
    from typing import Any

    Run = Callable[..., pytest.RunResult]
    Edit = Callable[[str, str], None]
    Replace = Callable[[str, Any], None]

MAKEREPORT = """
import pytest
@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport():
    report = yield
    report.outcome = "passed"
    return report
"""
CHANGES = {
    "makereport": MAKEREPORT,
    "makereport, outermost": MAKEREPORT.replace("wrapper=True", "wrapper=True, tryfirst=True"),
    "logreport": """
import pytest
@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_logreport(report):
    report.outcome = "passed"
    return (yield)
""",
    "the call": """
import pytest
@pytest.hookimpl(wrapper=True)
def pytest_runtest_call():
    try:
        yield
    except Exception:
        pass
""",
}
HIDDEN = "amn: toy: ERROR: red by their own measure, but made to pass by a hook: "


@pytest.mark.parametrize("hook", CHANGES)
def test_a_failure_that_a_hook_hides_fails_the_session_and_is_named(
    run: Run, edit: Edit, pytester: pytest.Pytester, hook: str
) -> None:
    edit("ood     = 0.20", "ood     = 0.99")
    pytester.makeconftest(CHANGES[hook])

    result = run("-k", "C001 or C002")

    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.assert_outcomes(passed=2)
    result.stdout.fnmatch_lines(["amn: toy: *: FAIL", f"{HIDDEN}C002-ood FAIL"])


def test_a_failure_that_a_hook_hides_in_a_worker_fails_the_session(
    run_two: Run, edit: Edit, pytester: pytest.Pytester
) -> None:
    pytest.importorskip("xdist", reason="pytest-xdist is not installed")
    edit("[criteria]", '[data]\nrow_order = 99.0\nreason = "a test"\n\n[criteria]')
    pytester.makeconftest(MAKEREPORT)

    result = run_two("-k", "D001 or D007")  # of data: no worker loads torch

    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.assert_outcomes(passed=2)
    result.stdout.fnmatch_lines([f"{HIDDEN}D007-row_order FAIL"])


def test_a_hidden_defect_and_a_made_up_report_fail_the_session(
    run: Run, replace: Replace, pytester: pytest.Pytester
) -> None:
    def broken(**_: object) -> None:
        raise ZeroDivisionError("a defect")

    replace("D001", broken)
    pytester.makeconftest(
        MAKEREPORT
        + "def pytest_runtest_protocol(item):\n"
        + "    if 'D002' in item.name:\n"
        + "        what = (item.nodeid, item.location, {}, 'passed', None, 'call')\n"
        + "        item.ihook.pytest_runtest_logreport(report=pytest.TestReport(*what))\n"
        + "        return True\n"
    )

    result = run("-k", "D001 or D002 or D004")

    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.assert_outcomes(passed=3)
    result.stdout.fnmatch_lines([f"{HIDDEN}D001-finite ERROR, D002-unit_norm not run"])


def test_a_hook_that_resets_the_exit_status_does_not_have_the_last_word(
    run: Run, edit: Edit, project: Path
) -> None:
    edit("ood     = 0.20", "ood     = 0.99")
    (project / "golden" / "toy" / "conftest.py").write_text(
        "import pytest\n"
        "@pytest.hookimpl(wrapper=True, tryfirst=True)\n"
        "def pytest_sessionfinish(session):\n"
        "    yield\n"
        "    session.exitstatus = 0\n",
        encoding="utf-8",
    )

    result = run("-k", "C002")

    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.assert_outcomes(failed=1)


def test_a_hook_that_hides_nothing_changes_nothing(run: Run, pytester: pytest.Pytester) -> None:
    pytester.makeconftest(MAKEREPORT)

    result = run("-k", "C001 or C002")

    assert result.ret == pytest.ExitCode.OK
    result.assert_outcomes(passed=2)
    result.stdout.no_fnmatch_line("*by a hook*")
