from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from amn.data.windows import find_windows
from tests.strategies import Keys, in_memory, keys, running_keys, unit_rows

if TYPE_CHECKING:
    from numpy.typing import NDArray


def brute_force(
    articles: NDArray[np.int64],
    chunks: NDArray[np.integer],
    context: int,
    wanted: set[int] | None = None,
) -> list[int]:
    """Find the start rows of windows by looking at every row of every window."""
    starts = []
    for start in range(len(articles) - context):
        rows = range(start, start + context + 1)
        is_whole = all(
            articles[row] == articles[start] and chunks[row] == chunks[start] + k
            for k, row in enumerate(rows)
        )
        if is_whole and (wanted is None or articles[start] in wanted):
            starts.append(start)
    return starts


@given(table=keys(), context=st.integers(1, 8))
def test_windows_are_those_that_brute_force_finds(table: Keys, context: int) -> None:
    articles, chunks = table

    windows = find_windows(in_memory(articles, chunks), context)

    assert windows.starts.tolist() == brute_force(articles, chunks, context)
    assert windows.starts.dtype == np.int64


@given(table=keys(), context=st.integers(1, 4), data=st.data())
def test_windows_of_a_split_are_those_of_its_articles(
    table: Keys, context: int, data: st.DataObject
) -> None:
    articles, chunks = table
    wanted = data.draw(st.sets(st.sampled_from(sorted(set(articles.tolist())))))

    windows = find_windows(in_memory(articles, chunks), context, np.array(sorted(wanted), np.int64))

    assert windows.starts.tolist() == brute_force(articles, chunks, context, wanted)
    assert set(windows.article_ids.tolist()) <= wanted


@given(table=keys(), context=st.integers(1, 4))
def test_no_window_crosses_an_article_or_a_hole(table: Keys, context: int) -> None:
    articles, chunks = table
    windows = find_windows(in_memory(articles, chunks), context)

    rows = windows.rows(slice(None))

    assert (articles[rows] == articles[rows[:, :1]]).all()
    assert (np.diff(chunks[rows], axis=1) == 1).all()


def test_an_article_of_n_chunks_has_n_minus_context_windows() -> None:
    windows = find_windows(in_memory(*running_keys(4, 9, 6)), 5)

    assert len(windows) == 0 + 4 + 1
    assert windows.article_ids.tolist() == [1, 1, 1, 1, 2]
    assert windows.target_chunks.tolist() == [5, 6, 7, 8, 5]


def test_a_missing_chunk_leaves_no_window_over_it() -> None:
    articles, chunks = running_keys(8)
    kept = chunks != 3

    windows = find_windows(in_memory(articles[kept], chunks[kept]), 2)

    assert windows.target_chunks.tolist() == [2, 6, 7]


@pytest.mark.parametrize("n_rows", [1, 5])
def test_too_few_rows_give_no_windows(n_rows: int) -> None:
    windows = find_windows(in_memory(*running_keys(n_rows)), 5)

    assert len(windows) == 0
    assert windows.gather(slice(None)).shape == (0, 6, 8)


@given(table=keys(), context=st.integers(1, 3))
def test_sharded_and_whole_data_sets_give_the_same_windows(table: Keys, context: int) -> None:
    articles, chunks = table
    cuts = tuple(int(row) for row in np.flatnonzero(np.diff(articles)) + 1)

    whole = find_windows(in_memory(articles, chunks), context)
    sharded = find_windows(in_memory(articles, chunks, cuts=cuts), context)

    assert len(sharded.dataset.shards) == len(np.unique(articles))
    np.testing.assert_array_equal(
        sharded.gather(slice(None)), whole.gather(slice(None)), strict=True
    )


@pytest.mark.parametrize("dtype", [np.float16, np.float32])
def test_gathered_vectors_are_the_stored_ones_oldest_first_target_last(dtype: Any) -> None:
    vectors = unit_rows(7, dtype=dtype)
    windows = find_windows(in_memory(*running_keys(7), vectors), 2)

    gathered = windows.gather(np.array([3, 0]))

    assert gathered.dtype == np.float32
    np.testing.assert_array_equal(
        gathered, np.stack([vectors[3:6], vectors[0:3]]).astype(np.float32)
    )


def test_taking_windows_keeps_their_order() -> None:
    windows = find_windows(in_memory(*running_keys(9)), 2)

    taken = windows.take(np.array([5, 1]))

    assert taken.starts.tolist() == [5, 1]
    assert taken.targets.tolist() == [7, 3]
