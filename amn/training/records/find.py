"""Which records lie under a path, and which reader each one takes."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from amn.errors import DataError
from amn.evaluation.storage import EVALUATION_FILE, load_evaluation
from amn.training.records.logs import FIX, read_csv, read_json
from amn.training.records.series import (
    EVENT_FILES,
    MLFLOW_META,
    MLFLOW_METRICS,
    read_events,
    read_mlflow,
)

if TYPE_CHECKING:
    from pathlib import Path

    from amn.training.records.history import RunHistory

RUN_FILE = "run.json"
SUFFIXES = (".json", ".csv")


def find_records(path: Path) -> list[Path]:
    """Return the records under a path: a file, a run folder, or a folder of either.

    Raises:
        DataError: If there is nothing, or a folder holds no record.
    """
    if not path.exists():
        raise DataError(path, "expected a record or a folder of records, found none")
    if path.is_file() or _is_run(path):
        return [path]
    found = [p for p in sorted(path.iterdir()) if p.is_file() and p.suffix in SUFFIXES]
    for folder in sorted(p for p in path.iterdir() if p.is_dir() and not p.name.startswith(".")):
        if _is_run(folder):
            found.append(folder)
        else:  # mlruns/<experiment>/<run>
            found += [p for p in sorted(folder.iterdir()) if p.is_dir() and _is_run(p)]
    if not found:
        raise DataError(path, f"expected records, found none. Fix: {FIX}")
    return found


def _is_run(folder: Path) -> bool:
    """Tell whether a folder is one run of ours, of TensorBoard or of MLflow."""
    if not folder.is_dir():
        return False
    is_mlflow = (folder / MLFLOW_META).is_file() and (folder / MLFLOW_METRICS).is_dir()
    return is_mlflow or (folder / RUN_FILE).is_file() or any(folder.glob(EVENT_FILES))


def _with_scores(folder: Path, history: RunHistory) -> RunHistory:
    """Add the scores of a run of ours; a folder without an evaluation has none."""
    if not (folder / EVALUATION_FILE).is_file():
        return history
    scores = load_evaluation(folder).scores
    return replace(history, scores={name: split.mean for name, split in scores.items()})


def read_record(path: Path) -> RunHistory:
    """Read one record.

    Raises:
        DataError: If it cannot be read as what it seems to be.
        MissingDependencyError: If TensorBoard's reader is needed and not installed.
    """
    if path.is_dir():
        if (path / RUN_FILE).is_file():
            return _with_scores(path, read_json(path / RUN_FILE))
        if (path / MLFLOW_META).is_file():
            return read_mlflow(path)
        if any(path.glob(EVENT_FILES)):
            return read_events(path)
        raise DataError(path, f"expected the folder of one run, got none. Fix: {FIX}")
    if not path.is_file():
        raise DataError(path, "expected a record, found none")
    if path.suffix == ".csv":
        return read_csv(path)
    if "tfevents" in path.name:
        return read_events(path)
    return read_json(path)
