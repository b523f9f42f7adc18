"""A minority among scores: what chance has, what is found, what is not symmetric by half."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from amn.checks.data_order import SURE
from amn.data.minorities import FEWEST_SCORES, find_below, minority_below

SHAPES = {
    "normal": lambda rng, n: rng.normal(0, 1, n),
    "heavy tails": lambda rng, n: rng.standard_t(4, n),
    "no tails": lambda rng, n: rng.uniform(-1.7, 1.7, n),
}
DRAWS = {"heavy tails": 500, "normal": 100, "no tails": 100}  # the first come near to what is said


@pytest.mark.parametrize("mirrored", [True, False])
@pytest.mark.parametrize("shape", SHAPES)
def test_symmetric_scores_speak_for_others_no_more_often_than_is_said(
    *, shape: str, mirrored: bool
) -> None:
    rng = np.random.default_rng(0)
    middle = 1.3 if mirrored else 3.0

    chances = [
        find_below(middle + SHAPES[shape](rng, 200), mirrored=mirrored).chance
        for _ in range(DRAWS[shape])
    ]

    assert np.mean(np.array(chances) < 0.1) <= 0.1
    assert np.mean(np.array(chances) < 0.01) <= 0.01
    assert min(chances) > 1e-4


@pytest.mark.parametrize("mirrored", [True, False])
def test_a_tenth_of_another_kind_is_found_article_by_article(*, mirrored: bool) -> None:
    rng = np.random.default_rng(0)
    scores = rng.normal(4, 1, 200)
    scores[:20] = -scores[:20] if mirrored else rng.normal(0, 1, 20)

    found = find_below(scores, mirrored=mirrored)

    assert found.chance < 1e-5
    assert set(found.articles[:18]) <= set(range(20))
    assert scores[found.articles].tolist() == sorted(scores[found.articles])
    assert len(found.articles) == pytest.approx(20, abs=4)


@pytest.mark.parametrize("middle", [1.0, 1.5, 3.0])
def test_as_many_are_named_as_there_are_where_none_is_sure_by_itself(middle: float) -> None:
    rng = np.random.default_rng(0)
    scores = rng.normal(middle, 1, 560)
    scores[:112] *= -1

    found = find_below(scores, mirrored=True)

    assert found.chance < 1e-6
    assert len(found.articles) == pytest.approx(112, abs=10)


def test_as_many_far_above_the_middle_as_below_it_are_a_wide_spread() -> None:
    rng = np.random.default_rng(0)
    scores = np.concatenate([rng.normal(4, 1, 160), rng.normal(0, 1, 20), rng.normal(8, 1, 20)])

    assert find_below(scores, mirrored=False).chance > 0.1


def test_a_few_scores_are_too_few() -> None:
    assert find_below(np.array([4.0, 4.1, 4.2, -4.0]), mirrored=True).chance == 1


@pytest.mark.parametrize("mirrored", [True, False])
@given(scores=arrays(np.float64, st.integers(0, 40), elements=st.floats(-1e6, 1e6)))
def test_any_scores_have_a_chance_and_articles(*, mirrored: bool, scores: Any) -> None:
    found = find_below(scores, mirrored=mirrored)

    assert 0 <= found.chance <= 1
    assert len(np.unique(found.articles)) == len(found.articles) >= (len(scores) >= FEWEST_SCORES)


def test_a_gap_in_a_wide_spread_makes_no_minority() -> None:
    scores = np.random.default_rng(0).normal(1.0, 0.33, 60)
    wide = np.r_[scores[(scores < 0.35) | (scores > 0.8)], 0.1, 0.2]
    far = np.r_[1 + (scores - 1) / 4, 0.1, 0.2]

    assert minority_below(wide, 0.35).separation < SURE
    assert minority_below(far, 0.35).separation > SURE
    assert minority_below(far, 0.35).is_apart.sum() == 2
