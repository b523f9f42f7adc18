"""Simulated comparisons: the gate's own verdicts, for every margin and every drop."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from amn.errors import ArgumentError
from amn.evaluation.noninferiority import noninferiority
from amn.evaluation.statistics import tabulate
from amn.prove.noise import noise_of
from amn.prove.simulation import Trials, simulate
from tests.strategies import seeds_of_a_recipe

if TYPE_CHECKING:
    from amn.prove.noise import Noise


@pytest.fixture(scope="module")
def noise() -> Noise:
    cosines, articles = seeds_of_a_recipe(5)
    return noise_of("ood", tabulate({"ood": cosines}, articles))


def trials_of(noise: Noise, **options: Any) -> Trials:
    settings = {"candidate_seeds": 3, "golden_seeds": 5, "alpha": 0.05, "trials": 200, **options}
    return simulate(noise, resamples=199, **settings)


@pytest.fixture(scope="module")
def trials(noise: Noise) -> Trials:
    return trials_of(noise)


def test_trials_are_identical_twice_and_differ_by_their_seed(noise: Noise, trials: Trials) -> None:
    again, other = trials_of(noise), trials_of(noise, seed=1)

    assert np.array_equal(trials.lowers, again.lowers)
    assert not np.array_equal(trials.lowers, other.lowers)


@pytest.mark.parametrize("scatter", [0.0, 0.01])
def test_simulated_differences_spread_as_the_formula_says(noise: Noise, scatter: float) -> None:
    certain = replace(noise, seed_sd_high=noise.seed_sd)

    differences = trials_of(certain, scatter=scatter, trials=400).differences

    formula = noise.comparison_se(3, 5, scatter)
    assert abs(differences.mean()) < 4 * formula / np.sqrt(400)
    # the formula adds the choice of articles to seeds that were seen on some: a little cautious
    assert 0.8 * formula < differences.std() < 1.1 * formula


@pytest.mark.parametrize("drop", [0.0, 0.004, 0.01, 0.02])
def test_a_drop_moves_a_trial_as_it_moves_the_gates_own_comparison(drop: float) -> None:
    cosines, articles = seeds_of_a_recipe(8)
    options: Any = {"margin": 0.004, "alpha": 0.05, "resamples": 499, "seed": 3}
    even = noninferiority(cosines[:3], cosines[3:], articles, **options)
    trial = Trials(*(np.array([value]) for value in (even.difference, even.lower, even.upper)))

    dropped = noninferiority(cosines[:3] - drop, cosines[3:], articles, **options)

    assert trial.verdicts(0.004, drop) == [dropped.verdict]


def test_rates_add_up_and_follow_the_margin(trials: Trials) -> None:
    margins = (1e-5, 0.003, 0.01, 0.06)
    rates = [trials.rates(margin) for margin in margins]

    assert [sum(r) for r in rates] == pytest.approx([1.0] * len(margins))
    assert [r.passed for r in rates] == sorted(r.passed for r in rates)
    assert rates[0].passed < 0.2
    assert rates[-1].passed > 0.99


def test_the_margin_for_a_pass_rate_is_the_smallest_that_reaches_it(trials: Trials) -> None:
    margin = trials.margin_for(0.9, 0.5)

    assert trials.rates(margin * 1.0001).passed >= 0.9
    assert trials.rates(margin * 0.99).passed <= 0.9


def test_the_margin_for_a_false_fail_rate_is_the_smallest_that_keeps_it() -> None:
    differences = -np.arange(1.0, 101.0) / 1000
    trials = Trials(differences, differences - 0.5, differences + 0.0005)  # upper bounds below 0

    margin = trials.margin_for(0.001, 0.1)

    assert margin == pytest.approx(0.501, abs=0.0011)  # the pass rate asks for more here
    fails = Trials(differences, np.full(100, -1e-9), differences + 0.0005)
    margin = fails.margin_for(0.5, 0.1)
    assert margin == pytest.approx(0.091)
    assert fails.rates(0.0999).passed == 1.0  # PASS is asked first


def test_too_few_trials_are_refused(noise: Noise) -> None:
    with pytest.raises(ArgumentError, match="trials: expected at least 100, got 99"):
        trials_of(noise, trials=99)
