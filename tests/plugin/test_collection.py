"""Which cases and checks become items."""

from __future__ import annotations

import shutil
import subprocess
import sys
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from amn.golden.store import read_golden, write_golden

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Run = Callable[..., pytest.RunResult]

NO_BASE = "PARTIAL (no merge base: no git checkout)"


def test_a_sound_case_passes_with_one_item_a_check(run: Run, n_checks: int) -> None:
    result = run("-v")

    assert result.ret == pytest.ExitCode.OK
    result.assert_outcomes(passed=n_checks)
    result.stdout.fnmatch_lines(
        [
            "golden/toy/case.toml::D003-readable PASSED*",
            "golden/toy/case.toml::C002-ood PASSED*",
            "golden/toy/case.toml::G001-ood PASSED*",
            f"amn: toy: {n_checks} declared, {n_checks} ran, 0 deselected: {NO_BASE}",
            "amn: toy: in_dist 0.* (>= 0.2000), ood 0.* (>= 0.2000), *lift_ood -0.*",
        ]
    )


def test_a_case_deeper_down_is_not_passed_over(run: Run, project: Path) -> None:
    shutil.copytree(project / "golden/toy", project / "golden/sub/deep")

    result = run("-q", "-k", "D001")

    assert result.ret == pytest.ExitCode.INTERRUPTED
    result.stdout.fnmatch_lines(["*golden/sub/deep/case.toml: expected golden/<case>/case.toml*"])


def test_a_new_folder_is_gated_without_code(run: Run, project: Path, n_checks: int) -> None:
    toy, other = project / "golden/toy", project / "golden/other"
    shutil.copytree(toy, other, ignore=shutil.ignore_patterns("golden.*", "ledger.*"))
    golden = read_golden(toy)
    write_golden(other, replace(golden, record=golden.record.model_copy(update={"case": "other"})))

    result = run("-q")

    assert result.ret == pytest.ExitCode.OK
    result.assert_outcomes(passed=2 * n_checks)
    result.stdout.fnmatch_lines(
        [
            f"amn: other: {n_checks} declared, {n_checks} ran, 0 deselected: {NO_BASE}",
            f"amn: toy: {n_checks} declared, {n_checks} ran, 0 deselected: {NO_BASE}",
        ]
    )


def test_one_check_is_run_by_its_node_id(run: Run, n_checks: int) -> None:
    result = run("-v", "golden/toy/case.toml::C002-ood")

    assert result.ret == pytest.ExitCode.OK
    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines(
        [
            (
                f"amn: toy: {n_checks} declared, 1 ran, {n_checks - 1} deselected: "
                f"PARTIAL ({n_checks - 1} of {n_checks} checks deselected)"
            )
        ]
    )


def test_a_case_file_elsewhere_is_collected_only_when_named(run: Run, project: Path) -> None:
    shutil.move(project / "golden/toy", project / "elsewhere")

    assert run("--co", "-q").ret == pytest.ExitCode.NO_TESTS_COLLECTED
    result = run("--co", "-q", "elsewhere/case.toml")

    assert result.ret == pytest.ExitCode.OK
    result.stdout.fnmatch_lines(["elsewhere/case.toml::D003-readable"])


def test_collecting_only_is_not_a_missing_check(run: Run, n_checks: int) -> None:
    result = run("--co", "-q")

    assert result.ret == pytest.ExitCode.OK
    result.stdout.fnmatch_lines(["golden/toy/case.toml::G001-ood", f"{n_checks} tests collected*"])
    result.stdout.no_fnmatch_line("*did not run*")


def test_a_wrong_case_file_is_a_collection_error_with_every_problem(
    run: Run, edit: Callable[[str, str], None]
) -> None:
    edit("epochs = 2", "epoch = 2")
    edit("lift    = -0.5", 'lift    = "much"')

    result = run()

    assert result.ret == pytest.ExitCode.INTERRUPTED
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(
        [
            "*ERROR collecting golden/toy/case.toml*",
            "*case.toml: 2 problems",
            "  - line 16: training.epoch: unknown key. Fix: did you mean epochs?",
            "  - line 25: criteria.lift: *",
        ]
    )
    result.stdout.no_fnmatch_line("*Traceback*")
    result.stdout.no_fnmatch_line("*amn/config.py*")


@pytest.mark.parametrize(
    ("marker", "first", "families"),
    [
        ("amn_data", "D003-readable", "DSW"),
        ("amn_criteria", "R005-completed", "RMEC"),
        ("amn_golden", "G004-intact", "G"),
    ],
)
def test_a_marker_selects_its_families(run: Run, marker: str, first: str, families: str) -> None:
    result = run("--co", "-q", "-m", marker)

    assert result.ret == pytest.ExitCode.OK
    labels = [line.partition("::")[2] for line in result.outlines if "::" in line]
    assert labels[0] == first
    assert {label[0] for label in labels} == set(families)


def test_the_markers_are_documented(run: Run) -> None:
    result = run("--markers")

    assert result.ret == pytest.ExitCode.OK
    names = ("amn_data", "amn_index", "amn_criteria", "amn_golden", "amn_own")
    result.stdout.fnmatch_lines([f"@pytest.mark.{name}: *" for name in names])


def test_loading_the_plugin_loads_nothing_heavy(project: Path) -> None:
    code = (
        "import sys, amn.pytest_plugin; "
        "sys.exit(str({'torch', 'faiss', 'numpy', 'pydantic', 'pyarrow'} & set(sys.modules)))"
    )

    result = subprocess.run(  # noqa: S603 - this interpreter
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=project, check=False
    )

    assert result.stderr == "set()\n"
