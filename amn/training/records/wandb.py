"""Reader of W&B's own file, `run-ID.wandb`: what an offline run leaves behind.

The file is a LevelDB log of protobuf messages (doc/log_format.md of google/leveldb) behind a header
of 7 bytes. Messages are parsed by wandb itself.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Any

from amn.errors import DataError, require
from amn.storage import parse_json
from amn.training.records.history import RecordKind, RunHistory
from amn.training.records.names import KNOWN
from amn.training.records.rows import COLUMNS, read_log

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from amn.training.records.history import Ending
    from amn.training.records.names import Names
    from amn.training.records.rows import Row

MAGIC, HEADER_BYTES = b":W&B", 7
BLOCK_BYTES = 1 << 15
PIECE = struct.Struct("<IHB")  # checksum, length and type of a piece
WHOLE, FIRST, MIDDLE, LAST = range(1, 5)


def read_wandb(path: Path, names: Names = KNOWN) -> RunHistory:
    """W&B: the `.wandb` file of an offline run (needs wandb: extra `wandb`).

    Raises:
        MissingDependencyError: Without the extra `wandb`.
        DataError: If the file is cut within a message, is none of W&B's, or has no figure that we
            know.
    """
    messages = require("wandb.proto.wandb_internal_pb2", extra="wandb")
    rows: list[Row] = []
    name, code = path.stem, None
    for content in _messages(path):
        record = messages.Record()
        try:
            record.ParseFromString(content)
        except Exception as error:  # protobuf's DecodeError, whose module is no part of its API
            raise DataError(path, f"expected messages of W&B, got: {error}") from error
        kind = record.WhichOneof("record_type")
        if kind == "run":
            name = record.run.display_name or name
        elif kind == "history":
            cells = {"/".join(i.nested_key) or i.key: _value(i) for i in record.history.item}
            rows.append((f"line {len(rows) + 1}", cells))
        elif kind == "exit":
            code = int(record.exit.exit_code)
    log = read_log(rows, path, names)
    if not RunHistory(name="", epochs=log.epochs).parts - {"epochs", "lr"}:
        seen = ", ".join(list(rows[0][1])[:8]) if rows else "none"
        message = f"expected figures such as val/cosine, got {seen}. Fix: {COLUMNS}"
        raise DataError(path, message)
    status: Ending = "unfinished" if code is None else "crashed" if code else "finished"
    got = "no end of the run" if code is None else f"exit code {code}"
    return RunHistory(
        name=name,
        source=path,
        origin="W&B",
        epochs=log.epochs,
        primary=names.primary_loss,
        is_stepped=True,
        status=status,
        stop="" if status == "finished" else f"expected a finished run, got {got}",
        unread={"columns": list(log.unknown)} if log.unknown else {},
        unknown=log.unknown,
    )


def _value(item: Any) -> object:  # noqa: ANN401 - a message of wandb
    """Return the value of a figure; what is no number or text, as the table of a chart, is none."""
    value = parse_json(item.value_json)
    return None if isinstance(value, (list, dict, bool)) else value


def _messages(path: Path) -> Iterator[bytes]:
    """Yield the messages of a log; pieces of one that spans blocks are joined."""
    content = path.read_bytes()
    if not content.startswith(MAGIC):
        raise DataError(path, f"expected a file of W&B, got {content[:4]!r} at its start")
    at, message = HEADER_BYTES, b""
    while at + PIECE.size <= len(content):
        left = BLOCK_BYTES - at % BLOCK_BYTES
        if left < PIECE.size:  # the rest of a block that no piece fits into
            at += left
            continue
        _, length, kind = PIECE.unpack_from(content, at)
        if not WHOLE <= kind <= LAST:
            raise DataError(path, f"byte {at:,}: expected a piece of a message, got type {kind}")
        end = at + PIECE.size + length
        if end > len(content):
            raise DataError(path, f"byte {at:,}: expected {length:,} bytes, got fewer: it was cut")
        message += content[at + PIECE.size : end]
        at = end
        if kind in (WHOLE, LAST):
            yield message
            message = b""
    if message or content[at:].strip(b"\0"):
        raise DataError(path, "expected the end of a message, got the end of the file: it was cut")


WANDB = RecordKind(lambda path: path.is_file() and path.suffix == ".wandb", read_wandb)
