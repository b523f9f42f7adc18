"""Readers of plain files: JSON in its dialects, JSON lines, CSV and TSV.

JSON: our `run.json`; `{"history": [{"epoch": 1, ...}]}`, the earlier project's; the same as a dict
of columns, `{"history": {"val_loss": [...]}}`, or the columns alone, as Keras' history is dumped;
`{"epochs": [...]}`; `{"log_history": [...]}`, the state of transformers' trainer; or the bare list
of epochs.
"""

from __future__ import annotations

import csv
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from amn.errors import DataError, in_words
from amn.storage import parse_json, read_whole, without_digest
from amn.training.record import TrainingRecord
from amn.training.records.history import RecordKind, RunHistory, history_of
from amn.training.records.names import ASIDE_FIELD, KNOWN, normalise
from amn.training.records.rows import COLUMNS, flatten, number, read_log

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from amn.training.records.history import Ending
    from amn.training.records.names import Names
    from amn.training.records.rows import Log, Row

EPOCH_KEYS = ("history", "epochs", "training_history")
TRAINER_KEY, SUMMARY_KEY = "log_history", "train_runtime"  # of transformers' trainer
SUMMARY_FILE = "wandb-summary.json"
WEIGHT_KEYS = ("loss_weights", "weights")
PRIMARY_KEYS = ("primary_loss", "primary")
MODEL_KEYS = ("model_type", "model", "kind")
DIM_KEYS = ("dim", "embedding_dim", "vector_dim")
BEST_KEYS = {"best_val_loss": "val_loss", "best_val_cosine": "val_cosine"}
SCORES = ("in_dist", "ood")
# What logs call the end of a training.
STATUS_OF: dict[str, Ending] = {
    **dict.fromkeys(("finished", "completed", "complete", "done", "success"), "finished"),
    **dict.fromkeys(("stopped", "early_stopped"), "stopped"),
    **dict.fromkeys(("crashed", "failed", "error", "nan", "diverged"), "crashed"),
    **dict.fromkeys(
        ("killed", "cancelled", "canceled", "interrupted", "preempted", "running", "scheduled",
         "pending", "aborted", "timeout"),
        "unfinished",
    ),
}  # fmt: skip
SEPARATORS = (",", "\t", ";", "|")
FIX = "amn check run FILE, where FILE is of a format in docs/records.md"


def read_json(path: Path, names: Names = KNOWN) -> RunHistory:
    """JSON: our `run.json`, a history of epochs, Keras' columns, transformers' trainer's state.

    Raises:
        DataError: If it is not JSON, or holds no epochs.
    """
    try:
        data: object = parse_json(read_whole(path))
    except FileNotFoundError as error:
        raise DataError(path, "expected a record, found none") from error
    except OSError as error:
        raise DataError(path, f"expected a record, got: {error.strerror}") from error
    except ValueError as error:  # not JSON, or not UTF-8
        raise DataError(path, f"expected a record in JSON, got {error}") from error
    if isinstance(data, dict) and isinstance(data.get("record"), dict):
        return _own(data, path)
    return parse_history(data, path, names)


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
        raise DataError(path, f"expected the record of a run, got: {in_words(error)}") from error
    name = path.parent.name or path.stem
    history = history_of(name, record, model=kind)
    return replace(history, source=path, settings=settings)


def parse_history(data: object, path: Path, names: Names = KNOWN) -> RunHistory:
    """Return what a JSON document says about one training.

    Raises:
        DataError: If it holds no epochs, or one is not a table of numbers.
    """
    if isinstance(data, list):
        data = {"history": data}
    if not isinstance(data, dict):
        raise DataError(path, f"expected a record, got {type(data).__name__}. Fix: {FIX}")
    if isinstance(data.get(TRAINER_KEY), list):
        return _trainer_state(data, path, names)
    data, key = _with_epochs(data, path, names)
    has_scores = any(data.get(name) is not None for name in SCORES)
    rows = [] if data[key] == [] and has_scores else _rows(data[key], path, key)
    log = _read([(f"{key}[{i}]", row) for i, row in enumerate(rows)], path, names, key)
    known = {key, *BEST_KEYS, *SCORES, "references", "recorded_status", "name", "status", "excerpt"}
    unread = {k: v for k, v in data.items() if k not in known}
    if log.unknown:
        unread[f"{key}[]"] = sorted(log.unknown)
    history = RunHistory(
        name=str(data.get("name") or path.stem),
        source=path,
        origin="training history",
        model=_word(unread, MODEL_KEYS),
        epochs=log.epochs,
        weights=_weights(unread, path),
        primary=normalise(_word(unread, PRIMARY_KEYS)) or names.primary_loss,
        dim=_whole(unread, DIM_KEYS, path),
        references=_figures(data.get("references"), path, "references"),
        scores=_figures({k: data[k] for k in SCORES if data.get(k) is not None}, path, "scores"),
        bests=_figures({v: data[k] for k, v in BEST_KEYS.items() if k in data}, path, "best"),
        then=str(data.get("recorded_status", "")),
        is_excerpt=data.get("excerpt") is True,
        is_stepped=log.is_stepped,
        unread=unread,
    )
    beside = tuple(
        name
        for name, value in flatten({k: v for k, v in unread.items() if k != f"{key}[]"})
        if _is_number(value) and names.field(name) is None
    )
    history = replace(history, unknown=(*log.unknown, *beside))
    return with_status(history, data.get("status"))


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def with_status(history: RunHistory, status: object) -> RunHistory:
    """Return a history that ended as its record says; a word nobody knows is `unknown`."""
    if status is None or status == "":
        return history
    word: Ending = STATUS_OF.get(str(status).strip().lower(), "unknown")
    is_good = word in ("finished", "stopped")
    stop = "" if is_good else f"expected a finished training, got status {status}"
    return replace(history, status=word, stop=stop)


def _with_epochs(data: dict[str, Any], path: Path, names: Names) -> tuple[dict[str, Any], str]:
    """Return a document, and the key of its epochs; columns alone get one."""
    if key := next((k for k in EPOCH_KEYS if isinstance(data.get(k), (list, dict))), None):
        return data, key
    columns = {
        name: values
        for name, values in data.items()
        if isinstance(values, list) and values and not isinstance(values[0], (dict, list))
    }
    if any(names.field(name) not in (None, ASIDE_FIELD) for name in columns):
        others = {name: value for name, value in data.items() if name not in columns}
        return {**others, "history": columns}, "history"
    if any(data.get(name) is not None for name in SCORES):  # scores alone
        return {**data, "history": []}, "history"
    got = ", ".join(list(data)[:8]) or "nothing"
    message = f"expected epochs under 'history' or 'epochs', found none, got {got}. Fix: {FIX}"
    raise DataError(path, message)


def _trainer_state(data: dict[str, Any], path: Path, names: Names) -> RunHistory:
    """Return the state of transformers' trainer; its last line sums the training up.

    It is whole when it took every step, or its own callbacks stopped it; a checkpoint within a
    training has not ended.
    """
    rows = [
        (f"{TRAINER_KEY}[{i}]", row)
        for i, row in enumerate(_rows(data[TRAINER_KEY], path, TRAINER_KEY))
        if SUMMARY_KEY not in row
    ]
    log = _read(rows, path, names, TRAINER_KEY)
    history = RunHistory(
        name=_trainer_name(path),
        source=path,
        origin="transformers' trainer",
        epochs=log.epochs,
        primary=names.primary_loss,
        planned=_whole(dict(data), ("num_train_epochs",), path),
        is_stepped=True,
        unread={f"{TRAINER_KEY}[]": sorted(log.unknown)} if log.unknown else {},
        unknown=log.unknown,
    )
    done, steps = (_whole(dict(data), (key,), path) for key in ("global_step", "max_steps"))
    if done is None or not steps or steps < 0:
        return history
    callbacks = data.get("stateful_callbacks")
    control = callbacks.get("TrainerControl") if isinstance(callbacks, dict) else None
    said = control.get("args") if isinstance(control, dict) else None
    is_over = isinstance(said, dict) and said.get("should_training_stop") is True
    if done >= steps or is_over:
        return replace(history, status="finished")
    stop = f"expected {steps:,} steps, got {done:,}: a checkpoint within a training"
    return replace(history, status="unfinished", stop=stop)


def _trainer_name(path: Path) -> str:
    folder = path.parent
    if folder.name.startswith("checkpoint-"):
        return f"{folder.parent.name}/{folder.name}"
    return folder.name if path.stem == "trainer_state" and folder.name else path.stem


def _rows(table: object, path: Path, key: str) -> list[Mapping[str, Any]]:
    """Return the epochs as a list of rows, from a list or from a dict of columns."""
    if isinstance(table, dict):
        columns = {name: values for name, values in table.items() if isinstance(values, list)}
        lengths = {name: len(values) for name, values in columns.items()}
        if not lengths or len(set(lengths.values())) > 1:
            raise DataError(
                path,
                f"{key}: expected columns of one length, got {lengths}. Fix: null in the place of "
                "each epoch without a figure",
            )
        return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]
    rows = table if isinstance(table, list) else []
    if not rows:
        raise DataError(path, f"{key}: expected at least one epoch, got none")
    for i, row in enumerate(rows):
        if not isinstance(row, dict):
            raise DataError(path, f"{key}[{i}]: expected a table of one epoch, got {row!r:.40}")
    return rows


def _read(rows: list[Row], path: Path, names: Names, where: str = "") -> Log:
    """Return the lines of a log; one without a single figure that we know is refused."""
    log = read_log(rows, path, names)
    if rows and not RunHistory(name="", epochs=log.epochs).parts - {"epochs", "lr"}:
        seen = ", ".join(list(rows[0][1])[:8])
        what = f"{where}: expected losses or cosines" if where else "expected columns"
        message = f"{what} such as val_cosine or train_loss, got {seen}. Fix: {COLUMNS}"
        raise DataError(path, message)
    return log


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


def read_csv(path: Path, names: Names = KNOWN) -> RunHistory:
    """CSV or TSV with a header: Keras' CSVLogger, Lightning's `metrics.csv`, W&B's export, dvclive.

    Columns may be empty in some lines. What separates them is what the header has, and is said.

    Raises:
        DataError: If it has no header or no line, or a cell of a known column is no number.
    """
    try:
        text = read_whole(path).decode("utf-8-sig")
        header = text.partition("\n")[0]
        separator = "\t" if path.suffix == ".tsv" else _separator(header)
        reader = csv.DictReader(text.splitlines(), delimiter=separator, strict=True)
        rows = [(reader.line_num, row) for row in reader]
    except OSError as error:
        raise DataError(path, f"expected CSV, got: {error.strerror}") from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise DataError(path, f"expected CSV in UTF-8, got {error}") from error
    if not rows:
        raise DataError(path, "expected a header and at least one line, got none")
    if len(set(reader.fieldnames or ())) < len(reader.fieldnames or ()):
        raise DataError(
            path, f"expected each column once, got {', '.join(reader.fieldnames or ())}"
        )
    for line, row in rows:
        if None in row or None in row.values():
            n = len(reader.fieldnames or ())
            raise DataError(path, f"line {line}: expected {n} columns, got another number")
    log = _read([(f"line {line}", row) for line, row in rows], path, names)
    origin = {",": "CSV", "\t": "TSV"}.get(separator, f"CSV, separated by {separator}")
    return _of_log(log, path, names, origin)


def _of_log(log: Log, path: Path, names: Names, origin: str) -> RunHistory:
    return RunHistory(
        name=path.stem,
        source=path,
        origin=origin,
        epochs=log.epochs,
        primary=names.primary_loss,
        is_stepped=log.is_stepped,
        unread={"columns": list(log.unknown)} if log.unknown else {},
        unknown=log.unknown,
    )


def _separator(header: str) -> str:
    """Return what separates the columns of a header: the first of the usual ones that it has."""
    return next((mark for mark in SEPARATORS if mark in header), ",")


def read_json_lines(path: Path, names: Names = KNOWN) -> RunHistory:
    """JSON lines: an object a line, as loggers of one's own append them.

    Raises:
        DataError: If a line is no object, or none has a figure that we know.
    """
    rows: list[Row] = []
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(path, f"expected JSON lines in UTF-8, got {error}") from error
    for i, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            row = parse_json(line)
        except ValueError as error:
            raise DataError(path, f"line {i}: expected a table in JSON, got {error}") from error
        if not isinstance(row, dict):
            raise DataError(path, f"line {i}: expected a table in JSON, got {line[:40]!r}")
        rows.append((f"line {i}", row))
    if not rows:
        raise DataError(path, "expected at least one line, got none")
    return _of_log(_read(rows, path, names), path, names, "JSON lines")


def read_summary(path: Path, names: Names = KNOWN) -> RunHistory:
    """Summary of W&B, `wandb-summary.json`: the last value of each figure, one line of the course.

    Raises:
        DataError: If it is no table, or has no figure that we know.
    """
    try:
        data = parse_json(path.read_bytes())
    except ValueError as error:
        raise DataError(path, f"expected a summary in JSON, got {error}") from error
    if not isinstance(data, dict):
        raise DataError(path, f"expected a summary, got {type(data).__name__}")
    log = _read([("summary", data)], path, names)
    history = _of_log(log, path, names, "W&B summary")
    return replace(history, name=_wandb_name(path), is_excerpt=True)


def _wandb_name(path: Path) -> str:
    folder = path.parent
    return folder.parent.name if folder.name == "files" else folder.name or path.stem


def _is_table(path: Path) -> bool:
    """Tell whether a file is CSV; one with tabs is a log only where it counts epochs or steps."""
    if not path.is_file() or path.suffix not in (".csv", ".tsv"):
        return False
    if path.suffix == ".csv":
        return True
    with path.open("rb") as file:
        header = file.readline(1 << 16).decode("utf-8-sig", "replace")
    return any(KNOWN.field(name) in ("epoch", "step") for name in header.strip().split("\t"))


CSV = RecordKind(_is_table, read_csv)
JSON = RecordKind(lambda path: path.is_file() and path.suffix == ".json", read_json)
SUMMARY = RecordKind(lambda path: path.is_file() and path.name == SUMMARY_FILE, read_summary)
JSON_LINES = RecordKind(
    lambda path: path.is_file() and path.suffix in (".jsonl", ".ndjson"), read_json_lines
)
