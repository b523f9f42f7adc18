"""Readers of experiment trackers: TensorBoard event files and MLflow run folders.

Both store a series a figure, `(step, value)`; the steps of one series tell what an epoch is.
"""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from typing import TYPE_CHECKING, Literal

from amn.errors import DataError, require
from amn.storage import read_whole
from amn.training.records.history import EpochFigures, RecordKind, RunHistory
from amn.training.records.logs import field_of, number

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

EVENT_FILES = "*tfevents*"
MLFLOW_META, MLFLOW_METRICS = "meta.yaml", "metrics"
MLFLOW_STATUS: dict[str, Literal["finished", "crashed"]] = {
    "3": "finished",
    "FINISHED": "finished",
    "4": "crashed",
    "FAILED": "crashed",
}  # fmt: skip - the file store writes the number of mlflow.entities.RunStatus
ALL = 0  # TensorBoard's word for keeping every scalar


def read_events(folder: Path) -> RunHistory:
    """Read the scalars of a TensorBoard log folder.

    Raises:
        MissingDependencyError: Without the extra `records`.
        DataError: If there are no scalars that we know.
    """
    module = require("tensorboard.backend.event_processing.event_accumulator", extra="records")
    events = module.EventAccumulator(str(folder), size_guidance={module.SCALARS: ALL})
    events.Reload()
    # Summaries of TensorFlow 2 arrive as tensors of one number.
    series = {
        tag: [(e.step, e.value) for e in events.Scalars(tag)] for tag in events.Tags()["scalars"]
    }
    history = from_series(series, folder)
    return replace(history, origin="TensorBoard")


def read_mlflow(folder: Path) -> RunHistory:
    """Read an MLflow run folder: `meta.yaml` and a text file a metric, lines `time value step`.

    Raises:
        DataError: If a line is not of that form, or there are no metrics that we know.
    """
    root = folder / MLFLOW_METRICS
    files = sorted(file for file in root.rglob("*") if file.is_file()) if root.is_dir() else []
    series = {file.relative_to(root).as_posix(): _mlflow_series(file) for file in files}
    meta = _mlflow_meta(folder / MLFLOW_META)
    history = from_series(series, folder)
    status = meta.get("status", "")
    return replace(
        history,
        origin="MLflow",
        name=meta.get("run_name") or folder.name,
        status=MLFLOW_STATUS.get(status, ""),
        stop=f"expected a finished run, got MLflow status {status}" if status else "",
    )


def _mlflow_series(file: Path) -> list[tuple[int, float]]:
    """Return the points of one metric file."""
    points = []
    for i, line in enumerate(read_whole(file).decode(errors="replace").splitlines(), 1):
        words = line.split()
        if len(words) < 3 or not words[2].lstrip("-").isdigit():  # noqa: PLR2004 - time, value, step
            raise DataError(file, f"line {i}: expected 'time value step', got {line[:60]!r}")
        value = number(words[1], file, f"line {i}")
        points.append((int(words[2]), float("nan") if value is None else value))
    return points


def _mlflow_meta(path: Path) -> dict[str, str]:
    """Return the plain `key: value` lines of meta.yaml; nested values are not needed."""
    lines = read_whole(path).decode(errors="replace").splitlines() if path.is_file() else []
    pairs = (line.partition(":") for line in lines if ":" in line and not line.startswith(" "))
    return {key.strip(): value.strip().strip("'\"") for key, _, value in pairs}


def from_series(series: Mapping[str, list[tuple[int, float]]], source: Path) -> RunHistory:
    """Put series by name together into epochs.

    The series with the most steps among the validation figures tells the steps of the epochs; a
    step that was written twice keeps its last value, as the trackers show it. Steps that start at
    0, or count batches, become 1, 2, 3; a missing one leaves its gap.

    Raises:
        DataError: If none of the names is known.
    """
    known: dict[str, dict[int, float]] = {}
    for name, points in series.items():
        field = field_of(name)
        if field and field != "epoch":
            known.setdefault(field, {}).update(points)
    figures = [name for name in known if name != "lr"]
    if not figures:
        got = ", ".join(sorted(series)[:8]) or "none"
        raise DataError(source, f"expected series such as val/cosine or train/loss, got {got}")
    lead = max(figures, key=lambda name: (name.startswith("val_"), len(known[name])))
    steps = sorted(known[lead])
    lines = tuple(
        EpochFigures(
            epoch=_epoch(step, steps),
            terms={
                name.removeprefix("terms."): points[step]
                for name, points in known.items()
                if name.startswith("terms.") and step in points
            },
            **{
                name: points.get(step)
                for name, points in known.items()
                if not name.startswith("terms.")
            },
        )
        for step in steps
    )
    unread = sorted(name for name in series if field_of(name) in (None, "epoch"))
    return RunHistory(
        name=source.name,
        source=source,
        epochs=lines,
        unread={"series": unread} if unread else {},
    )


def _epoch(step: int, steps: list[int]) -> int:
    """Return the 1-based epoch of a step."""
    stride = min((b - a for a, b in pairwise(steps)), default=1)
    if stride == 1 and steps[0] > 0:
        return step  # a log that starts at epoch 7 says so
    return (step - steps[0]) // stride + 1


def _is_mlflow(path: Path) -> bool:
    return (path / MLFLOW_META).is_file() and (path / MLFLOW_METRICS).is_dir()


def _is_tensorboard(path: Path) -> bool:
    return any(path.glob(EVENT_FILES)) if path.is_dir() else "tfevents" in path.name


MLFLOW = RecordKind(_is_mlflow, read_mlflow)
TENSORBOARD = RecordKind(_is_tensorboard, read_events)
