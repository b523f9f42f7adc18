"""Articles: what every source yields, whatever the file looks like."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum


class Kind(StrEnum):
    """What a page is; the first that fits, in this order of precedence."""

    REDIRECT = "redirect"
    DISAMBIGUATION = "disambiguation"
    LIST = "list"
    SERIES = "series"  # machine-written, one template over many titles: see amn.corpus.series
    STUB = "stub"  # fewer than STUB_WORDS words
    ARTICLE = "article"


@dataclass(frozen=True, slots=True)
class Article:
    """One page as plain text.

    Attributes:
        article_id: Unique within a source, >= 0.
        text: Plain text, paragraphs separated by one blank line; empty for redirects only.
        language: As the source declares it, such as `en`.
        where: Where it was read, for messages: `file:line`, `file: row n`, `file: byte n`.
    """

    article_id: int
    title: str
    text: str
    kind: Kind
    language: str | None = None
    where: str = field(default="", compare=False)


@dataclass(frozen=True, slots=True)
class Skipped:
    """A page that gave no article.

    Attributes:
        reason: One of a few fixed words, to be counted: `malformed XML`, `empty text`, ...
        where: Where it stands, as in `Article`, and what was found there.
    """

    reason: str
    where: str
