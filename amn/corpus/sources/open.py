"""Opening a source: which format a path has, and which files belong to it."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from amn.corpus.sources.selection import Selection, parse_selection
from amn.corpus.sources.source import Scope, Source
from amn.errors import DataError, mended_by
from amn.registry import Registry

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from amn.corpus.sources.source import Format

FORMATS: Registry[Callable[[], Format]] = Registry(
    "amn.sources",
    {
        "mediawiki": "amn.corpus.sources.mediawiki:MediaWiki",
        "wikiextractor": "amn.corpus.sources.wikiextractor:WikiExtractor",
        "jsonl": "amn.corpus.sources.jsonl:Jsonl",
        "parquet": "amn.corpus.sources.parquet:Parquet",
        "text": "amn.corpus.sources.folder:TextFiles",
    },
)


@mended_by("amn data build --help names what is read")
def open_source(
    path: Path,
    *,
    articles: Selection | str | None = None,
    namespaces: Iterable[int] | None = (0,),
    strict: bool = False,
    format_name: str | None = None,
) -> Source:
    """Open a dump, a file or a folder of articles; nothing is read yet.

    Args:
        path: A file, or a folder of files of one format; these are read in the order of their
            paths. Files whose names tell no format are passed over unless `format_name` is given,
            and always those whose names begin with a dot or, as `_SUCCESS`, an underscore.
        articles: Ids such as `1-11000, 15000` or positions such as `#1-#500`; None takes all.
        namespaces: MediaWiki namespaces to keep; None takes all.
        strict: Raise at the first defect page, instead of skipping and counting it.
        format_name: One of `FORMATS` for names that do not tell it; None goes by name.

    Raises:
        ArgumentError: If `articles` or `format_name` cannot be read.
        DataError: If there is no such path, or not files of exactly one format.
    """
    selection = parse_selection(articles) if isinstance(articles, str) else articles
    scope = Scope(selection, None if namespaces is None else tuple(sorted(set(namespaces))))
    if format_name is not None:
        FORMATS.require(format_name, "format")
    if not path.exists():
        raise DataError(path, "expected a source of articles, got no such file or folder")
    found = _files_by_format(path, format_name)
    if len(found) != 1:
        raise DataError(path, _refusal(found))
    ((name, files),) = found.items()
    return Source(path, tuple(files), FORMATS[name](), scope, strict)


def _files_by_format(path: Path, format_name: str | None) -> dict[str, list[Path]]:
    """Return the files of each format, in the order of their paths."""
    if path.is_file():
        name = format_name or _format_of(path)
        return {name: [path]} if name else {}
    found: dict[str, list[Path]] = defaultdict(list)
    for file in sorted(path.rglob("*"), key=lambda file: file.relative_to(path).parts):
        hidden = any(part.startswith((".", "_")) for part in file.relative_to(path).parts)
        name = None if hidden or not file.is_file() else _format_of(file) or format_name
        if name and format_name in {None, name}:
            found[name].append(file)
    return found


def _format_of(file: Path) -> str | None:
    """Return the name of the format that a file's name tells, or None."""
    return next((name for name, form in FORMATS.items() if form().files.fullmatch(file.name)), None)


def _refusal(found: dict[str, list[Path]]) -> str:
    """Return why these files are no source."""
    if found:
        counts = ", ".join(f"{len(files)} {name}" for name, files in found.items())
        return (
            f"expected files of one format, got {counts}."
            " Fix: choose one with --source-format, or a folder that has one"
        )
    return (
        "expected .xml, .jsonl, .parquet, .txt or WikiExtractor's wiki_00 (also .bz2, .gz, .zst),"
        f" got none. Fix: rename it, or say what it is: --source-format {'|'.join(FORMATS)}"
    )
