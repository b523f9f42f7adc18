"""Results as MLflow runs: one a case, and below it one for each seed with its training."""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING, Any

from amn.errors import ArgumentError, require
from amn.report.export.curves import points
from amn.report.export.numbers import numbers

if TYPE_CHECKING:
    from collections.abc import Sequence

    from amn.gate.result import GateResult, JudgedCandidate

EXPERIMENT = "amn"
MOST_METRICS = 1000  # of one request
NOT_A_NAME = re.compile(r"[^\w. /-]")  # MLflow allows letters, digits, _ - . space and /


def open_client(uri: str) -> Any:  # noqa: ANN401 - mlflow.MlflowClient
    """Return a client of a tracking server (`https://...`), a database or a folder.

    Raises:
        MissingDependencyError: If mlflow is not installed.
        ArgumentError: If MLflow does not take the URI; its own words say why.
    """
    mlflow = require("mlflow", extra="mlflow")
    try:
        return mlflow.MlflowClient(tracking_uri=uri)
    except mlflow.exceptions.MlflowException as error:
        text = str(error).partition("\n")[0]
        raise ArgumentError(
            f"-o mlflow={uri}: expected an MLflow tracking URI, got: {text}"
        ) from error


def log_to_mlflow(target: str, results: Sequence[GateResult]) -> None:
    """Log every case as a run of the experiment `amn`; what is there stays.

    Raises:
        ArgumentError: If MLflow does not take the URI, or the server refuses what is written.
    """
    client = open_client(target)
    mlflow = require("mlflow", extra="mlflow")
    try:
        known = client.get_experiment_by_name(EXPERIMENT)
        experiment = known.experiment_id if known else client.create_experiment(EXPERIMENT)
        for result in results:
            run = _log_case(client, experiment, result)
            for candidate in result.candidates:
                _log_candidate(client, experiment, candidate, run)
    except mlflow.exceptions.MlflowException as error:
        raise ArgumentError(f"-o mlflow={target}: MLflow refused: {error}") from error


def _log_case(client: Any, experiment: str, result: GateResult) -> str:  # noqa: ANN401 - as above
    """Log verdict, scores and the number of every check; return the run's id."""
    tags = {"verdict": result.word, "reproduce": result.reproduce}
    run = client.create_run(experiment, run_name=result.case, tags=_named("amn.", tags))
    params = {"mode": result.mode, **result.digests} if result.mode else {}
    for name, value in params.items():
        client.log_param(run.info.run_id, name, value)
    values = {f"{n.split}/{n.measure}": n.value for n in numbers(result)}
    checked = {f"checks/{o.label}": o.number for o in result.outcomes if o.number is not None}
    finite = {k: v for k, v in (values | checked).items() if math.isfinite(v)}
    _log(client, run, [(name, value, 0) for name, value in finite.items()])
    client.set_terminated(run.info.run_id, "FAILED" if result.exit_code else "FINISHED")
    return str(run.info.run_id)


def _log_candidate(
    client: Any,  # noqa: ANN401 - as above
    experiment: str,
    candidate: JudgedCandidate,
    parent: str,
) -> None:
    """Log one seed's course of training by epoch."""
    if candidate.record is None:
        return
    tags = {"mlflow.parentRunId": parent, "amn.status": candidate.record.status}
    run = client.create_run(experiment, run_name=candidate.name, tags=tags)
    client.log_param(run.info.run_id, "seed", candidate.record.seed)
    _log(client, run, [(p.name, p.value, p.epoch) for p in points(candidate.record)])
    crashed = candidate.record.status == "crashed"
    client.set_terminated(run.info.run_id, "FAILED" if crashed else "FINISHED")


def _log(client: Any, run: Any, values: Sequence[tuple[str, float, int]]) -> None:  # noqa: ANN401 - as above
    """Log (name, value, step) in as few requests as the server takes."""
    entities = require("mlflow.entities", extra="mlflow")
    when = run.info.start_time
    metrics = [
        entities.Metric(NOT_A_NAME.sub("_", name), v, when, step) for name, v, step in values
    ]
    for first in range(0, len(metrics), MOST_METRICS):
        client.log_batch(run.info.run_id, metrics=metrics[first : first + MOST_METRICS])


def _named(prefix: str, values: dict[str, str]) -> dict[str, str]:
    return {f"{prefix}{key}": value for key, value in values.items()}
