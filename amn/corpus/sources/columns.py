"""Articles of sources that keep plain text in columns: id, title, text, and perhaps language."""

from __future__ import annotations

from typing import TYPE_CHECKING

from amn.corpus.articles import Article, Kind, Reason, Skipped, tidy
from amn.corpus.kinds import find_kind

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from amn.corpus.sources.source import Scope

COLUMNS = ("id", "title", "text")
END_OF_IDS = 1 << 63


def missing_columns(names: Iterable[str]) -> list[str]:
    """Return the needed columns that are not among `names`."""
    return [name for name in COLUMNS if name not in set(names)]


def article_of(row: Mapping[str, object], where: str, scope: Scope) -> Article | Skipped:
    """Return the article of a row, or why there is none.

    A text without any blank line has a paragraph a line, as extractors write it.
    """
    if missing := missing_columns(row):
        return Skipped(Reason.COLUMN, where, f"no {', '.join(missing)}; has {', '.join(row)}")
    article_id = parse_id(row["id"])
    if article_id is None:
        return Skipped(Reason.ID, where, f"expected an integer >= 0, got {row['id']!r:.40}")
    if refusal := scope.refusal(article_id):
        return Skipped(refusal, where)
    title, text = row["title"], row["text"]
    if not isinstance(title, str) or not isinstance(text, str):
        got = f"{type(title).__name__} and {type(text).__name__}"
        return Skipped(Reason.COLUMN, where, f"expected title and text as strings, got {got}")
    language = row.get("language")
    return plain_article(
        article_id, title, text, where, language if isinstance(language, str) else None
    )


def plain_article(
    article_id: int, title: str, text: str, where: str, language: str | None = None
) -> Article | Skipped:
    """Return the article of a plain text, tidied, or why there is none."""
    if not (title.isascii() and text.isascii()) and not _is_unicode(title, text):
        return Skipped(Reason.ENCODING, where, "half of a surrogate pair")
    text = tidy(text, paragraph_a_line="\n\n" not in text)
    if not text:
        return Skipped(Reason.EMPTY, where, title)
    kind = find_kind(title, text)
    return Article(article_id, title, "" if kind is Kind.REDIRECT else text, kind, language, where)


def parse_id(value: object) -> int | None:
    """Return an id, given as a number or in digits, or None."""
    if isinstance(value, str) and value.isascii() and value.isdigit():
        value = int(value)
    is_id = isinstance(value, int) and not isinstance(value, bool) and 0 <= value < END_OF_IDS
    return value if is_id and isinstance(value, int) else None


def _is_unicode(*texts: str) -> bool:
    """Return whether the texts can be written: JSON may hold one half of a surrogate pair."""
    try:
        for text in texts:
            text.encode()
    except UnicodeEncodeError:
        return False
    return True
