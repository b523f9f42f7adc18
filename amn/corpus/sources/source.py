"""A source: files of one format, read as a stream of articles and skipped pages.

Reading has two halves, so that the dear one can run in many processes:

```
records()   cheap, in order: cut the files into raw pages        Record | Skipped
parse()     pure, any process, any order: one raw page           Article | Skipped
```

Iterating does both, one after the other.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Protocol

from amn.corpus.articles import Article, Reason, Skipped
from amn.corpus.series import mark_series, series_among, template_digest
from amn.errors import DataError
from amn.storage import canonical_json, sha256_file, sha256_of

if TYPE_CHECKING:
    import re
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from amn.corpus.sources.selection import Selection

PROGRESS_PAGES = 256
COMPRESSED = r"(?:\.bz2|\.gz|\.zst)?"  # the end of a file's name, in a pattern


@dataclass(frozen=True, slots=True)
class Record:
    """One page, not yet read.

    Attributes:
        position: 1 is the first page of the source.
        where: Its place, for messages.
        raw: Its bytes or columns; what the format's `parse` understands. Picklable.
    """

    position: int
    where: str
    raw: Any


@dataclass(frozen=True, slots=True)
class Scope:
    """Which pages are wanted; namespaces None: all."""

    articles: Selection | None = None
    namespaces: tuple[int, ...] | None = (0,)

    def refusal(self, article_id: int, namespace: int = 0) -> Reason | None:
        """Return why a page is not wanted, or None."""
        if self.articles and self.articles.by == "id" and article_id not in self.articles:
            return Reason.OUTSIDE_SELECTION
        if self.namespaces is not None and namespace not in self.namespaces:
            return Reason.OUTSIDE_NAMESPACES
        return None


class Format(Protocol):
    """How files of one kind are cut into records, and a record into an article. Stateless."""

    @property
    def name(self) -> str:
        """The word for it in messages and manifests."""
        ...

    @property
    def files(self) -> re.Pattern[str]:
        """The whole names of its files."""
        ...

    def records(self, file: Path) -> Iterator[Record]:
        """Yield the pages of one file in order; `Source` renumbers `position`."""
        ...

    def parse(self, record: Record, scope: Scope) -> Article | Skipped:
        """Return the article of a record, or why there is none."""
        ...


@dataclass(frozen=True)
class Source:
    """Files of one format and what is wanted of them. Picklable.

    Attributes:
        path: The file or folder as given.
        files: In reading order.
        strict: Raise at the first page that is defect; otherwise it is skipped and counted.
        series: Templates of machine-written series: `with_series` finds them.
    """

    path: Path
    files: tuple[Path, ...]
    format: Format
    scope: Scope
    strict: bool = False
    series: frozenset[int] = frozenset()

    @property
    def name(self) -> str:
        """The format: mediawiki, wikiextractor, jsonl, parquet or text."""
        return self.format.name

    def identity(self) -> dict[str, Any]:
        """Return what decides the articles, as JSON data: format, files with sha256, scope."""
        articles, namespaces = self.scope.articles, self.scope.namespaces
        return {
            "format": self.name,
            "files": [
                {
                    "path": file.name
                    if file == self.path
                    else file.relative_to(self.path).as_posix(),
                    "bytes": file.stat().st_size,
                    "sha256": sha256_file(file),
                }
                for file in self.files
            ],
            "articles": None if articles is None else str(articles),
            "namespaces": None if namespaces is None else list(namespaces),
            "series": sha256_of(canonical_json(sorted(self.series))) if self.series else None,
        }

    def records(self) -> Iterator[Record | Skipped]:
        """Yield raw pages in order; stops behind the last wanted position.

        Raises:
            DataError: If a file breaks off or is not of this format.
        """
        wanted = self.scope.articles
        by_position = wanted if wanted is not None and wanted.by == "position" else None
        position = 0
        for file in self.files:
            try:
                for record in self.format.records(file):
                    position += 1
                    if by_position is None or position in by_position:
                        yield Record(position, record.where, record.raw)
                    else:
                        yield Skipped(Reason.OUTSIDE_SELECTION, record.where)
                    if by_position is not None and position == by_position.last:
                        return
            except DataError as error:
                if not position:
                    raise
                way_out = f"Pages up to {position} can be read: --articles '#1-#{position}'"
                raise DataError(error.path, f"{error.message}. {way_out}") from error

    def parse(self, record: Record) -> Article | Skipped:
        """Return the article of a record, or why there is none; needs no other record.

        Raises:
            DataError: If the source is strict and the page is defect.
        """
        item = self.format.parse(record, self.scope)
        if self.strict and isinstance(item, Skipped) and item.reason.is_defect:
            raise DataError(
                self.path,
                f"{item.where}: {item.reason}: {item.detail}."
                " Fix: mend it, or read without --strict to skip and count such pages",
            )
        return mark_series(item, self.series) if isinstance(item, Article) else item

    def with_series(self, progress: Callable[[int], None] | None = None) -> Source:
        """Read everything once and return a source that knows its machine-written series.

        Args:
            progress: Called with the pages read so far, every `PROGRESS_PAGES`.

        Raises:
            DataError: As `records` and `parse` do.
        """

        def digests() -> Iterator[int | None]:
            for number, item in enumerate(self, 1):
                yield template_digest(item) if isinstance(item, Article) else None
                if progress and number % PROGRESS_PAGES == 0:
                    progress(number)

        return replace(self, series=series_among(digests()))

    def __iter__(self) -> Iterator[Article | Skipped]:
        return (self.parse(x) if isinstance(x, Record) else x for x in self.records())
