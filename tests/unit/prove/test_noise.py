"""Noise of seeds: what was put into made cosines is found again."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from amn.errors import ArgumentError
from amn.evaluation.statistics import ClusterTable, tabulate
from amn.prove.noise import noise_of
from tests.strategies import seeds_of_a_recipe


def recipe(n: int) -> ClusterTable:
    """Sums by article of seeds of one recipe."""
    cosines, articles = seeds_of_a_recipe(n)
    return tabulate({"ood": cosines}, articles)


def test_the_noise_of_many_seeds_is_what_they_were_made_with() -> None:
    noise = noise_of("ood", recipe(400))

    assert noise.seed_sd == pytest.approx(math.hypot(0.002, 0.004 / math.sqrt(60)), rel=0.1)
    assert noise.seed_sd < noise.seed_sd_high < 1.1 * noise.seed_sd


def test_few_seeds_leave_more_room_for_their_noise() -> None:
    cosines, articles = seeds_of_a_recipe(40)
    few, many = (noise_of("ood", tabulate({"ood": c}, articles)) for c in (cosines[:3], cosines))

    assert few.seed_sd_high / few.seed_sd > 2.5
    assert many.seed_sd_high / many.seed_sd < 1.3


def test_the_seed_noise_is_the_spread_of_the_means() -> None:
    cosines, articles = seeds_of_a_recipe(5)

    noise = noise_of("ood", tabulate({"ood": cosines}, articles))

    assert noise.seed_sd == pytest.approx(cosines.mean(axis=1).std(ddof=1), rel=1e-9)
    assert noise.mean == pytest.approx(cosines.mean(), rel=1e-12)
    assert (noise.seeds, noise.articles) == (5, 60)


def test_more_seeds_and_less_scatter_make_a_comparison_sharper() -> None:
    noise = noise_of("ood", recipe(5))

    errors = [
        noise.comparison_se(5, 5),
        noise.comparison_se(3, 5),
        noise.comparison_se(1, 1),
        noise.comparison_se(1, 1, 0.02),
    ]
    assert errors == sorted(errors)
    assert noise.detectable(3, 5, 0.05) == pytest.approx(2.4865 * errors[1], rel=1e-4)


@pytest.mark.parametrize(
    ("cosines", "articles", "message"),
    [
        (np.ones((1, 40)), np.arange(40), "ood: expected at least 2 seeds to see their noise"),
        (np.ones((2, 40)), np.arange(40) % 7, "ood: expected at least 8 articles, got 7"),
        (np.full((2, 40), np.nan), np.arange(40), "ood: expected finite values, got nan"),
        (np.ones((2, 40)), np.arange(39), "expected (S, N) values and (N,) clusters"),
    ],
)
def test_what_tells_nothing_about_noise_is_refused(
    cosines: Any, articles: Any, message: str
) -> None:
    with pytest.raises(ArgumentError) as caught:
        noise_of("ood", tabulate({"ood": cosines}, articles))

    assert message in str(caught.value)
