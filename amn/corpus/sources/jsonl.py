"""JSON lines: one object a line with id, title and text."""

from __future__ import annotations

import gzip
import json
from typing import TYPE_CHECKING

from amn.corpus.articles import Article, Skipped
from amn.corpus.kinds import find_kind
from amn.corpus.sources.source import Record, Scope

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


class Jsonl:
    """`.jsonl` and `.jsonl.gz` with the keys id, title, text."""

    name = "jsonl"

    def records(self, file: Path) -> Iterator[Record | Skipped]:
        """Yield the lines of a file."""
        with gzip.open(file) if file.suffix == ".gz" else file.open("rb") as lines:
            for number, line in enumerate(lines, 1):
                yield Record(number, f"{file.name}:{number}", line)

    def parse(self, record: Record, scope: Scope) -> Article | Skipped:
        """Return the article of a line."""
        row = json.loads(record.raw)
        article_id = int(row["id"])
        if refusal := scope.refusal(article_id):
            return Skipped(refusal, record.where)
        title, text = row["title"], row["text"]
        return Article(
            article_id, title, text, find_kind(title, text), row.get("language"), record.where
        )
