"""A declared check that does not run is a failure, whoever kept it from running."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    Run = Callable[..., pytest.RunResult]
    Replace = Callable[[str, Any], None]

REMOVE = """
def pytest_collection_modifyitems(items):
    items[:] = [item for item in items if "{label}" not in item.name]
"""
MARK = """
import pytest
def pytest_collection_modifyitems(items):
    for item in items:
        if item.name == "D001-finite":
            item.add_marker(pytest.mark.{mark})
"""


def test_a_check_that_returns_nothing_fails(run: Run, replace: Replace) -> None:
    replace("C002", lambda **_: None)

    result = run("-k", "C002")

    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.stdout.fnmatch_lines(["*expected a measurement, got None: it did not look*"])


def test_a_check_that_skips_itself_fails(run: Run, replace: Replace) -> None:
    replace("C002", lambda **_: pytest.skip("no time"))

    result = run("-k", "C001 or C002")

    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.assert_outcomes(passed=1, failed=1)
    result.stdout.fnmatch_lines(
        [
            "ERROR C002-ood: expected the check to run and count, but it was skipped: no time",
            "  a declared check that does not run is a failure. Fix: remove the skip or xfail",
            "amn: toy: * 1 ran, 1 not run, *: ERROR",
        ]
    )


@pytest.mark.parametrize(
    ("mark", "cause"),
    [
        ("skip(reason='later')", "it was skipped: later"),
        ("skipif(True, reason='later')", "it was skipped: later"),
        ("xfail(reason='known')", "it is marked xfail (known)"),
        ("xfail(run=False)", "it is marked xfail*"),
    ],
)
def test_a_mark_does_not_excuse_a_check(
    run: Run, pytester: pytest.Pytester, mark: str, cause: str
) -> None:
    pytester.makeconftest(MARK.format(mark=mark))

    result = run("-k", "D001 or D002")

    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.assert_outcomes(passed=1, failed=1)
    result.stdout.fnmatch_lines(
        [f"ERROR D001-finite: expected the check to run and count, but {cause}", "amn: *: ERROR"]
    )


def test_a_check_that_was_removed_is_named(run: Run, pytester: pytest.Pytester) -> None:
    pytester.makeconftest(REMOVE.format(label="D001"))

    result = run("-m", "amn_data")

    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.stdout.fnmatch_lines(
        [
            "amn: toy: * ran, 1 not run, * deselected: ERROR",
            "amn: toy: ERROR: declared, not deselected, and did not run: D001-finite",
        ]
    )


def test_removing_every_check_fails(run: Run, pytester: pytest.Pytester) -> None:
    pytester.makeconftest(REMOVE.format(label="-"))

    result = run()

    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.stdout.fnmatch_lines(["amn: toy: * declared, 0 ran, * not run, 0 deselected: ERROR"])


def test_a_check_that_another_plugin_swallows_is_named(run: Run, pytester: pytest.Pytester) -> None:
    pytester.makeconftest(
        "def pytest_runtest_protocol(item):\n    return True if 'D001' in item.name else None\n"
    )

    result = run("-k", "D001 or D002")

    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.stdout.fnmatch_lines(["amn: toy: ERROR: declared, * and did not run: D001-finite"])


def test_leaving_early_with_success_fails(run: Run, pytester: pytest.Pytester) -> None:
    pytester.makeconftest(
        "import pytest\n"
        "def pytest_runtest_setup(item):\n"
        "    if 'D002' in item.name:\n"
        "        pytest.exit('enough', returncode=0)\n"
    )

    result = run("-k", "D001 or D002")

    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.stdout.fnmatch_lines(["amn: toy: ERROR: declared, * and did not run: D002-unit_norm"])
