from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest

from amn.errors import ArgumentError, MissingDependencyError
from amn.report.export.mlflow import EXPERIMENT, log_to_mlflow, open_client
from amn.report.export.tensorboard import log_to_tensorboard

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from amn.gate.result import GateResult


def test_tensorboard_reads_scores_and_curves(
    tmp_path: Path, trained: Callable[[float], GateResult]
) -> None:
    from tensorboard.backend.event_processing.event_accumulator import (  # noqa: PLC0415 - slow to import
        EventAccumulator,
    )

    log_to_tensorboard(tmp_path / "logs", [trained(0.25)])

    scores = EventAccumulator(str(tmp_path / "logs/toy")).Reload()
    course = EventAccumulator(str(tmp_path / "logs/toy/seed-0")).Reload()
    assert scores.Scalars("ood/cosine")[0].value == pytest.approx(0.61)
    assert [(e.step, e.value) for e in course.Scalars("train_loss")] == [(1, 0.5), (2, 0.25)]


def test_tensorboard_never_adds_to_a_folder_that_exists(
    tmp_path: Path, trained: Callable[[float], GateResult]
) -> None:
    with pytest.raises(FileExistsError):
        log_to_tensorboard(tmp_path, [trained(0.25)])

    assert not list(tmp_path.iterdir())


def test_mlflow_reads_verdict_scores_and_curves(
    tmp_path: Path,
    trained: Callable[[float], GateResult],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    uri = (tmp_path / "runs").as_uri()

    log_to_mlflow(uri, [trained(0.25)])
    log_to_mlflow(uri, [trained(0.25)])

    client = open_client(uri)
    experiment = client.get_experiment_by_name(EXPERIMENT).experiment_id
    runs = client.search_runs([experiment])
    cases = [run for run in runs if run.info.run_name == "toy"]
    seeds = [run for run in runs if run.info.run_name == "seed 0"]
    assert len(cases) == len(seeds) == 2
    assert cases[0].data.metrics["ood/cosine"] == 0.61
    assert cases[0].data.metrics["checks/C002-ood"] == 0.61
    assert cases[0].data.tags["amn.verdict"] == "PASS"
    assert cases[0].info.status == "FINISHED"
    assert {run.data.tags["mlflow.parentRunId"] for run in seeds} == {c.info.run_id for c in cases}
    course = client.get_metric_history(seeds[0].info.run_id, "train_loss")
    assert [(m.step, m.value) for m in course] == [(1, 0.5), (2, 0.25)]


@pytest.mark.parametrize("uri", ["nonsense://x", "runs"])
def test_a_uri_that_mlflow_refuses_is_one_clear_line(
    uri: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("MLFLOW_ALLOW_FILE_STORE", raising=False)

    with pytest.raises(
        ArgumentError, match=r"^-o mlflow=.*: expected an MLflow tracking URI, got:"
    ):
        open_client(uri)

    assert not list(tmp_path.iterdir())


def test_without_mlflow_its_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "mlflow", None)

    with pytest.raises(MissingDependencyError, match=r"pip install 'mlflow-skinny>=2"):
        open_client("x")


def test_without_tensorboard_its_extra_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "tensorboard.summary.writer.event_file_writer", None)

    with pytest.raises(MissingDependencyError, match=r"pip install 'tensorboard>=2"):
        log_to_tensorboard(tmp_path / "x", [])
