"""What WikiExtractor writes: files `wiki_00` of `<doc>` elements, or of JSON objects."""

from __future__ import annotations

import html
import re
from typing import TYPE_CHECKING

from amn.corpus.articles import Article, Reason, Skipped
from amn.corpus.sources.columns import article_of
from amn.corpus.sources.jsonl import parse_object
from amn.corpus.sources.source import COMPRESSED, Record, Scope
from amn.corpus.sources.streams import MAX_RECORD_BYTES, read_lines
from amn.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

OPEN = b"<doc "
CLOSE = b"</doc>"
HEADER = re.compile(r'<doc id="(?P<id>[^"]*)"(?:[^>]*?) title="(?P<title>.*)">\s*')


class WikiExtractor:
    """`wiki_NN`, also `.bz2` and `.gz`: both output forms, `<doc>` and `--json`.

    A line of the text is a paragraph; the first line of a `<doc>` repeats its title.
    """

    name = "wikiextractor"
    files = re.compile(rf"wiki_\d+{COMPRESSED}")

    def records(self, file: Path) -> Iterator[Record]:
        """Yield the `<doc>` elements or lines of a file; what is no whole element fails to parse.

        Raises:
            DataError: If the file ends inside an element.
        """
        lines: list[bytes] = []
        size = position = begin = 0
        for number, line in enumerate(read_lines(file), 1):
            is_open = line.startswith(OPEN)
            if lines and (is_open or size > MAX_RECORD_BYTES):  # the element before has no end
                position += 1
                yield Record(position, f"{file.name}:{begin}", b"".join(lines))
                lines, size = [], 0
            if not lines and line.isspace():
                continue
            begin = begin if lines else number
            lines.append(line)
            size += len(line)
            if line.rstrip() == CLOSE or line.startswith(b"{"):
                position += 1
                yield Record(position, f"{file.name}:{begin}", b"".join(lines))
                lines, size = [], 0
        if lines:
            raise DataError(
                file,
                f"line {begin}: expected </doc> before the end of the file, got none."
                " Fix: run WikiExtractor again",
            )

    def parse(self, record: Record, scope: Scope) -> Article | Skipped:
        """Return the article of an element or line, or why there is none."""
        row = (
            parse_object(record.raw, record.where)
            if record.raw.startswith(b"{")
            else _row_of_doc(record.raw, record.where)
        )
        if isinstance(row, Skipped):
            return row
        text = row.get("text")
        if isinstance(text, str):  # it escapes <, > and & unless told otherwise
            row["text"] = html.unescape(text).strip().replace("\n", "\n\n")
        return article_of(row, record.where, scope)


def _row_of_doc(element: bytes, where: str) -> dict[str, object] | Skipped:
    """Return id, title and text of a `<doc>` element."""
    try:
        text = element.decode()
    except UnicodeDecodeError as error:
        return Skipped(Reason.ENCODING, where, f"byte {error.start} of the element")
    header, _, body = text.partition("\n")
    match = HEADER.fullmatch(header)
    if match is None or not body.rstrip().endswith("</doc>"):
        return Skipped(Reason.MALFORMED, where, f"no whole <doc> element: {header:.60}")
    title = html.unescape(match["title"])
    body = body.rstrip().removesuffix("</doc>").strip()
    first, _, rest = body.partition("\n")
    return {
        "id": match["id"],
        "title": title,
        "text": rest if html.unescape(first.strip()) == title else body,
    }
