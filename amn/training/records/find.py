"""Which records lie under a path, and which reader each one takes."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from amn.errors import DataError
from amn.evaluation.storage import EVALUATION_FILE, load_evaluation
from amn.registry import Registry
from amn.training.records.history import RecordKind
from amn.training.records.logs import FIX, read_json

if TYPE_CHECKING:
    from pathlib import Path

    from amn.training.records.history import RunHistory

RUN_FILE = "run.json"
# `RecordKind`s: the first that a path is one of reads it.
KINDS: Registry[RecordKind] = Registry(
    "amn.records",
    {
        "run": "amn.training.records.find:RUN",
        "mlflow": "amn.training.records.series:MLFLOW",
        "tensorboard": "amn.training.records.series:TENSORBOARD",
        "csv": "amn.training.records.logs:CSV",
        "json": "amn.training.records.logs:JSON",
    },
)


def find_records(path: Path) -> list[Path]:
    """Return the records under a path: a file, a run folder, or a folder of either.

    Raises:
        DataError: If there is nothing, or a folder holds no record.
    """
    if not path.exists():
        raise DataError(path, "expected a record or a folder of records, found none")
    if path.is_file() or _kind_of(path):
        return [path]
    inside = sorted(path.iterdir())
    found = [one for one in inside if one.is_file() and _kind_of(one)]
    for folder in (one for one in inside if one.is_dir() and not one.name.startswith(".")):
        if _kind_of(folder):
            found.append(folder)
        else:  # mlruns/<experiment>/<run>
            found += [one for one in sorted(folder.iterdir()) if one.is_dir() and _kind_of(one)]
    if not found:
        raise DataError(path, f"expected records, found none. Fix: {FIX}")
    return found


def _kind_of(path: Path) -> RecordKind | None:
    """Return the kind of record that a file or a folder is; None where it is none."""
    return next((kind for kind in KINDS.values() if kind.holds(path)), None)


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
    if kind := _kind_of(path):
        return kind.read(path)
    if path.is_dir():
        raise DataError(path, f"expected the folder of one run, got none. Fix: {FIX}")
    if not path.is_file():
        raise DataError(path, "expected a record, found none")
    return read_json(path)  # whatever its name: what it is not, the reader says


def _read_run(folder: Path) -> RunHistory:
    return _with_scores(folder, read_json(folder / RUN_FILE))


RUN = RecordKind(lambda path: (path / RUN_FILE).is_file(), _read_run)
