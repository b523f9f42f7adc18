"""Sources and chunks on the texts of ../shared/data/corpus, which are no part of the project."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from amn.corpus.articles import Article, Kind
from amn.corpus.sources import open_source
from tests.pages import articles

CORPUS = Path(__file__).parents[3] / "shared" / "data" / "corpus"
pytestmark = pytest.mark.slow


@pytest.mark.skipif(not CORPUS.exists(), reason="needs ../shared/data/corpus")
def test_the_excerpt_has_the_kinds_that_its_markup_declares() -> None:
    found = articles(open_source(CORPUS / "enwiki-excerpt.xml.bz2", namespaces=None))
    titles = {kind: {item.title for item in found if item.kind is kind} for kind in Kind}

    assert Counter(item.kind for item in found) == {
        Kind.REDIRECT: 100,
        Kind.DISAMBIGUATION: 8,
        Kind.LIST: 2,
        Kind.STUB: 11,
        Kind.ARTICLE: 85,
    }
    assert titles[Kind.DISAMBIGUATION] == {
        "Aa River",  # {{geodis}}, "a large number of small European rivers"
        "Ada",
        "Aberdeen (disambiguation)",
        "Alien",
        "Animal (disambiguation)",
        "Argument (disambiguation)",
        "Asia Minor (disambiguation)",
        "Austin (disambiguation)",
    }
    assert not [item for item in found if _has_markup(item)]


def _has_markup(article: Article) -> bool:
    return any(mark in article.text for mark in ("{{", "}}", "[[", "]]", "{|", "<ref", "'''"))
