from __future__ import annotations

import re
import sys
from dataclasses import replace
from html.parser import HTMLParser
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pytest

from amn.corpus.report.data_page import write_comparison, write_description
from amn.corpus.study.circular import Circular
from amn.corpus.study.compare import Comparison, compare
from amn.corpus.study.region import open_region
from amn.corpus.study.study import Study
from amn.data.writer import Chunks, write_dataset
from amn.errors import MissingDependencyError
from tests.strategies import drifting_rows, running_keys

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(scope="module")
def comparison(tmp_path_factory: pytest.TempPathFactory) -> Comparison:
    ids, chunks = running_keys(*[12] * 40)
    extra = {"title": pa.array([f"T {i}" for i in ids]), "n_chars": pa.array(np.full(480, 300))}
    table = Chunks(article_ids=ids, chunk_index=chunks, extra=extra)
    path = tmp_path_factory.mktemp("page") / "toy"
    dataset = write_dataset(path, drifting_rows(40, 12, 16), table, name="<toy> & co")
    one = open_region(dataset, "0-19")
    return compare(Study(one), Study(open_region(dataset, "20-39", scan=one.scan)))


class Balance(HTMLParser):
    """Counts tags that are opened and not closed."""

    VOID = frozenset({"meta", "link"})

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:  # noqa: ARG002 - the parser's signature
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag not in self.VOID:
            assert self.open.pop() == tag


@pytest.mark.slow
def test_a_comparison_is_one_whole_page_that_needs_nothing_else(
    comparison: Comparison, tmp_path: Path
) -> None:
    write_comparison(comparison, tmp_path / "page.html")

    page = (tmp_path / "page.html").read_text()
    parser = Balance()
    parser.feed(page)
    assert parser.open == []
    assert comparison.answer in page.replace("&#39;", "'")
    assert page.count('<svg class="chart"') == 8
    assert page.count("<li>") == 2 * 8  # every legend names both
    assert "<td>articles of kind article</td><td>" in page
    assert not re.findall(r'(?:src|href)="(?!#|data:,")', page)
    assert "default-src 'none'; style-src 'sha256-" in page
    assert "&lt;toy&gt; &amp; co 0-19" in page
    assert "CIRCULAR" not in page
    assert not re.findall(r'="[^"]*(?:nan|inf)\b', page)


@pytest.mark.slow
def test_a_description_has_its_own_page_and_the_same_bytes_twice(
    comparison: Comparison, tmp_path: Path
) -> None:
    for name in ("one.html", "two.html"):
        write_description(comparison.a, tmp_path / name)

    assert (tmp_path / "one.html").read_bytes() == (tmp_path / "two.html").read_bytes()


@pytest.mark.slow
def test_what_is_not_known_is_not_drawn(comparison: Comparison, tmp_path: Path) -> None:
    bare = replace(
        comparison.a, kinds=None, article_words=None, chunk_chars=None, references={}, lags=()
    )

    write_description(bare, tmp_path / "page.html")

    page = (tmp_path / "page.html").read_text()
    assert page.count('<svg class="chart"') == 4
    assert "articles of kind" not in page


@pytest.mark.slow
def test_a_circular_filter_is_called_out_on_the_page(
    comparison: Comparison, tmp_path: Path
) -> None:
    found = replace(comparison, circular=(Circular("low coherence", "9 rows, by stage 'f'"),))

    write_comparison(found, tmp_path / "page.html")

    assert "CIRCULAR FILTER" in (tmp_path / "page.html").read_text()


def test_without_jinja_the_extra_is_named(
    comparison: Comparison, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "jinja2", None)

    with pytest.raises(MissingDependencyError, match=r"pip install 'jinja2>=3"):
        write_comparison(comparison, tmp_path / "page.html")
    assert not (tmp_path / "page.html").exists()
