from __future__ import annotations

import math

import numpy as np
import pytest

from amn.corpus.study.difference import Side, difference


def side(units: np.ndarray, values: np.ndarray, size: float = 1.0) -> Side:
    return Side(units, values * size, np.full(len(values), size))


def test_articles_of_one_size_give_the_welch_interval() -> None:
    stats = pytest.importorskip("scipy.stats")
    rng = np.random.default_rng(0)
    a, b = rng.normal(0, 1, 30), rng.normal(0.5, 2, 40)

    found = difference(side(np.arange(30), a, 3.0), side(np.arange(100, 140), b, 3.0))
    wanted = stats.ttest_ind(b, a, equal_var=False).confidence_interval()

    assert found.value == pytest.approx(b.mean() - a.mean())
    assert found.low == pytest.approx(wanted.low, rel=1e-9)
    assert found.high == pytest.approx(wanted.high, rel=1e-9)


def test_the_same_articles_on_both_sides_differ_by_exactly_nothing() -> None:
    values = np.random.default_rng(1).normal(size=20)

    found = difference(side(np.arange(20), values), side(np.arange(20), values))

    assert (found.low, found.value, found.high) == (0.0, 0.0, 0.0)


def test_articles_of_both_sides_narrow_the_interval() -> None:
    rng = np.random.default_rng(2)
    a, b = rng.normal(size=40), rng.normal(size=10)
    both = np.concatenate([a, b])

    shared = difference(side(np.arange(40), a), side(np.arange(50), both))
    apart = difference(side(np.arange(40), a), side(np.arange(100, 150), both))

    assert shared.value == apart.value
    assert shared.high - shared.low < 0.7 * (apart.high - apart.low)


def test_the_interval_misses_a_true_difference_of_zero_one_time_in_twenty() -> None:
    rng = np.random.default_rng(3)
    misses = 0
    for _ in range(1000):
        sides = []
        for first, n in ((0, 25), (100, 60)):
            sizes = rng.integers(1, 40, n).astype(float)
            means = rng.normal(0.5, 0.1, n)
            sides.append(Side(np.arange(first, first + n), means * sizes, sizes))
        found = difference(*sides)
        misses += not found.low <= 0 <= found.high

    assert 10 <= misses <= 65  # the more cautious of two intervals: at most about 5 %


def test_few_articles_give_no_bounds() -> None:
    found = difference(side(np.arange(7), np.arange(7.0)), side(np.arange(10, 30), np.arange(20.0)))

    assert (found.low, found.high) == (-math.inf, math.inf)


def test_articles_of_which_nothing_was_summed_do_not_count() -> None:
    empty = Side(np.arange(3), np.zeros(3), np.zeros(3))

    found = difference(empty, side(np.arange(10), np.ones(10)))

    assert math.isnan(found.a)
    assert found.n_a == 0


def test_the_effect_is_in_standard_deviations_of_articles() -> None:
    a = np.array([0.0, 2.0] * 10)

    found = difference(side(np.arange(20), a), side(np.arange(20, 40), a + 3))

    assert found.effect == pytest.approx(3 / np.std(a, ddof=1))
