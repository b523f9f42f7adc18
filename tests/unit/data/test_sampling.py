"""A few rows that stand for many are spread evenly over articles."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from amn.data.sampling import evenly_spaced, sample_rows


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


@given(st.integers(0, 2000), st.integers(1, 300))
def test_evenly_spaced_positions_are_as_many_as_asked_for_and_reach_both_ends(
    n: int, most: int
) -> None:
    places = evenly_spaced(n, most)

    assert len(places) == min(n, most)
    assert (np.diff(places) > 0).all()
    assert n == 0 or places[0] == 0
    assert most == 1 or n == 0 or places[-1] == n - 1
    assert len(places) < 3 or np.ptp(np.diff(places)) <= 1
