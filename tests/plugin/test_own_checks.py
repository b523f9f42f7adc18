"""A check of one's own is an item like all others."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.own_checks import FAILING, SPREAD, forgotten

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    Run = Callable[..., pytest.RunResult]


@pytest.fixture(autouse=True)
def _forgotten() -> Iterator[None]:
    with forgotten():
        yield


@pytest.mark.parametrize("place", ["conftest.py", "golden/conftest.py", "golden/toy/conftest.py"])
def test_it_is_an_item_of_every_case_below_its_folder(
    run: Run, project: Path, n_checks: int, place: str
) -> None:
    (project / place).write_text(SPREAD, "utf-8")

    result = run("-v")

    assert result.ret == pytest.ExitCode.OK
    result.assert_outcomes(passed=n_checks + 1)
    result.stdout.fnmatch_lines(
        [
            "golden/toy/case.toml::X001-spread PASSED*",
            f"amn: toy: {n_checks + 1} declared, {n_checks + 1} ran, 0 deselected: PARTIAL*",
        ]
    )


def test_a_project_behind_a_link_declares_it_once(
    run: Run, project: Path, n_checks: int, tmp_path: Path
) -> None:
    (project / "conftest.py").write_text(SPREAD, "utf-8")
    (tmp_path / "link").symlink_to(project)

    result = run(str(tmp_path / "link"))

    assert result.ret == pytest.ExitCode.OK
    result.assert_outcomes(passed=n_checks + 1)


def test_it_holds_for_no_case_elsewhere(run: Run, project: Path, n_checks: int) -> None:
    (project / "tests").mkdir()
    (project / "tests" / "conftest.py").write_text(SPREAD, "utf-8")
    (project / "tests" / "test_one.py").write_text("def test_one():\n    pass\n", "utf-8")

    run().assert_outcomes(passed=n_checks + 1)  # the test beside it, and no check more


def test_it_fails_as_an_item_with_its_number(run: Run, project: Path, n_checks: int) -> None:
    (project / "conftest.py").write_text(FAILING, "utf-8")

    result = run()

    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.assert_outcomes(passed=n_checks, failed=1)
    result.stdout.fnmatch_lines(
        [
            "*_ toy: X001-spread _*",
            "FAIL X001-spread: 0.*, limit <= -1.0",
            "  ood: expected at most -1.0, got 0.*",
            "    fix: train longer",
            "  explain: amn rules X001",
            "  reproduce: pytest golden/toy/case.toml::X001-spread",
            "amn: toy: FAIL X001-spread: ood: expected at most -1.0, got 0.*",
        ]
    )


def test_it_has_a_marker_of_its_own(run: Run, project: Path, n_checks: int) -> None:
    (project / "conftest.py").write_text(SPREAD, "utf-8")

    result = run("-m", "amn_own")

    assert result.ret == pytest.ExitCode.OK
    result.assert_outcomes(passed=1, deselected=n_checks)


def test_pytest_without_conftest_files_asks_it_all_the_same(
    run: Run, project: Path, n_checks: int
) -> None:
    (project / "conftest.py").write_text(FAILING, "utf-8")

    run("--noconftest").assert_outcomes(passed=n_checks, failed=1)


def test_one_that_cannot_be_asked_is_a_collection_error_that_names_the_file(
    run: Run, project: Path
) -> None:
    (project / "conftest.py").write_text(SPREAD.replace("summaries", "sumaries"), "utf-8")

    result = run()

    assert result.ret == pytest.ExitCode.INTERRUPTED
    result.stdout.fnmatch_lines(["*ERROR collecting golden/toy/case.toml*", "*conftest.py: *"])
    result.stdout.fnmatch_lines(["*got 'sumaries'. Fix: did you mean summaries?*"])
    result.stdout.no_fnmatch_line("*Traceback*")
