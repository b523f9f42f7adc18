"""Readers of plain files: JSON in its dialects, and CSV.

JSON: our `run.json`; `{"history": [{"epoch": 1, ...}]}`, the earlier project's; the same as a dict
of columns, `{"history": {"val_loss": [...]}}`; `{"epochs": [...]}`; or the bare list of epochs.
"""

from __future__ import annotations

import csv
import math
import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from amn.errors import DataError
from amn.storage import parse_json, read_whole, regular, without_digest
from amn.training.record import TrainingRecord
from amn.training.records.history import (
    FIGURES,
    EpochFigures,
    RecordKind,
    RunHistory,
    history_of,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path


NAMES = {
    "epoch": ("epoch", "epochs"),
    "train_loss": ("train_loss", "loss", "training_loss", "train_loss_total", "train_total_loss"),
    "val_loss": ("val_loss", "valid_loss", "validation_loss", "eval_loss"),
    "train_cosine": ("train_cosine", "train_cos", "training_cosine", "train_cosine_similarity"),
    "val_cosine": (
        "val_cosine", "val_cos", "valid_cosine", "validation_cosine", "eval_cosine",
        "val_cosine_similarity",
    ),
    "lr": ("lr", "learning_rate", "train_lr", "train_learning_rate"),
}  # fmt: skip
FIELD_OF = {alias: name for name, aliases in NAMES.items() for alias in aliases}
TERM = re.compile(r"(?:train_)?(?:loss_(?P<after>.+)|terms?_(?P<term>.+))")
AGGREGATE = "total"  # `loss_total` is no term


def normalise(name: str) -> str:
    """Return a name as the table above writes it: `Train/Loss MSE` is `train_loss_mse`."""
    return re.sub(r"[^a-z0-9]+", "_", name.strip().lower()).strip("_")


def field_of(name: str) -> str | None:
    """Return the field that a name stands for, `terms.mse` for a loss term, None if unknown."""
    plain = normalise(name)
    if plain in FIELD_OF:
        return FIELD_OF[plain]
    match = TERM.fullmatch(plain)
    term = match and (match["after"] or match["term"])
    return f"terms.{term}" if term and term != AGGREGATE else None


def number(value: object, path: Path, where: str) -> float | None:
    """Return a figure as float64; empty is None, NaN and infinity stay what they are.

    Raises:
        DataError: If it is no number; `where` says which one.
    """
    if value is None or (isinstance(value, str) and not value.strip()):
        return None
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        raise DataError(path, f"{where}: expected a number, got {value!r}")
    try:
        return float(value)
    except (ValueError, OverflowError) as error:
        raise DataError(path, f"{where}: expected a number, got {value!r}") from error


def epoch_line(row: Mapping[str, Any], path: Path, where: str, *, default: int) -> EpochFigures:
    """Return one line of a log; what it names otherwise is left to `unread_keys`.

    Args:
        where: Address of the line, for messages.
        default: Number of the epoch where the line has none.
    """
    figures: dict[str, float | None] = {}
    terms: dict[str, float] = {}
    for key, value in row.items():
        if normalise(key) == "terms" and isinstance(value, dict):
            terms |= _terms(value, path, where)
            continue
        name = field_of(key)
        if name is None or isinstance(value, (dict, list)):
            continue
        got = number(value, path, f"{where}, {key}")
        if not name.startswith("terms."):
            figures[name] = got
        elif got is not None:
            terms[name.removeprefix("terms.")] = got
    epoch = figures.pop("epoch", None)
    if epoch is not None and (not math.isfinite(epoch) or epoch != int(epoch)):
        raise DataError(path, f"{where}: expected a whole number of the epoch, got {epoch}")
    return EpochFigures(epoch=default if epoch is None else int(epoch), terms=terms, **figures)


def _terms(values: Mapping[str, Any], path: Path, where: str) -> dict[str, float]:
    """Return a mapping of term to loss."""
    got = {normalise(name): number(v, path, f"{where}, terms.{name}") for name, v in values.items()}
    return {name: value for name, value in got.items() if value is not None}


def join_lines(lines: Sequence[EpochFigures]) -> tuple[EpochFigures, ...]:
    """Return one line an epoch, counted from 1.

    Lightning writes training and validation of an epoch on lines of their own: neighbours of one
    epoch that share no figure are one line. Keras and Lightning count from 0.
    """
    joined: list[EpochFigures] = []
    for line in lines:
        last = joined[-1] if joined else None
        if last and last.epoch == line.epoch and not _held(last) & _held(line):
            own = {name: getattr(line, name) for name in FIGURES if name in _held(line)}
            joined[-1] = replace(last, **own, terms={**last.terms, **line.terms})
        else:
            joined.append(line)
    if joined and joined[0].epoch == 0:
        joined = [replace(line, epoch=line.epoch + 1) for line in joined]
    return tuple(joined)


def _held(line: EpochFigures) -> set[str]:
    """Return the names of the figures that a line has."""
    return {name for name in FIGURES if getattr(line, name) is not None} | {
        f"terms.{term}" for term in line.terms
    }


def unread_keys(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return what `epoch_line` does not read."""
    return {
        key: value
        for key, value in row.items()
        if not (normalise(key) == "terms" and isinstance(value, dict))
        and (field_of(key) is None or isinstance(value, (dict, list)))
    }


EPOCH_KEYS = ("history", "epochs", "training_history")
WEIGHT_KEYS = ("loss_weights", "weights")
MODEL_KEYS = ("model_type", "model", "kind")
DIM_KEYS = ("dim", "embedding_dim", "vector_dim")
BEST_KEYS = {"best_val_loss": "val_loss", "best_val_cosine": "val_cosine"}
SCORES = ("in_dist", "ood")
STATUSES = ("finished", "stopped", "crashed")
FIX = "amn check run reads run.json, a history of epochs, CSV, TensorBoard and MLflow folders"


def read_json(path: Path) -> RunHistory:
    """Read a record in JSON.

    Raises:
        DataError: If it is not JSON, or holds no epochs.
    """
    try:
        data: object = parse_json(read_whole(path))
    except FileNotFoundError as error:
        raise DataError(path, "expected a record, found none") from error
    except ValueError as error:  # not JSON, or not UTF-8
        raise DataError(path, f"expected a record in JSON, got {error}") from error
    if isinstance(data, dict) and isinstance(data.get("record"), dict):
        return _own(data, path)
    return parse_history(data, path)


def _own(document: dict[str, Any], path: Path) -> RunHistory:
    """Return our run.json, whose own digest has to be right."""
    try:
        info = without_digest(document, path)
        record = TrainingRecord.from_json(info["record"])
        config = info["config"]
        kind = str(config["model"]["kind"])
        settings = {
            "criteria": config.get("criteria", {}),
            "abort": config.get("training", {}).get("abort", {}),
        }
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise DataError(path, f"expected the record of a run, got: {error!r}") from error
    name = path.parent.name or path.stem
    history = history_of(name, record, model=kind)
    return replace(history, source=path, settings=settings)


def parse_history(data: object, path: Path) -> RunHistory:
    """Return what a JSON document says about one training.

    Raises:
        DataError: If it holds no epochs, or one is not a table of numbers.
    """
    if isinstance(data, list):
        data = {"history": data}
    if not isinstance(data, dict):
        raise DataError(path, f"expected a record, got {type(data).__name__}. Fix: {FIX}")
    key = next((k for k in EPOCH_KEYS if isinstance(data.get(k), (list, dict))), None)
    if key is None and any(data.get(name) is not None for name in SCORES):
        data, key = {**data, "history": []}, "history"  # scores alone
    if key is None:
        raise DataError(
            path, f"expected epochs under 'history' or 'epochs', found none. Fix: {FIX}"
        )
    has_scores = any(data.get(name) is not None for name in SCORES)
    rows = [] if data[key] == [] and has_scores else _rows(data[key], path, key)
    known = {key, *BEST_KEYS, *SCORES, "references", "recorded_status", "name", "status", "excerpt"}
    unread = {k: v for k, v in data.items() if k not in known}
    per_epoch = {k: None for row in rows for k in unread_keys(row)}
    if per_epoch:
        unread[f"{key}[]"] = sorted(per_epoch)
    status = data.get("status", "")
    return RunHistory(
        name=str(data.get("name") or path.stem),
        source=path,
        origin="training history",
        model=_word(unread, MODEL_KEYS),
        epochs=_lines(rows, path, key),
        weights=_weights(unread, path),
        dim=_whole(unread, DIM_KEYS, path),
        references=_figures(data.get("references"), path, "references"),
        scores=_figures({k: data[k] for k in SCORES if data.get(k) is not None}, path, "scores"),
        bests=_figures({v: data[k] for k, v in BEST_KEYS.items() if k in data}, path, "best"),
        status=status if status in STATUSES else "",
        then=str(data.get("recorded_status", "")),
        is_excerpt=data.get("excerpt") is True,
        unread=unread,
    )


def _rows(table: object, path: Path, key: str) -> list[Mapping[str, Any]]:
    """Return the epochs as a list of rows, from a list or from a dict of columns."""
    if isinstance(table, dict):
        columns = {name: values for name, values in table.items() if isinstance(values, list)}
        lengths = {name: len(values) for name, values in columns.items()}
        if not lengths or len(set(lengths.values())) > 1:
            raise DataError(path, f"{key}: expected columns of one length, got {lengths}")
        return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]
    rows = table if isinstance(table, list) else []
    if not rows:
        raise DataError(path, f"{key}: expected at least one epoch, got none")
    for i, row in enumerate(rows):
        if not isinstance(row, dict):
            raise DataError(path, f"{key}[{i}]: expected a table of one epoch, got {row!r:.40}")
    return rows


def _lines(rows: list[Mapping[str, Any]], path: Path, key: str) -> tuple[EpochFigures, ...]:
    """Return the rows as epochs; a log without a single figure that we know is refused."""
    lines = join_lines(
        [epoch_line(row, path, f"{key}[{i}]", default=i + 1) for i, row in enumerate(rows)]
    )
    if rows and not RunHistory(name="", epochs=lines).parts - {"epochs", "lr"}:
        seen = ", ".join(list(rows[0])[:8])
        message = f"{key}: expected losses or cosines such as val_cosine, got {seen}"
        raise DataError(path, message)
    return lines


def _weights(unread: dict[str, Any], path: Path) -> dict[str, float] | None:
    """Take the declared weights of the loss terms."""
    key = next((k for k in WEIGHT_KEYS if isinstance(unread.get(k), dict)), None)
    if key is None:
        return None
    values = _figures(unread.pop(key), path, key)
    return {normalise(name): value for name, value in values.items()}


def _figures(values: object, path: Path, where: str) -> dict[str, float]:
    """Return a mapping of names to numbers; absent ones are left out."""
    if not isinstance(values, dict):
        return {}
    got = {str(name): number(v, path, f"{where}.{name}") for name, v in values.items()}
    return {name: value for name, value in got.items() if value is not None}


def _word(unread: dict[str, Any], keys: tuple[str, ...]) -> str:
    """Take the first of some keys that holds text."""
    key = next((k for k in keys if isinstance(unread.get(k), str)), None)
    return str(unread.pop(key)).lower() if key else ""


def _whole(unread: dict[str, Any], keys: tuple[str, ...], path: Path) -> int | None:
    """Take the first of some keys that is there, as a whole number."""
    key = next((k for k in keys if k in unread), None)
    value = number(unread.pop(key), path, str(key)) if key else None
    return None if value is None else int(value)


def read_csv(path: Path) -> RunHistory:
    """Read a CSV log: a header, then a line an epoch; columns may be empty in some lines.

    Raises:
        DataError: If it has no header or no line, or a cell of a known column is no number.
    """
    try:
        with regular(path).open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file, strict=True)
            rows = [(reader.line_num, row) for row in reader]
    except (UnicodeDecodeError, csv.Error) as error:
        raise DataError(path, f"expected CSV in UTF-8, got {error}") from error
    if not rows:
        raise DataError(path, "expected a header and at least one line, got none")
    lines = []
    for i, (line, row) in enumerate(rows):
        if None in row or None in row.values():
            n = len(reader.fieldnames or ())
            raise DataError(path, f"line {line}: expected {n} columns, got another number")
        lines.append(epoch_line(row, path, f"line {line}", default=i + 1))
    epochs = join_lines(lines)
    if not RunHistory(name="", epochs=epochs).parts - {"epochs", "lr"}:
        seen = ", ".join(list(rows[0][1])[:8])
        raise DataError(path, f"expected columns such as val_cosine or train_loss, got {seen}")
    unread = dict.fromkeys(k for _, row in rows for k in unread_keys(row))
    return RunHistory(
        name=path.stem,
        source=path,
        origin="CSV",
        epochs=epochs,
        unread={"columns": list(unread)} if unread else {},
    )


CSV = RecordKind(lambda path: path.is_file() and path.suffix == ".csv", read_csv)
JSON = RecordKind(lambda path: path.is_file() and path.suffix == ".json", read_json)
