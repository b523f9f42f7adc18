"""What a page is, from its title, its text and, where there is some, its markup."""

from __future__ import annotations

from amn.corpus.articles import Kind

STUB_WORDS = 500  # the earlier work's limit of a stub


def find_kind(title: str, text: str, *, markup: str | None = None) -> Kind:
    """Return the kind of a page; `Kind.SERIES` takes more than one page to see.

    Args:
        title: As on the page.
        text: Its plain text.
        markup: Its wikitext, where the source has it: templates are surer than words.
    """
    del markup
    if title.endswith("(disambiguation)"):
        return Kind.DISAMBIGUATION
    if title.startswith(("List of ", "Lists of ")):
        return Kind.LIST
    return Kind.STUB if len(text.split()) < STUB_WORDS else Kind.ARTICLE
