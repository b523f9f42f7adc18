"""JSON lines: one object a line with id, title and text."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

from amn.corpus.articles import Article, Reason, Skipped
from amn.corpus.sources.columns import article_of, missing_columns
from amn.corpus.sources.source import COMPRESSED, Record, Scope
from amn.corpus.sources.streams import read_lines
from amn.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


class Jsonl:
    """`.jsonl`, also `.gz`, `.bz2` and `.zst`; keys id, title, text, and perhaps language."""

    name = "jsonl"
    files = re.compile(rf".+\.(?:jsonl|ndjson){COMPRESSED}")

    def records(self, file: Path) -> Iterator[Record]:
        """Yield the lines of a file that are not blank."""
        for number, line in enumerate(read_lines(file), 1):
            if number == 1:
                _refuse_other_shapes(file, line)
            if not line.isspace():
                yield Record(number, f"{file.name}:{number}", line)

    def parse(self, record: Record, scope: Scope) -> Article | Skipped:
        """Return the article of a line, or why there is none."""
        row = parse_object(record.raw, record.where)
        return row if isinstance(row, Skipped) else article_of(row, record.where, scope)


def parse_object(line: bytes, where: str) -> dict[str, object] | Skipped:
    """Return the JSON object of a line, or why there is none."""
    try:
        row = json.loads(line)
    except UnicodeDecodeError as error:
        return Skipped(Reason.ENCODING, where, f"byte {error.start} of the line")
    except (ValueError, RecursionError) as error:
        return Skipped(Reason.MALFORMED, where, f"not JSON: {error}")
    if not isinstance(row, dict):
        return Skipped(Reason.MALFORMED, where, f"expected an object, got {type(row).__name__}")
    return row


def _refuse_other_shapes(file: Path, line: bytes) -> None:
    """Raise when the first line shows that this is no file of articles.

    Raises:
        DataError: If it is an array, or an object without the columns.
    """
    if line.lstrip()[:1] == b"[":
        raise DataError(
            file,
            "line 1: expected one object a line, got an array. Fix: jq -c '.[]' FILE > FILE.jsonl",
        )
    row = parse_object(line, f"{file.name}:1")
    if isinstance(row, dict) and (missing := missing_columns(row)):
        raise DataError(
            file,
            f"line 1: expected the keys id, title, text, got {', '.join(row) or 'none'}."
            f" Fix: rename or add {', '.join(missing)}",
        )
