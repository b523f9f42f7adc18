"""Opening a source: which format a path has, and which files belong to it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from amn.corpus.sources.jsonl import Jsonl
from amn.corpus.sources.selection import Selection, parse_selection
from amn.corpus.sources.source import Scope, Source
from amn.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path


def open_source(
    path: Path,
    *,
    articles: Selection | str | None = None,
    namespaces: Iterable[int] | None = (0,),
    strict: bool = False,
) -> Source:
    """Open a dump, a file or a folder of articles; nothing is read yet.

    Args:
        path: A file, or a folder of files of one format.
        articles: Ids such as `1-11000, 15000` or positions such as `#1-500`; None takes all.
        namespaces: MediaWiki namespaces to keep; None takes all.
        strict: Raise at the first broken page, instead of skipping and counting it.

    Raises:
        ArgumentError: If `articles` cannot be read.
        DataError: If there is no such path or no known format in it.
    """
    selection = parse_selection(articles) if isinstance(articles, str) else articles
    scope = Scope(selection, None if namespaces is None else tuple(sorted(set(namespaces))))
    if not path.exists():
        raise DataError(path, "expected a source of articles, got no such file or folder")
    return Source(path, (path,), Jsonl(), scope, strict)
