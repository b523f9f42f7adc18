from __future__ import annotations

import json
import pickle
from typing import TYPE_CHECKING

import pytest

from amn.corpus.articles import Article, Kind
from amn.corpus.series import mark_series, series_among, template_digest, template_of
from amn.corpus.sources import open_source
from tests.pages import articles

if TYPE_CHECKING:
    from pathlib import Path

NAMES = ["Ada", "Bela", "Cora", "Dorn", "Eno", "Fara", "Gol", "Hul Vara", "Ibo", "Jor"]


def village(name: str, *, more: str = "", kind: Kind = Kind.STUB) -> Article:
    text = f"{name} ({name[::-1]}) is a village in the district of {name} County. It has 12 people."
    return Article(len(name), name, text + more, kind)


def test_names_and_numbers_are_taken_out_of_a_template() -> None:
    assert template_of("Old Ada (born 5 May) is a town of 1,200 in East Lund.") == (
        "N is a town of 0 in N"
    )


def test_ten_pages_of_one_template_are_a_series_and_nine_are_not() -> None:
    pages = [village(name) for name in NAMES]
    other = Article(99, "Salt", "Salt keeps food from going bad, and was money once.", Kind.STUB)
    series = series_among(map(template_digest, [*pages, other]))

    assert len(series) == 1
    assert {mark_series(page, series).kind for page in pages} == {Kind.SERIES}
    assert mark_series(other, series) is other
    assert not series_among(map(template_digest, pages[:9]))
    assert len(series_among(map(template_digest, pages[:9]), min_titles=9)) == 1


def test_marking_twice_changes_nothing() -> None:
    series = series_among(template_digest(village(name)) for name in NAMES)
    marked = mark_series(village("Ada"), series)

    assert mark_series(marked, series) == marked


@pytest.mark.parametrize(
    "article",
    [
        village("Ada", more=" word" * 150),
        village("Ada", kind=Kind.LIST),
        village("Ada", kind=Kind.ARTICLE),
        Article(1, "Names", "Ada Bela, 5 Cora 7 Dorn", Kind.STUB),
        Article(1, "Old", "", Kind.REDIRECT),
    ],
)
def test_long_pages_other_kinds_and_bare_names_belong_to_no_series(article: Article) -> None:
    assert template_digest(article) is None


def test_digests_are_counted_whatever_their_order() -> None:
    assert series_among([2**64 - 1, 3, None, 2**64 - 1, 3, 4], min_titles=2) == {2**64 - 1, 3}
    assert series_among([]) == frozenset()


def test_a_source_that_knows_its_series_marks_them_in_any_process(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    pages = [village(name) for name in NAMES]
    lines = [{"id": n, "title": p.title, "text": p.text} for n, p in enumerate(pages)]
    path.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    plain = open_source(path)
    source = pickle.loads(pickle.dumps(plain.with_series()))  # noqa: S301 - our own

    assert {item.kind for item in articles(plain)} == {Kind.STUB}
    assert {item.kind for item in articles(source)} == {Kind.SERIES}
    assert source.identity() != plain.identity()
