"""-n 2: the verdicts of one process, and no check lost between two."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from amn import pytest_plugin as plugin
from amn.plugin.ledger import node_key

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Run = Callable[..., pytest.RunResult]

xdist_plugin = pytest.importorskip("xdist.plugin", reason="pytest-xdist is not installed")


def test_two_workers_give_the_same_verdicts_and_train_each_seed_once(
    run_two: Run,
    edit: Callable[[str, str], None],
    pytester: pytest.Pytester,
    project: Path,
    n_checks: int,
) -> None:
    edit("ood     = 0.20", "ood     = 0.99")
    pytester.makepyfile("def test_a(): pass\ndef test_b(): pass\n")

    result = run_two("-v", "--amn-cache=runs", ".")

    ended = [line for line in result.outlines if re.search(r"\] (PASSED|FAILED) golden/toy", line)]
    assert len(ended) == n_checks
    assert len({line.split("]")[0] for line in ended}) == 1  # one worker has the whole case
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.assert_outcomes(passed=n_checks, failed=2)
    result.stdout.fnmatch_lines(
        [
            "*PASSED *test_b*",
            "FAIL R016-futility: 3 of 3 stopped, *",
            "FAIL C002-ood: 0.*, limit >= 0.9900",
            f"amn: toy: {n_checks} declared, {n_checks} ran, 0 deselected: FAIL",
            "amn: toy: in_dist 0.* (>= 0.2000), ood 0.* (>= 0.9900), *",
        ]
    )
    assert len(list(project.glob("runs/*/*/run.json"))) == 3


@pytest.mark.parametrize("dist", ["load", "worksteal"])
def test_a_removed_check_is_named(
    run_two: Run, pytester: pytest.Pytester, n_checks: int, dist: str
) -> None:
    pytester.makeconftest(
        "def pytest_collection_modifyitems(items):\n"
        "    items[:] = [item for item in items if 'D001' not in item.name]\n"
    )

    result = run_two(f"--dist={dist}", "-k", "D001 or D002 or D004")

    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.assert_outcomes(passed=2)
    result.stdout.fnmatch_lines(
        [
            f"amn: toy: {n_checks} declared, 2 ran, 1 not run, {n_checks - 3} deselected: ERROR",
            "amn: toy: ERROR: declared, not deselected, and did not run: D001-finite",
        ]
    )


def test_the_checks_of_a_case_are_one_group(run: Run, n_checks: int) -> None:
    result = run("--co", "-q", "-m", "xdist_group(name='toy')")

    assert result.ret == pytest.ExitCode.OK
    result.stdout.fnmatch_lines([f"{n_checks} tests collected*"])


def test_the_group_in_a_node_id_does_not_hide_a_check() -> None:
    assert node_key("golden/a@b/case.toml::C002-ood@toy") == "golden/a@b/case.toml::C002-ood"


def test_a_worker_that_dies_fails_its_check(run_two: Run, pytester: pytest.Pytester) -> None:
    pytester.makeconftest(
        "import os\n"
        "def pytest_runtest_call(item):\n"
        "    if 'D001' in item.name:\n"
        "        os._exit(1)\n"
    )

    result = run_two("-k", "D001 or D002 or D004")

    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.assert_outcomes(passed=2, failed=1)
    result.stdout.fnmatch_lines(
        [
            "amn: toy: * 2 ran, 1 not run, *: ERROR",
            "amn: toy: ERROR D001-finite: the worker that ran it died",
        ]
    )
    result.stdout.no_fnmatch_line("*did not run*")


@pytest.mark.parametrize(
    ("asked", "cases", "workers"),
    [
        (["golden"], 1, 0),
        (["golden/toy/case.toml::D001-finite"], 1, 0),
        (["golden"], 2, 2),
        (["golden/toy"], 3, 0),
        (["."], 1, 4),
        (["golden", "test_more.py"], 1, 4),
    ],
)
def test_no_worker_is_started_that_would_have_no_case(
    pytester: pytest.Pytester, project: Path, asked: list[str], cases: int, workers: int
) -> None:
    pytester.makepyfile(test_more="def test_a(): pass\n")
    for number in range(1, cases):
        (project / f"golden/other{number}").mkdir()
        (project / f"golden/other{number}/case.toml").write_text("schema = 1\n", "utf-8")

    config = pytester.parseconfig("-n4", *asked)
    wrapper = plugin.pytest_cmdline_main(config)
    next(wrapper)
    xdist_plugin.pytest_cmdline_main(config)

    assert len(config.option.tx) == workers
