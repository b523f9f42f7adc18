"""What a page is, from its title, its text and, where the source has it, its wikitext."""

from __future__ import annotations

import re

from amn.corpus.articles import Kind

STUB_WORDS = 500  # the earlier work's limit of a stub

OPENING = 600  # characters in which a disambiguation page says what it is

REDIRECT = re.compile(r"\s*#\s*redirect\b", re.IGNORECASE)
LIST_TITLE = re.compile(
    r"(?:Lists? of|Liste (?:der|des|de|von)|Listes? d[e']|Lista d[aeio]s?|Lijst van|Список) "
)
# Names of the English Wikipedia's disambiguation templates, and the main one of other large ones.
DISAMBIGUATION_TEMPLATE = re.compile(
    r"""\{\{\s*(?:
        disambig(?:uation)?(?:\ page|\ cleanup|-cleanup)? | disamb | dab | dis
      | (?:hn|geo|callsign|hospital|number|road|school|math|species)-?(?:dis|dab|disambig)
      | [\w\- ]+\ disambiguation | letter-numbercombdisambig | mil-unit-dis
      | begriffsklärung | homonymie | desambiguaci[oó]n | disambigua | desambiguação
      | doorverwijspagina | dp | ujednoznacznienie | неоднозначность | aimai | 曖昧さ回避 | 消歧义
    )\s*(?:\||\}\}) | __DISAMBIG__""",
    re.IGNORECASE | re.VERBOSE,
)
# `X may refer to:`, and what else announces the list of meanings; ends a paragraph.
DISAMBIGUATION_PHRASE = re.compile(
    r"""\b(?:
        (?:may|can|could|might)(?:\ also)?(?:\ either)?\ (?:refer|mean|stand\ for|denote)
      | (?:also\ )?(?:commonly\ |usually\ )?refers\ to
    )\b [^.\n]{0,80} : [ ]* (?:\n|$)""",
    re.VERBOSE,
)


def find_kind(title: str, text: str, *, markup: str | None = None) -> Kind:
    """Return the kind of a page; `Kind.SERIES` takes more than one page to see.

    With wikitext, a disambiguation page is one that carries a disambiguation template. Without,
    it says so in its title, or a paragraph of its opening ends in a phrase such as `may refer to:`.

    Args:
        title: As on the page.
        text: Its plain text.
        markup: Its wikitext, where the source has it.
    """
    if REDIRECT.match(text if markup is None else markup):
        return Kind.REDIRECT
    if _is_disambiguation(title, text, markup):
        return Kind.DISAMBIGUATION
    if LIST_TITLE.match(title):
        return Kind.LIST
    is_stub = len(text.split(None, STUB_WORDS - 1)) < STUB_WORDS
    return Kind.STUB if is_stub else Kind.ARTICLE


def _is_disambiguation(title: str, text: str, markup: str | None) -> bool:
    """Return whether a page lists the meanings of its title."""
    if title.endswith("(disambiguation)"):
        return True
    if markup is not None:
        return DISAMBIGUATION_TEMPLATE.search(markup) is not None
    return DISAMBIGUATION_PHRASE.search(text, 0, OPENING) is not None
