"""Articles: what every source yields, whatever its files look like."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from enum import StrEnum

BLANK_LINES = re.compile(r"\n\s*\n")


class Kind(StrEnum):
    """What a page is; the first that fits, in this order."""

    REDIRECT = "redirect"
    DISAMBIGUATION = "disambiguation"
    LIST = "list"
    SERIES = "series"  # machine-written, one template over many titles: see amn.corpus.series
    STUB = "stub"  # fewer than kinds.STUB_WORDS words
    ARTICLE = "article"


class Reason(StrEnum):
    """Why a page gave no article: the words under which pages are counted."""

    OUTSIDE_SELECTION = "outside --articles"
    OUTSIDE_NAMESPACES = "outside namespaces"
    NOT_WIKITEXT = "not wikitext"  # a page of JSON, CSS or Lua
    EMPTY = "empty text"
    MALFORMED = "malformed page"
    ENCODING = "not UTF-8"
    COLUMN = "missing column"
    ID = "no usable id"

    @property
    def is_defect(self) -> bool:
        """Whether the file is at fault, not the page's nature or the reader's choice."""
        return self in {Reason.MALFORMED, Reason.ENCODING, Reason.COLUMN, Reason.ID}


@dataclass(frozen=True, slots=True)
class Article:
    """One page as plain text.

    Attributes:
        article_id: Unique within a source, 0 <= id < 2**63.
        text: Plain text, paragraphs separated by one blank line; empty for redirects only.
        language: As the source declares it, such as `en`.
        where: Where it was read, for messages: `file:line`, `file: row n`.
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
        where: Where it stands, as in `Article`.
        detail: What was found there; empty where the reason says it all.
    """

    reason: Reason
    where: str
    detail: str = ""


def tidy(text: str, *, paragraph_a_line: bool = False) -> str:
    """Return text with bare line feeds, and paragraphs separated by one blank line.

    Args:
        text: As found in a file.
        paragraph_a_line: Whether each line is a paragraph, as extractors write them.
    """
    text = text.replace("\r\n", "\n").replace("\r", "\n").strip()
    if paragraph_a_line:
        text = text.replace("\n", "\n\n")
    return BLANK_LINES.sub("\n\n", text)
