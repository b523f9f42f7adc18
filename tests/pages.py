"""Small self-written texts, and the files that hold them."""

from __future__ import annotations

from typing import TYPE_CHECKING
from xml.sax.saxutils import escape

from amn.corpus.articles import Article, Skipped

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from amn.corpus.sources import Source

TITLES = {3: "Lantern", 7: "Ferry", 12: "Quarry & Sons"}
TEXTS = {
    3: "A lantern holds a flame. It hangs by the door.\n\nSailors carry lanterns at night.",
    7: "The ferry crosses the river at noon.\n\nIt is full on market days: 5 < 6.",
    12: "Stone from the quarry built the town.",
}
HEAD = (
    '<mediawiki xmlns="http://www.mediawiki.org/xml/export-0.11/" xml:lang="en">\n  <siteinfo>\n'
    '    <namespaces><namespace key="6" case="first-letter">Datei</namespace></namespaces>\n'
    "  </siteinfo>\n"
)


def page(
    article_id: int | str, title: str, markup: str, *, namespace: int = 0, extra: str = ""
) -> str:
    """Return a `<page>` of an export."""
    return (
        f"  <page>\n    <title>{escape(title)}</title>\n    <ns>{namespace}</ns>\n"
        f"    <id>{article_id}</id>\n{extra}"
        f"    <revision><id>1</id><model>wikitext</model>"
        f'<text xml:space="preserve">{escape(markup)}</text></revision>\n  </page>\n'
    )


def write_export(path: Path, pages: Iterable[str], *, end: str = "</mediawiki>\n") -> Path:
    """Write an export of these pages."""
    path.write_text(HEAD + "".join(pages) + end, encoding="utf-8")
    return path


def articles(source: Source) -> list[Article]:
    """Return the articles of a source."""
    return [item for item in source if isinstance(item, Article)]


def skipped(source: Source) -> list[Skipped]:
    """Return the pages of a source that gave no article."""
    return [item for item in source if isinstance(item, Skipped)]


def as_texts(items: Sequence[Article]) -> dict[int, tuple[str, str]]:
    """Return title and text by id."""
    return {item.article_id: (item.title, item.text) for item in items}
