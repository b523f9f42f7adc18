"""Readers of plain files: JSON in its dialects, and CSV.

JSON: our `run.json`; `{"history": [{"epoch": 1, ...}]}`, the earlier project's; the same as a dict
of columns, `{"history": {"val_loss": [...]}}`; `{"epochs": [...]}`; or the bare list of epochs.
"""

from __future__ import annotations

import csv
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from amn.errors import DataError
from amn.records.fields import epoch_line, join_lines, normalise, number, unread_keys
from amn.records.history import RunHistory, history_of
from amn.storage import parse_json, without_digest
from amn.training.record import TrainingRecord

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from amn.records.history import EpochFigures

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
        data: object = parse_json(path.read_bytes())
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
        with path.open(encoding="utf-8-sig", newline="") as file:
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
