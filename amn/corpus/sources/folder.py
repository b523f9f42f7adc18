"""A folder of plain-text files: an article a file."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from amn.corpus.articles import Reason, Skipped
from amn.corpus.sources.columns import plain_article
from amn.corpus.sources.source import COMPRESSED, Record, Scope
from amn.corpus.sources.streams import read_blocks

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from amn.corpus.articles import Article


class TextFiles:
    """`.txt`, also compressed. The title is the file's name, the id its position from 1."""

    name = "text"
    files = re.compile(rf".+\.txt{COMPRESSED}")

    def records(self, file: Path) -> Iterator[Record]:
        """Yield the one article of a file."""
        yield Record(1, file.name, (file.name.split(".txt")[0], b"".join(read_blocks(file))))

    def parse(self, record: Record, scope: Scope) -> Article | Skipped:
        """Return the article of a file, or why there is none."""
        if refusal := scope.refusal(record.position):
            return Skipped(refusal, record.where)
        title, data = record.raw
        try:
            text = data.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            return Skipped(Reason.ENCODING, record.where, f"byte {error.start}")
        return plain_article(record.position, title, text, record.where)
