"""Readers of experiment trackers' folders: TensorBoard event files, MLflow runs, DVCLive.

Each stores a series a figure, `(step, value)`; the steps of one series tell what an epoch is.
"""

from __future__ import annotations

import csv
from dataclasses import replace
from typing import TYPE_CHECKING

from amn.errors import DataError, require
from amn.storage import read_whole
from amn.training.records.history import RecordKind, RunHistory
from amn.training.records.names import KNOWN, SPLIT_OF
from amn.training.records.rows import COLUMNS, join_series, number, pick_columns

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from amn.training.records.history import Ending
    from amn.training.records.names import Names

    Series = Mapping[str, Sequence[tuple[float, float]]]

EVENT_FILES = "*tfevents*"
MLFLOW_META, MLFLOW_METRICS = "meta.yaml", "metrics"
MLFLOW_STATUS: dict[str, Ending] = {
    "1": "unfinished",
    "RUNNING": "unfinished",
    "2": "unfinished",
    "SCHEDULED": "unfinished",
    "3": "finished",
    "FINISHED": "finished",
    "4": "crashed",
    "FAILED": "crashed",
    "5": "unfinished",
    "KILLED": "unfinished",
}  # fmt: skip - the file store writes the number of mlflow.entities.RunStatus
MLFLOW_WORD = {"1": "RUNNING", "2": "SCHEDULED", "3": "FINISHED", "4": "FAILED", "5": "KILLED"}
DVCLIVE_METRICS = "plots/metrics"  # a TSV a figure, below the folder of its split
ALL = 0  # TensorBoard's word for keeping every point


def read_events(path: Path, names: Names = KNOWN) -> RunHistory:
    """TensorBoard: scalars and TF2's tensors, Keras' `train/` and `validation/` as one record.

    Raises:
        MissingDependencyError: Without the extra `records`.
        DataError: If there are no scalars that we know.
    """
    series: dict[str, list[tuple[float, float]]] = {}
    if path.is_file() or any(path.glob(EVENT_FILES)):
        series |= _events(path)
    for folder in _splits(path):
        series |= {f"{folder.name}/{tag}": points for tag, points in _events(folder).items()}
    return replace(from_series(series, path, names), origin="TensorBoard")


def _events(path: Path) -> dict[str, list[tuple[float, float]]]:
    """Return the points of every tag of an event file or a folder of them; text is no figure."""
    module = require("tensorboard.backend.event_processing.event_accumulator", extra="records")
    arrays = require("tensorboard.util.tensor_util", extra="records")
    guidance = {module.SCALARS: ALL, module.TENSORS: ALL}
    events = module.EventAccumulator(str(path), size_guidance=guidance)
    events.Reload()
    tags = events.Tags()
    series = {tag: [(e.step, e.value) for e in events.Scalars(tag)] for tag in tags["scalars"]}
    for tag in tags["tensors"]:  # TensorFlow 2 writes a scalar as a tensor of one number
        points = [(e.step, arrays.make_ndarray(e.tensor_proto)) for e in events.Tensors(tag)]
        if all(value.size == 1 and value.dtype.kind == "f" for _, value in points):
            series[tag] = [(step, float(value.reshape(()))) for step, value in points]
    return series


def _splits(path: Path) -> list[Path]:
    """Return the folders of event files below one that are named after a split."""
    if not path.is_dir():
        return []
    found = (one for one in sorted(path.iterdir()) if one.is_dir())
    return [one for one in found if one.name in SPLIT_OF and any(one.glob(EVENT_FILES))]


def read_mlflow(folder: Path, names: Names = KNOWN) -> RunHistory:
    """MLflow: the folder of a run, `meta.yaml` and a file a metric; how it ended is judged.

    Raises:
        DataError: If a line is not `time value step`, there are no metrics that we know, the run
            was deleted, or what says how it ended is missing.
    """
    path = folder / MLFLOW_META
    if not path.is_file():
        message = "expected meta.yaml beside metrics/, found none. Fix: copy the whole run folder"
        raise DataError(folder, message)
    meta = _mlflow_meta(path)
    status, stage = meta.get("status", ""), meta.get("lifecycle_stage", "active")
    if not status:
        raise DataError(path, "expected a status, found none. Fix: copy the run folder again")
    if stage != "active":
        fix = f"mlflow runs restore --run-id {meta.get('run_id', folder.name)}"
        raise DataError(path, f"expected an active run, got one that is {stage}. Fix: {fix}")
    root = folder / MLFLOW_METRICS
    files = sorted(file for file in root.rglob("*") if file.is_file())
    series = {file.relative_to(root).as_posix(): _mlflow_series(file) for file in files}
    known: Ending = MLFLOW_STATUS.get(status, "unknown")
    word = MLFLOW_WORD.get(status, status)
    return replace(
        from_series(series, folder, names),
        origin="MLflow",
        name=meta.get("run_name") or folder.name,
        status=known,
        stop="" if known == "finished" else f"expected a finished run, got MLflow status {word}",
    )


def _mlflow_series(file: Path) -> list[tuple[float, float]]:
    """Return the points of one metric file."""
    points = []
    for i, line in enumerate(read_whole(file).decode(errors="replace").splitlines(), 1):
        words = line.split()
        if len(words) < 3 or not words[2].lstrip("-").isdigit():  # noqa: PLR2004 - time, value, step
            raise DataError(file, f"line {i}: expected 'time value step', got {line[:60]!r}")
        value = number(words[1], file, f"line {i}")
        points.append((float(words[2]), float("nan") if value is None else value))
    return points


def _mlflow_meta(path: Path) -> dict[str, str]:
    """Return the plain `key: value` lines of meta.yaml; nested values are not needed."""
    lines = read_whole(path).decode(errors="replace").splitlines()
    pairs = (line.partition(":") for line in lines if ":" in line and not line.startswith(" "))
    return {key.strip(): value.strip().strip("'\"") for key, _, value in pairs}


def read_dvclive(folder: Path, names: Names = KNOWN) -> RunHistory:
    """DVCLive: its folder, whose `plots/metrics` holds a TSV of steps a figure.

    Raises:
        DataError: If a file is not `step` and one column, or there are no figures that we know.
    """
    root = folder / DVCLIVE_METRICS
    series = {}
    for file in sorted(root.rglob("*.tsv")):
        lines = file.read_text(encoding="utf-8-sig", errors="replace").splitlines()
        _, *rows = csv.reader(lines, delimiter="\t") if lines else [[]]
        points = []
        for i, row in enumerate(rows, 2):
            if len(row) != 2:  # noqa: PLR2004 - step and value
                raise DataError(file, f"line {i}: expected a step and a value, got {row}")
            step, value = (number(cell, file, f"line {i}") for cell in row)
            if step is not None and value is not None:
                points.append((step, value))
        series[file.relative_to(root).with_suffix("").as_posix()] = points
    return replace(from_series(series, folder, names), origin="DVCLive")


def from_series(series: Series, source: Path, names: Names = KNOWN) -> RunHistory:
    """Put series by name together into epochs: see `join_series`.

    Raises:
        DataError: If none of the names is known.
    """
    fields = {name: names.field(name) for name in series}
    chosen = pick_columns(
        {n: f for n, f in fields.items() if f not in (None, "epoch", "step")}, source
    )
    if not chosen.keys() - {"lr"}:
        got = ", ".join(sorted(series)[:8]) or "none"
        message = f"expected series such as val/cosine or train/loss, got {got}. Fix: {COLUMNS}"
        raise DataError(source, message)
    epochs = join_series({figure: series[name] for figure, name in chosen.items()}, source)
    unknown = tuple(sorted(name for name, figure in fields.items() if figure is None))
    return RunHistory(
        name=source.name,
        source=source,
        epochs=epochs,
        primary=names.primary_loss,
        is_stepped=True,
        unread={"series": list(unknown)} if unknown else {},
        unknown=unknown,
    )


def _is_mlflow(path: Path) -> bool:
    root = path / MLFLOW_METRICS
    if (path / MLFLOW_META).is_file() and root.is_dir():
        return True
    if not root.is_dir():
        return False
    first = next((file for file in sorted(root.rglob("*")) if file.is_file()), None)
    return first is not None and not first.suffix and _is_points(first)


def _is_points(file: Path) -> bool:
    """Tell whether a file begins with a point of MLflow's: its run has lost what names it."""
    with file.open("rb") as stream:
        words = stream.readline(1 << 10).split()
    return len(words) in (3, 4) and words[0].isdigit()


def _is_tensorboard(path: Path) -> bool:
    if path.is_file():
        return "tfevents" in path.name
    return any(path.glob(EVENT_FILES)) or bool(_splits(path))


MLFLOW = RecordKind(_is_mlflow, read_mlflow)
TENSORBOARD = RecordKind(_is_tensorboard, read_events)
DVCLIVE = RecordKind(lambda path: (path / DVCLIVE_METRICS).is_dir(), read_dvclive)
