"""Groups of articles: every article has one in every grouping."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pytest

from amn.data.dataset import DataSet, open_dataset
from amn.data.groupings import groups_of, titles_of
from amn.data.writer import Chunks, write_dataset
from tests.strategies import unit_rows

if TYPE_CHECKING:
    from pathlib import Path

TITLES = ["List of lists", "Mercury (disambiguation)", "Aristotle", "Index of B"]
CLUSTERS = np.repeat(np.arange(1, 13), np.arange(1, 13))
COUNTED = np.unique(CLUSTERS, return_counts=True)


@pytest.fixture
def dataset(tmp_path: Path) -> DataSet:
    ids = np.repeat(np.arange(1, 5), 3)
    extra = {"title": pa.array(np.repeat(TITLES, 3)), "kind": pa.array(["x", "y"] * 6)}
    chunks = Chunks(
        article_ids=ids, chunk_index=np.tile(np.arange(3, dtype=np.int32), 4), extra=extra
    )
    write_dataset(tmp_path / "data", unit_rows(12), chunks, name="data")
    return open_dataset(tmp_path / "data")


def test_titles_are_those_of_the_articles_that_are_asked_for(dataset: DataSet) -> None:
    assert titles_of(dataset, np.array([2, 2, 4])) == {2: TITLES[1], 4: TITLES[3]}


def test_every_article_is_in_a_third_by_length_and_in_a_block_of_ids() -> None:
    groups = groups_of(None, *COUNTED, {})

    assert set(groups) == {"length", "id block"}
    assert [len(set(group.values())) for group in groups.values()] == [3, 4]
    assert all(set(group) == set(range(1, 13)) for group in groups.values())
    assert groups["id block"][1] == "ids 1-3"
    assert groups["length"][12].startswith("long (over ")


def test_titles_tell_lists_and_disambiguation_pages() -> None:
    titles = {i: TITLES[i % 4] for i in range(1, 13)}

    kinds = groups_of(None, *COUNTED, titles)["kind"]

    assert [kinds[i] for i in (4, 5, 6, 7)] == ["list", "disambiguation", "article", "list"]


def test_a_kind_column_goes_before_titles(dataset: DataSet) -> None:
    articles = np.array([1, 2, 3, 4])

    kinds = groups_of(dataset, articles, np.full(4, 5.0), titles_of(dataset, articles))["kind"]

    assert kinds == {1: "x", 2: "y", 3: "x", 4: "y"}


def test_kinds_that_are_all_one_are_no_grouping() -> None:
    assert "kind" not in groups_of(None, *COUNTED, dict.fromkeys(range(1, 13), "Aristotle"))
