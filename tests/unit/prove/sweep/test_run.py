"""A sweep trains every point, once, and chooses by what the judged splits have no say in."""

from __future__ import annotations

import sys
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from amn.engines import LocalEngine
from amn.errors import ConfigError, MissingDependencyError
from amn.golden.store import read_golden, write_golden
from amn.prove import sweep as run_module
from amn.prove.sweep import find_best, run_sweep
from amn.prove.sweep_config import SweepConfig
from amn.training import workers

if TYPE_CHECKING:
    from pathlib import Path

    from amn.case.load import Case
    from amn.golden.schema import Golden
    from amn.prove.sweep_result import PointResult


def run(case: Case, sweep: SweepConfig, cache: Path, **options: Any) -> list[PointResult]:
    return run_sweep(case, sweep, cache=cache, file=case.folder / "sweep.toml", **options)


def test_every_point_has_its_seeds_scores_and_lift(grid_results: tuple[PointResult, ...]) -> None:
    assert [result.point.name for result in grid_results] == [
        "lr=1e-09 context=3",
        "lr=1e-09 context=4",
        "lr=0.003 context=3",
        "lr=0.003 context=4",
    ]
    for result in grid_results:
        assert result.seeds == (0, 1)
        assert result.statuses == ("finished", "finished")
        assert result.against_golden == {}
        for summary in result.splits.values():
            assert summary.lift is not None
            assert summary.lift.low <= summary.lift.mean <= summary.lift.high
            assert summary.lift.mean == pytest.approx(
                summary.mean - summary.references[summary.strongest]
            )


def test_a_value_of_a_point_reaches_its_training(grid_results: tuple[PointResult, ...]) -> None:
    still, _, moved, longer = grid_results

    ood = still.splits["ood"]
    assert abs(ood.mean - ood.references["mean"]) < 1e-6  # an untrained network is the mean
    assert moved.val_cosine > still.val_cosine
    assert longer.n_train_windows < moved.n_train_windows


def test_a_sweep_that_is_started_again_trains_nothing(
    case_on_disk: Case,
    grid: SweepConfig,
    grid_results: tuple[PointResult, ...],
    toy_cache: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(workers, "run_jobs", None)

    assert [r.to_json() for r in run(case_on_disk, grid, toy_cache)] == [
        r.to_json() for r in grid_results
    ]


def test_the_best_has_the_highest_validation_cosine_and_has_finished(
    grid_results: tuple[PointResult, ...],
) -> None:
    best = find_best(grid_results)

    assert best is not None
    assert best.val_cosine == max(result.val_cosine for result in grid_results)
    ended = replace(best, statuses=("finished", "crashed"))
    assert find_best([ended]) is None
    assert find_best([ended, grid_results[0]]) is grid_results[0]


def test_every_point_that_is_no_case_is_listed_before_anything_is_trained(
    case_on_disk: Case, tmp_path: Path
) -> None:
    grid = {"training.lr": [0.01, -1.0], "windows.contexts": [3]}
    sweep = SweepConfig.model_validate({"schema": 1, "grid": grid})

    with pytest.raises(ConfigError) as caught:
        run(case_on_disk, sweep, tmp_path / "cache")

    text = "\n".join(caught.value.problems)
    assert "lr=0.01 contexts=3: windows.contexts: unknown key. Fix: did you mean context?" in text
    assert "lr=-1 contexts=3: training.lr: expected a number greater than 0, got -1.0" in text
    assert not (tmp_path / "cache").exists()


def test_a_point_is_compared_with_the_golden_where_the_windows_are_the_same(
    case_on_disk: Case, toy_golden: Golden, toy_cache: Path, tmp_path: Path
) -> None:
    case = replace(case_on_disk, folder=tmp_path)
    (tmp_path / "case.toml").write_bytes((case_on_disk.folder / "case.toml").read_bytes())
    write_golden(tmp_path, toy_golden)
    sweep = SweepConfig.model_validate(
        {"schema": 1, "seeds": [0], "grid": {"windows.context": [3, 4]}}
    )

    same, other = run(case, sweep, toy_cache)

    golden = read_golden(tmp_path).record.metrics["ood"].mean
    gain = same.against_golden["ood"]
    assert gain is not None
    assert gain.mean == pytest.approx(same.splits["ood"].mean - golden)
    assert gain.low <= gain.mean <= gain.high
    assert other.against_golden == {"in_dist": None, "ood": None}


SPACE = {
    "training.lr": {"low": 1e-4, "high": 1e-2, "log": True},
    "model.hidden_dim": {"low": 8, "high": 16, "whole": True},
    "training.clip": [0.5, 1.0],
}


def search(trials: int) -> SweepConfig:
    return SweepConfig.model_validate(
        {"schema": 1, "seeds": [0], "search": {"trials": trials, "seed": 1, "space": SPACE}}
    )


def test_a_search_takes_the_same_course_again_and_stays_in_its_space(
    case_on_disk: Case, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = run(case_on_disk, search(2), tmp_path / "runs")
    monkeypatch.setattr(workers, "run_jobs", None)
    second = run(case_on_disk, search(2), tmp_path / "runs")

    assert (tmp_path / "runs" / ".gitignore").exists()
    assert [r.to_json() for r in first] == [r.to_json() for r in second]
    rates = [result.point.changes["training.lr"] for result in first]
    assert len(set(rates)) == 2
    assert all(1e-4 <= rate <= 1e-2 for rate in rates)
    assert all(r.point.changes["model.hidden_dim"] in range(8, 17) for r in first)
    assert np.isfinite([result.val_cosine for result in first]).all()


def test_a_search_for_more_goes_on_where_it_ended(case_on_disk: Case, toy_cache: Path) -> None:
    told: list[str] = []
    two = run(case_on_disk, search(2), toy_cache)
    three = run(case_on_disk, search(3), toy_cache, notify=told.append)

    assert [r.point for r in three[:2]] == [r.point for r in two]
    assert told == [f"{three[2].point.name}: val cosine {three[2].val_cosine:.4f}"]


@pytest.fixture
def cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    """Cut a sweep off when its second point has been trained and not told."""
    make_result, calls = run_module.make_result, iter((False, True))

    def dying(*arguments: Any) -> PointResult:
        if next(calls, False):
            raise KeyboardInterrupt
        return make_result(*arguments)

    monkeypatch.setattr(run_module, "make_result", dying)


@pytest.mark.usefixtures("cut_off")
@pytest.mark.parametrize("kind", ["grid", "search"])
def test_a_sweep_that_was_cut_off_goes_on_and_ends_as_a_whole_one(
    case_on_disk: Case, tmp_path: Path, kind: str
) -> None:
    rates = {"schema": 1, "seeds": [0], "grid": {"training.lr": [0.001, 0.002, 0.003]}}
    sweep = search(3) if kind == "search" else SweepConfig.model_validate(rates)
    with pytest.raises(KeyboardInterrupt):
        run(case_on_disk, sweep, tmp_path / "cut")
    told: list[str] = []

    resumed = run(case_on_disk, sweep, tmp_path / "cut", notify=told.append)

    assert len(told) == 2
    whole = run(case_on_disk, sweep, tmp_path / "whole")
    assert [r.point for r in resumed] == [r.point for r in whole]
    assert [r.val_cosines for r in resumed] == [r.val_cosines for r in whole]
    assert len({r.point.name for r in whole}) == 3


def test_points_that_an_engine_trains_at_a_time_are_the_same(
    case_on_disk: Case, grid: SweepConfig, grid_results: tuple[PointResult, ...], tmp_path: Path
) -> None:
    together = run(case_on_disk, grid, tmp_path, engine=LocalEngine(1))

    assert [r.point for r in together] == [r.point for r in grid_results]
    assert [r.val_cosines for r in together] == [r.val_cosines for r in grid_results]


def test_values_may_be_lists_and_tables(case_on_disk: Case, toy_cache: Path) -> None:
    losses = [{"cosine": 1.0, "moment": 0.1}, {"mse": 1.0}]
    variants = [{"name": "half", "set": {"training.curriculum": [{"from_epoch": 1}]}}]
    sweep = SweepConfig.model_validate(
        {"schema": 1, "seeds": [0], "grid": {"training.losses": losses}, "variants": variants}
    )

    results = run(case_on_disk, sweep, toy_cache)

    assert [r.point.changes["training.losses"] for r in results] == losses
    assert results[0].point.changes["training.curriculum"] == [{"from_epoch": 1}]
    assert results[0].val_cosine != results[1].val_cosine


def test_optuna_that_is_not_installed_is_named_with_its_extra(
    case_on_disk: Case, grid: SweepConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "optuna", None)

    with pytest.raises(MissingDependencyError, match="Fix: pip install 'optuna>=4'"):
        run(case_on_disk, grid, tmp_path)
    assert list(tmp_path.iterdir()) == []
