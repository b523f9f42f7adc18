"""A sweep trains every point, once, and chooses by what the judged splits have no say in."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from amn.errors import ConfigError
from amn.gate import cache as cache_module
from amn.golden.store import read_golden, write_golden
from amn.sweeps.config import SweepConfig
from amn.sweeps.run import find_best, run_sweep

if TYPE_CHECKING:
    from pathlib import Path

    from amn.case import Case
    from amn.golden.schema import Golden
    from amn.sweeps.result import PointResult


def run(case: Case, sweep: SweepConfig, cache: Path, **options: Any) -> list[PointResult]:
    return list(run_sweep(case, sweep, cache=cache, file=case.folder / "sweep.toml", **options))


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
        for summary in result.summaries.values():
            assert summary.lift is not None
            assert summary.lift.low <= summary.lift.mean <= summary.lift.high
            assert summary.lift.mean == pytest.approx(summary.mean - summary.references["mean"])


def test_a_value_of_a_point_reaches_its_training(grid_results: tuple[PointResult, ...]) -> None:
    still, _, moved, longer = grid_results

    lift = still.summaries["ood"].lift
    assert lift is not None
    assert abs(lift.mean) < 1e-6  # an untrained network is the mean of its context
    assert moved.val_cosine > still.val_cosine
    assert longer.n_train_windows < moved.n_train_windows


def test_a_sweep_that_is_started_again_trains_nothing(
    case_on_disk: Case,
    grid: SweepConfig,
    grid_results: tuple[PointResult, ...],
    toy_cache: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(cache_module, "run_seeds", None)

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
    assert "lr=-1 contexts=3: training.lr: input should be greater than 0, got -1.0" in text
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
    assert gain.mean == pytest.approx(same.summaries["ood"].mean - golden)
    assert gain.low <= gain.mean <= gain.high
    assert other.against_golden == {"in_dist": None, "ood": None}


def test_a_search_takes_the_same_course_again_and_stays_in_its_space(
    case_on_disk: Case, toy_cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("optuna")
    space = {
        "training.lr": {"low": 1e-4, "high": 1e-2, "log": True},
        "model.hidden_dim": {"low": 8, "high": 16, "whole": True},
        "training.clip": [0.5, 1.0],
    }
    sweep = SweepConfig.model_validate(
        {"schema": 1, "seeds": [0], "search": {"trials": 2, "seed": 1, "space": space}}
    )

    first = run(case_on_disk, sweep, toy_cache)
    monkeypatch.setattr(cache_module, "run_seeds", None)
    second = run(case_on_disk, sweep, toy_cache)

    assert [r.to_json() for r in first] == [r.to_json() for r in second]
    rates = [result.point.changes["training.lr"] for result in first]
    assert len(set(rates)) == 2
    assert all(1e-4 <= rate <= 1e-2 for rate in rates)
    assert all(r.point.changes["model.hidden_dim"] in range(8, 17) for r in first)
    assert np.isfinite([result.val_cosine for result in first]).all()
