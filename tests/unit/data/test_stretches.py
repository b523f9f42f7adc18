"""Stretches hold every window once, and the rows that it has."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from amn.data.stretches import stretch_batches
from amn.data.windows import Windows, find_windows
from amn.errors import ArgumentError
from tests.strategies import in_memory, running_keys

T = 3


def windows_of(*lengths: int) -> Windows:
    articles, chunks = running_keys(*lengths)
    rows = np.arange(len(articles), dtype=np.float32)[:, None] * np.ones((1, 4), np.float32)
    return find_windows(in_memory(articles, chunks, rows), T)


@given(
    lengths=st.lists(st.integers(1, 30), min_size=1, max_size=6),
    length=st.integers(1, 9),
    batch_size=st.integers(9, 40),
    seed=st.integers(0, 99),
)
def test_every_window_comes_once_with_its_own_rows(
    lengths: list[int], length: int, batch_size: int, seed: int
) -> None:
    windows = windows_of(*lengths)
    rng = np.random.default_rng(seed)
    batches = list(stretch_batches(windows, length=length, batch_size=batch_size, rng=rng))

    seen = []
    for batch in batches:
        offsets = batch.rows[:, : batch.length].ravel()[batch.places]  # each one's oldest row
        seen.append(offsets)
        targets = batch.rows.ravel()[batch.targets]
        np.testing.assert_array_equal(targets, batch.rows[:, T:].ravel()[batch.places])
        assert np.array_equal(targets, offsets + T)
        assert len(batch) == len(offsets)
        assert abs(len(batch) - batch_size) <= length or batch is batches[-1]
    assert len(batches) == -(-len(windows) // batch_size)
    together = np.concatenate([*seen, np.empty(0, np.int64)])
    assert np.array_equal(np.sort(together), windows.starts)


def test_no_row_lies_outside_the_article_of_its_stretch() -> None:
    windows = windows_of(7, 12, 5)

    for batch in stretch_batches(
        windows, length=4, batch_size=8, rng=np.random.default_rng(0)
    ):  # fmt: skip
        articles = windows.dataset.article_ids[batch.rows]
        assert (articles == articles[:, :1]).all()


def test_length_one_is_a_plain_shuffle_in_batches_of_the_asked_size() -> None:
    windows = windows_of(20, 9)
    batches = list(
        stretch_batches(windows, length=1, batch_size=10, rng=np.random.default_rng([5, 1]))
    )

    order = np.random.default_rng([5, 1]).permutation(len(windows))
    assert np.array_equal(np.concatenate([b.starts for b in batches]), windows.starts[order])
    assert [len(batch) for batch in batches] == [10, 10, 3]


def test_two_epochs_cut_an_article_in_different_places() -> None:
    windows = windows_of(60)
    rng = np.random.default_rng(0)
    cuts = [
        sorted(
            int(start)
            for batch in stretch_batches(windows, length=8, batch_size=16, rng=rng)
            for start in batch.starts
        )
        for _ in range(6)
    ]

    assert len({tuple(cut) for cut in cuts}) > 1


def test_a_stretch_longer_than_the_batch_is_refused() -> None:
    with pytest.raises(ArgumentError, match=r"^length: expected 1 to the batch size 4, got 5$"):
        next(stretch_batches(windows_of(20), length=5, batch_size=4, rng=np.random.default_rng(0)))
