"""Error rates of the decision by simulation, on comparisons that calibration knows nothing of."""

from __future__ import annotations

import math
import re
from typing import Any

import numpy as np
import pytest

from amn.case.config import CaseConfig
from amn.case.limits import GoldenConfig
from amn.evaluation.noninferiority import noninferiority
from amn.evaluation.statistics import tabulate
from amn.prove.calibrate import SCATTER, Settings, calibrate
from amn.verdict import Verdict
from tests.error_rates import DESIGNS, Design, simulate

pytestmark = pytest.mark.slow

MARGIN, ALPHA = 0.01, 0.05
CANDIDATE_SEEDS, GOLDEN_SEEDS = 3, 5
TRIALS = 400  # of the 20,000 that run nightly
DOUBTED = tuple(design for design in DESIGNS if re.search("skewed|longer", design.name))
CASE = {
    "schema": 1,
    "dataset": {"path": "data"},
    "split": {"in_dist": {"articles": "1"}, "ood": {"articles": "2"}},
    "golden": {"margin": MARGIN, "alpha": ALPHA},
}


def sizes_of(rng: np.random.Generator, articles: int) -> Any:
    """(G,) windows by article: lognormal, median 15, as articles of Wikipedia."""
    return np.maximum(1, rng.lognormal(math.log(15), 0.7, articles).astype(int)).astype(float)


@pytest.mark.parametrize("design", DESIGNS, ids=lambda design: design.name)
@pytest.mark.parametrize("articles", [15, 30])
def test_what_is_promised_of_a_design_is_not_surely_broken(design: Design, articles: int) -> None:
    cell = simulate(design, articles, trials=TRIALS)

    assert cell.broken(sure=0.001) == []
    assert 0 < cell.false < max(cell.equal.values())


@pytest.mark.parametrize("design", DOUBTED, ids=lambda design: design.name)
def test_losses_of_few_or_longer_articles_are_in_doubt_by_name(design: Design) -> None:
    assert simulate(design, 30, trials=100).doubted > 0.5


def test_a_true_drop_of_the_margin_by_seeds_and_articles_passes_as_rarely() -> None:
    rng = np.random.default_rng(1)
    passed, trials = 0, 1000
    for trial in range(trials):
        world = World(rng, articles=30, seed_sd=0.001)
        golden, candidate = world.seeds(GOLDEN_SEEDS), world.seeds(CANDIDATE_SEEDS)
        candidate += world.change(-MARGIN, scatter=0.02)
        verdict = world.verdict(candidate, golden, MARGIN, trial)
        passed += verdict is Verdict.PASS

    assert 0 < passed <= 60, f"{passed} of {trials}"


@pytest.mark.parametrize("seed_sd", [0.0002, 0.001])
@pytest.mark.parametrize("scatter", [0.0, SCATTER])
def test_an_identical_candidate_passes_at_the_proposed_margin_and_never_fails(
    seed_sd: float, scatter: float
) -> None:
    rng = np.random.default_rng(2)
    config = CaseConfig.model_validate(CASE)
    settings = Settings(scatter=scatter, trials=200)
    verdicts: list[Verdict] = []
    for world in (World(rng, articles=40, seed_sd=seed_sd) for _ in range(12)):
        golden = world.seeds(GOLDEN_SEEDS)
        split = tabulate({"ood": golden}, world.clusters)
        margin = calibrate(
            "world", config, {"ood": split}, golden_seeds=GOLDEN_SEEDS, source="test",
            settings=settings,
        ).proposed  # fmt: skip
        for trial in range(40):
            candidate = world.seeds(CANDIDATE_SEEDS) + world.change(0.0, scatter=scatter)
            verdicts.append(world.verdict(candidate, golden, margin, trial))

    assert verdicts.count(Verdict.FAIL) == 0
    assert verdicts.count(Verdict.PASS) >= 432, f"{verdicts.count(Verdict.PASS)} of 480"


def test_looking_again_with_more_seeds_makes_no_false_pass_likelier() -> None:
    rng = np.random.default_rng(4)
    config = GoldenConfig(margin=MARGIN, alpha=ALPHA, adaptive_seeds=[3, 4, 5])
    looks, passed, trials = config.looks_until(5), 0, 600
    ended = dict.fromkeys(looks, 0)
    for trial in range(trials):
        world = World(rng, articles=30, seed_sd=0.001)
        golden, candidate = world.seeds(GOLDEN_SEEDS), world.seeds(looks[-1])
        candidate += world.change(-MARGIN, scatter=0.02)
        for look in looks:
            alpha = config.alpha_at(look)
            verdict = world.verdict(candidate[:look], golden, MARGIN, trial, alpha)
            if verdict is not Verdict.INCONCLUSIVE:
                break
        ended[look] += 1
        passed += verdict is Verdict.PASS

    assert 0 < passed <= 36, f"{passed} of {trials}"
    assert all(ended.values()), ended


class World:
    """Articles whose texts stay, and seeds that can be drawn from it without end."""

    def __init__(self, rng: np.random.Generator, *, articles: int, seed_sd: float) -> None:
        self.rng, self.seed_sd = rng, seed_sd
        self.clusters = np.repeat(np.arange(articles), sizes_of(rng, articles).astype(int))
        self.text = rng.normal(0.6, 0.1, len(self.clusters))

    def seeds(self, n: int) -> Any:
        """(n, N) cosines of new seeds."""
        everywhere = self.rng.normal(0, self.seed_sd, (n, 1))
        articles = self.rng.normal(0, 2 * self.seed_sd, (n, self.clusters[-1] + 1))
        windows = self.rng.normal(0, 0.005, (n, len(self.clusters)))
        return self.text + everywhere + articles[:, self.clusters] + windows

    def change(self, mean: float, *, scatter: float) -> Any:
        """(N,) what a change does to the windows, article by article."""
        return self.rng.normal(mean, scatter, self.clusters[-1] + 1)[self.clusters]

    def verdict(
        self, candidate: Any, golden: Any, margin: float, seed: int, alpha: float = ALPHA
    ) -> Verdict:
        return noninferiority(
            candidate, golden, self.clusters, margin=margin, alpha=alpha, resamples=999, seed=seed
        ).verdict
