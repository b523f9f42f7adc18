"""What must hold for every comparison, whatever the data."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from amn.errors import ArgumentError
from amn.evaluation.noninferiority import Comparison, noninferiority
from amn.evaluation.statistics import cluster_interval
from amn.verdict import Verdict

RANK = {Verdict.FAIL: 0, Verdict.INCONCLUSIVE: 1, Verdict.PASS: 2}
Case = tuple[Any, Any, Any]  # candidate (S, N), golden (S', N), articles (N,)


@st.composite
def cases(draw: st.DrawFn, *, least: int = 8) -> Case:
    """Cosines of up to three seeds a side on 8 to 20 articles of 1 to 6 windows."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    articles = draw(st.integers(least, 20))
    ours, theirs = draw(st.integers(1, 3)), draw(st.integers(1, 3))
    clusters = np.repeat(np.arange(articles), rng.integers(1, 7, articles))
    spread = draw(st.sampled_from([0.001, 0.02, 0.3]))
    shift = draw(st.floats(-0.05, 0.05))
    golden = rng.normal(0.5, spread, (theirs, len(clusters)))
    return rng.normal(0.5 + shift, spread, (ours, len(clusters))), golden, clusters


def compare(candidate: Any, golden: Any, clusters: Any, *, margin: float = 0.01) -> Comparison:
    return noninferiority(
        candidate, golden, clusters, margin=margin, alpha=0.05, resamples=199, seed=3
    )


@settings(deadline=None)
@given(case=cases(), seed=st.integers(0, 1000))
def test_the_order_of_windows_changes_nothing(case: Case, seed: int) -> None:
    candidate, golden, clusters = case
    order = np.random.default_rng(seed).permutation(len(clusters))

    assert compare(candidate[:, order], golden[:, order], clusters[order]) == compare(*case)


@settings(deadline=None)
@given(case=cases(), seed=st.integers(0, 1000))
def test_names_of_articles_in_the_same_order_change_no_figure(case: Case, seed: int) -> None:
    candidate, golden, clusters = case
    names = np.sort(np.random.default_rng(seed).permutation(10**6)[: clusters.max() + 1])
    renamed, original = compare(candidate, golden, names[clusters]), compare(*case)

    assert (renamed.verdict, renamed.difference) == (original.verdict, original.difference)
    assert (renamed.lower, renamed.upper) == (original.lower, original.upper)


@settings(deadline=None)
@given(case=cases(), shift=st.floats(-0.5, 0.5))
def test_a_constant_added_to_the_candidate_moves_every_bound_by_it(
    case: Case, shift: float
) -> None:
    candidate, golden, clusters = case
    moved, original = compare(candidate + shift, golden, clusters), compare(*case)

    for field in ("difference", "lower", "upper"):
        expected = getattr(original, field) + shift
        assert getattr(moved, field) == pytest.approx(expected, abs=1e-9)


@settings(deadline=None)
@given(case=cases())
def test_a_candidate_identical_to_the_golden_passes_with_exactly_zero(case: Case) -> None:
    _, golden, clusters = case
    result = compare(golden.copy(), golden, clusters)

    assert result.verdict is Verdict.PASS
    assert (result.difference, result.lower, result.upper) == (0.0, 0.0, 0.0)


@settings(deadline=None)
@given(case=cases(), margin=st.floats(1e-4, 0.2))
def test_a_candidate_two_margins_below_one_golden_run_fails(case: Case, margin: float) -> None:
    _, golden, clusters = case
    result = compare(golden[:1] - 2 * margin, golden[:1], clusters, margin=margin)

    assert result.verdict is Verdict.FAIL
    assert result.difference == pytest.approx(-2 * margin, abs=1e-12)


@settings(deadline=None)
@given(case=cases(), data=st.data())
def test_one_nan_anywhere_raises(case: Case, data: st.DataObject) -> None:
    sides = [np.array(case[0]), np.array(case[1])]
    side = sides[data.draw(st.integers(0, 1))]
    side.flat[data.draw(st.integers(0, side.size - 1))] = math.nan

    with pytest.raises(ArgumentError):
        compare(*sides, case[2])


@settings(deadline=None)
@given(case=cases(), small=st.floats(1e-4, 0.1), factor=st.floats(1.0, 10.0))
def test_a_wider_margin_never_gives_a_worse_verdict(
    case: Case, small: float, factor: float
) -> None:
    narrow = compare(*case, margin=small).verdict
    wide = compare(*case, margin=small * factor).verdict

    assert RANK[wide] >= RANK[narrow]


@settings(deadline=None)
@given(case=cases(least=1))
def test_the_estimate_lies_between_its_bounds(case: Case) -> None:
    result = compare(*case)

    assert result.lower <= result.difference <= result.upper
    assert result.se >= 0
    assert 1 <= result.effective_clusters <= result.n_clusters + 1e-9


@settings(deadline=None)
@given(case=cases(), factor=st.floats(0.1, 10.0))
def test_an_interval_scales_with_its_values(case: Case, factor: float) -> None:
    values, clusters = case[0][0], case[2]
    one = cluster_interval(values, clusters, resamples=199, seed=5)
    scaled = cluster_interval(values * factor, clusters, resamples=199, seed=5)

    for field in ("mean", "low", "high", "se"):
        assert getattr(scaled, field) == pytest.approx(getattr(one, field) * factor, rel=1e-7)
