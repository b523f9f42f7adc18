"""A source: files of one format, read as a stream of articles and skipped pages.

Reading has two halves, so that the dear one can run in many processes:

```
records()   cheap, in order: cut the files into raw pages        Record | Skipped
parse()     pure, any process, any order: one raw page           Article | Skipped
```

Iterating does both, one after the other.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from amn.corpus.articles import Article, Skipped
from amn.errors import DataError
from amn.storage import sha256_file

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from amn.corpus.sources.selection import Selection

OUTSIDE_SELECTION = "outside --articles"
OUTSIDE_NAMESPACES = "outside namespaces"


@dataclass(frozen=True, slots=True)
class Record:
    """One page, not yet read.

    Attributes:
        position: 1 is the first page of the source.
        where: Its place, for messages.
        raw: Its bytes, or its columns; what the format's `parse` understands.
    """

    position: int
    where: str
    raw: Any


@dataclass(frozen=True, slots=True)
class Scope:
    """Which pages are wanted."""

    articles: Selection | None = None
    namespaces: tuple[int, ...] | None = (0,)

    def refusal(self, article_id: int, namespace: int = 0) -> str | None:
        """Return why a page is not wanted, or None."""
        if self.articles and self.articles.by == "id" and article_id not in self.articles:
            return OUTSIDE_SELECTION
        if self.namespaces is not None and namespace not in self.namespaces:
            return OUTSIDE_NAMESPACES
        return None


class Format(Protocol):
    """How files of one kind are cut into records, and a record into an article."""

    name: str

    def records(self, file: Path) -> Iterator[Record | Skipped]:
        """Yield the pages of one file; `position` counts from 1 in each file."""
        ...

    def parse(self, record: Record, scope: Scope) -> Article | Skipped:
        """Return the article of a record, or why there is none."""
        ...


@dataclass(frozen=True)
class Source:
    """Files of one format and what is wanted of them. Picklable.

    Attributes:
        files: In reading order.
        strict: Raise at the first page that is broken; otherwise it is skipped and counted.
    """

    path: Path
    files: tuple[Path, ...]
    format: Format
    scope: Scope
    strict: bool = False

    @property
    def name(self) -> str:
        """The format: mediawiki, wikiextractor, jsonl, parquet or text."""
        return self.format.name

    def identity(self) -> dict[str, Any]:
        """Return what decides the articles, as JSON data: format, files with sha256, scope."""
        return {
            "format": self.name,
            "files": [
                {
                    "path": file.relative_to(self.path).as_posix()
                    if file != self.path
                    else file.name,
                    "bytes": file.stat().st_size,
                    "sha256": sha256_file(file),
                }
                for file in self.files
            ],
            "articles": str(self.scope.articles) if self.scope.articles else None,
            "namespaces": self.scope.namespaces and list(self.scope.namespaces),
        }

    def records(self) -> Iterator[Record | Skipped]:
        """Yield raw pages in order; stops behind the last wanted position.

        Raises:
            DataError: If a file is truncated or not of this format; with `strict`, at a bad page.
        """
        wanted = self.scope.articles
        by_position = wanted if wanted is not None and wanted.by == "position" else None
        position = 0
        for file in self.files:
            for item in self.format.records(file):
                position += 1
                if by_position is not None and position > by_position.last:
                    return
                if by_position is not None and position not in by_position:
                    yield Skipped(OUTSIDE_SELECTION, item.where)
                elif isinstance(item, Skipped):
                    yield self._skipped(item)
                else:
                    yield Record(position, item.where, item.raw)

    def parse(self, record: Record) -> Article | Skipped:
        """Return the article of a record, or why there is none; needs no other record."""
        item = self.format.parse(record, self.scope)
        return self._skipped(item) if isinstance(item, Skipped) else item

    def __iter__(self) -> Iterator[Article | Skipped]:
        for item in self.records():
            yield self.parse(item) if isinstance(item, Record) else item

    def _skipped(self, item: Skipped) -> Skipped:
        """Return `item`, or raise when it is a defect of the file and the source is strict."""
        if self.strict and item.reason not in {OUTSIDE_SELECTION, OUTSIDE_NAMESPACES}:
            raise DataError(
                self.path, f"{item.where}: {item.reason}. Fix: mend it, or read without --strict"
            )
        return item
