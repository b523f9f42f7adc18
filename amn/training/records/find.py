"""Which records lie under a path, and which reader each one takes."""

from __future__ import annotations

import inspect
from collections import Counter
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from amn.errors import AmnError, DataError, in_words, mended_by
from amn.evaluation.storage import EVALUATION_FILE, load_evaluation
from amn.registry import Registry
from amn.training.records.history import RecordKind, RunHistory
from amn.training.records.logs import FIX, read_json
from amn.training.records.names import KNOWN

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from amn.training.records.names import Names

RUN_FILE = "run.json"
OURS = {
    "run": "amn.training.records.find:RUN",
    "mlflow": "amn.training.records.series:MLFLOW",
    "tensorboard": "amn.training.records.series:TENSORBOARD",
    "dvclive": "amn.training.records.series:DVCLIVE",
    "trainer": "amn.training.records.find:TRAINER",
    "wandb": "amn.training.records.wandb:WANDB",
    "summary": "amn.training.records.logs:SUMMARY",
    "csv": "amn.training.records.logs:CSV",
    "json": "amn.training.records.logs:JSON",
    "json lines": "amn.training.records.logs:JSON_LINES",
}
# `RecordKind`s: the first that a path is one of reads it, those of installed packages before ours.
KINDS: Registry[RecordKind] = Registry("amn.records", OURS)
STATE_FILE, CHECKPOINTS = "trainer_state.json", "checkpoint-*/trainer_state.json"
# What lies beside records and is none, by the name that its own library gives it.
OTHERS = (
    "config.json", "generation_config.json", "tokenizer*.json", "special_tokens_map.json",
    "added_tokens.json", "vocab.json", "preprocessor_config.json", "modules.json", "adapter_*.json",
    "*.index.json", "config_sentence_transformers.json", "sentence_bert_config.json",
    "wandb-metadata.json", "all_results.json", "train_results.json", "eval_results.json",
    "evaluation.json", "index.json", "dataset.json", "golden.json", "golden.csv", "ledger.jsonl",
    "splits.json", "requirements.txt",
)  # fmt: skip


@dataclass(frozen=True)
class Found:
    """Records under some paths, and the files there that are none.

    Attributes:
        records: Files and folders that a reader takes.
        left_out: Why a file was not read -> how many files.
    """

    records: tuple[Path, ...]
    left_out: Mapping[str, int]


def find_records(path: Path) -> list[Path]:
    """Return the records under a path: see `search_records`."""
    return list(search_records([path]).records)


def search_records(paths: Sequence[Path]) -> Found:
    """Return the records under paths: files, folders of a run, or folders of any depth.

    Hidden folders are not looked into. What a record's folder holds besides belongs to it.

    Raises:
        DataError: If there is nothing under one of the paths, or a folder holds no record.
    """
    records: dict[Path, None] = {}
    left_out = Counter[str]()
    for path in paths:
        if not path.exists():
            raise DataError(path, "expected a record or a folder of records, found none")
        if path.is_file() or _kind_of(path):
            records[path] = None
            continue
        before = len(records)
        beside = Counter[str]()
        for one in _walk(path, set()):
            if reason := _reason(one):
                beside[reason] += 1
            else:
                records[one] = None
        if len(records) == before:
            got = f" among {describe_left_out(beside)}" if beside else ""
            raise DataError(path, f"expected records, found none{got}. Fix: {FIX}")
        left_out += beside
    return Found(tuple(records), left_out)


def describe_left_out(left_out: Mapping[str, int]) -> str:
    """Return `3 files of .png, 1 config.json`, the most of a kind first."""
    return ", ".join(f"{n:,} {reason}" for reason, n in Counter(left_out).most_common())


def _walk(folder: Path, seen: set[Path]) -> Iterator[Path]:
    """Yield every file below a folder, and folders that are one record in place of their files."""
    real = folder.resolve()
    if real in seen:  # a link that leads back
        return
    seen.add(real)
    for one in sorted(folder.iterdir()):
        if one.is_dir() and not one.name.startswith("."):
            if _kind_of(one):
                yield one
            else:
                yield from _walk(one, seen)
        elif one.is_file():
            yield one


def _reason(path: Path) -> str:
    """Return why a path is left out; empty for a record."""
    if known := next((name for name in OTHERS if path.match(name)), None):
        return known
    if path.name.startswith("."):
        return "hidden"
    if _kind_of(path):
        return ""
    return f"of {path.suffix}" if path.suffix else "without a suffix"


def _kind_of(path: Path) -> RecordKind | None:
    """Return the kind of record that a file or a folder is; None where it is none."""
    return next((kind for kind in _kinds() if kind.holds(path)), None)


def _kinds() -> Iterator[RecordKind]:
    """Yield every kind, those of packages first: ours take any `.json` and `.csv`."""
    for name in sorted(KINDS, key=lambda name: name in OURS):
        yield KINDS[name]


def _with_scores(folder: Path, history: RunHistory) -> RunHistory:
    """Add the scores of a run of ours; a folder without an evaluation has none."""
    if not (folder / EVALUATION_FILE).is_file():
        return history
    scores = load_evaluation(folder).scores
    return replace(history, scores={name: split.mean for name, split in scores.items()})


@mended_by("write it again; docs/records.md has what is read")
def read_record(path: Path, names: Names = KNOWN) -> RunHistory:
    """Read one record.

    Args:
        names: What a user says of its columns.

    Raises:
        DataError: If it cannot be read as what it seems to be.
        MissingDependencyError: If TensorBoard's reader is needed and not installed.
    """
    if kind := _kind_of(path):
        return _read_by(kind, path, names)
    if path.is_dir():
        raise DataError(path, f"expected the folder of one run, got none. Fix: {FIX}")
    if not path.is_file():
        raise DataError(path, "expected a record, found none")
    return read_json(path, names)  # whatever its name: what it is not, the reader says


def _read_by(kind: RecordKind, path: Path, names: Names) -> RunHistory:
    """Read a record by its kind; a reader that breaks, as one of a package may, hides no other."""
    takes = inspect.signature(kind.read).parameters
    try:
        found: object = kind.read(path, names) if "names" in takes else kind.read(path)
    except AmnError:
        raise
    except Exception as error:
        where = f"{kind.read.__module__}.{kind.read.__qualname__}"
        raise DataError(path, f"expected {where} to read it, got {in_words(error)}") from error
    if not isinstance(found, RunHistory):
        raise DataError(path, f"expected a RunHistory of its reader, got {type(found).__name__}")
    return found


def _read_run(path: Path) -> RunHistory:
    """Run of ours: its folder, the references measured, the scores judged where it has them."""
    return _with_scores(path, read_json(path / RUN_FILE))


def _states(folder: Path) -> list[Path]:
    """Return the states of transformers' trainer in a folder, the one that went furthest last."""
    if (folder / STATE_FILE).is_file():
        return [folder / STATE_FILE]
    found = folder.glob(CHECKPOINTS)
    return sorted(found, key=lambda state: (len(state.parent.name), state.parent.name))


def _read_trainer(path: Path, names: Names = KNOWN) -> RunHistory:
    """Folder of transformers' trainer: its state, or that of the furthest `checkpoint-N`."""
    return replace(read_json(_states(path)[-1], names), name=path.name)


RUN = RecordKind(lambda path: (path / RUN_FILE).is_file(), _read_run)
TRAINER = RecordKind(lambda path: path.is_dir() and bool(_states(path)), _read_trainer)
