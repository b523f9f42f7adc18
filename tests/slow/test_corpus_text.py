"""Sources and chunks on the texts of ../shared/data/corpus, which are no part of the project."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from amn.corpus.articles import Article, Kind
from amn.corpus.chunking import ChunkingConfig, Style, make_chunker
from amn.corpus.kinds import STUB_WORDS
from amn.corpus.series import mark_series, series_among, template_digest
from amn.corpus.sources import open_source
from tests.pages import articles

CORPUS = Path(__file__).parents[3] / "shared" / "data" / "corpus"
pytestmark = pytest.mark.slow


@pytest.mark.skipif(not CORPUS.exists(), reason="needs ../shared/data/corpus")
def test_the_excerpt_has_the_kinds_that_its_markup_declares() -> None:
    found = articles(open_source(CORPUS / "enwiki-excerpt.xml.bz2", namespaces=None))
    assert Counter(item.kind for item in found) == {
        Kind.REDIRECT: 100,
        Kind.DISAMBIGUATION: 8,
        Kind.LIST: 2,
        Kind.STUB: 11,
        Kind.ARTICLE: 85,
    }
    # The 8 pages with a disambiguation template: Austin, Aberdeen, Argument, Animal, Asia Minor,
    # Aa River ({{geodis}}), Alien, Ada. The README of the data says 9: so many say `may refer` or
    # `may also refer`, but two of those are articles (336 Altruism, 752 Art), and Aa River is not
    # among them: it is "a large number of small European rivers".
    assert {item.article_id for item in found if item.kind is Kind.DISAMBIGUATION} == {
        *(590, 632, 661, 679, 694, 696, 579, 630)
    }
    assert not [item for item in found if _has_markup(item)]


def _has_markup(article: Article) -> bool:
    return any(mark in article.text for mark in ("{{", "}}", "[[", "]]", "{|", "<ref", "'''"))


@pytest.mark.skipif(not CORPUS.exists(), reason="needs ../shared/data/corpus")
def test_the_three_thousand_articles_have_the_kinds_of_their_readme_and_few_templates() -> None:
    found = articles(open_source(CORPUS / "articles.jsonl.gz"))
    series = series_among(map(template_digest, found))
    marked = [mark_series(item, series) for item in found]
    kinds = Counter(item.kind for item in found)
    villages = [item for item in marked if "administrative district of Gmina" in item.text[:200]]

    assert len(found) == 3000
    assert kinds[Kind.LIST] == 38
    assert kinds[Kind.DISAMBIGUATION] == 173  # 137 say `may refer to`, the rest in other words
    assert sum(len(item.text.split()) < STUB_WORDS for item in found) == 2103
    assert len(series) == 6
    assert sum(item.kind is Kind.SERIES for item in marked) == 281
    assert sum(item.kind is Kind.SERIES for item in villages) / len(villages) > 0.95


@pytest.mark.skipif(not CORPUS.exists(), reason="needs ../shared/data/corpus")
@pytest.mark.parametrize("style", ["sentences", "paragraphs", "fixed"])
def test_chunks_of_real_articles_keep_every_word_and_the_limit(style: Style) -> None:
    chunker = make_chunker(ChunkingConfig(style=style, min_chars=1))

    for article in articles(open_source(CORPUS / "articles.jsonl.gz", articles="#1-#300")):
        chunks = chunker(article).chunks
        joined = "".join(chunk.text for chunk in chunks)
        assert "".join(joined.split()) == "".join(article.text.split())
        assert max((len(chunk.text) for chunk in chunks), default=0) <= 500
