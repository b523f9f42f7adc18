"""A few rows that stand for many are spread evenly over articles."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from amn.data.sampling import sample_rows


@given(
    lengths=st.lists(st.integers(1, 9), min_size=1, max_size=8),
    n=st.integers(1, 40),
    seed=st.integers(0, 9),
)
def test_sampled_rows_are_different_and_spread_evenly_over_articles(
    lengths: list[int], n: int, seed: int
) -> None:
    articles = np.repeat(np.arange(len(lengths)), lengths)
    every = np.arange(len(articles))
    rows = sample_rows(every, articles, n, np.random.default_rng(seed))

    assert len(set(rows)) == len(rows) == min(n, len(articles))
    assert (np.diff(rows) > 0).all()
    counts = np.bincount(articles[rows], minlength=len(lengths))
    fewest = counts[counts < lengths]  # articles with rows left over
    assert not fewest.size or counts.max() - fewest.min() <= 1
    again = sample_rows(every, articles, n, np.random.default_rng(seed))
    np.testing.assert_array_equal(rows, again)
