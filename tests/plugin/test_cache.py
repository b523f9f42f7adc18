"""Where runs are kept, and what makes none."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Run = Callable[..., pytest.RunResult]


def test_data_checks_train_nothing(run: Run, project: Path) -> None:
    result = run("-k", "D001 or S001", runs=None)

    assert result.ret == pytest.ExitCode.OK
    result.assert_outcomes(passed=2)
    assert not (project / ".amn").exists()


def test_runs_are_kept_under_the_root_unless_told_otherwise(run: Run, project: Path) -> None:
    result = run("-k", "C002", "-q", runs=None)

    assert result.ret == pytest.ExitCode.OK
    assert len(list(project.glob(".amn/runs/*/*/run.json"))) == 3


def test_a_relative_cache_is_relative_to_the_working_folder(run: Run, project: Path) -> None:
    result = run("-k", "C002", "-q", runs="here")

    assert result.ret == pytest.ExitCode.OK
    assert len(list(project.glob("here/*/*/run.json"))) == 3
