"""Error rates of the gate by simulation: the decision function of the gate, on made comparisons.

A trial draws articles, seeds for both sides, and what the change does to each article; the gate's
own function gives the bounds. An even drop moves a difference and its bounds alike, and a margin
enters only the verdict: one set of trials answers for every drop and every margin.

Letters: T trials, G articles, S seeds of one side.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from amn.errors import ArgumentError
from amn.evaluation.noninferiority import judge_difference, reach_of
from amn.evaluation.statistics import ClusterTable
from amn.verdict import Verdict

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from amn.prove.noise import Noise

RESAMPLES = 499  # the gate takes 1,999; a bound of one trial matters less than the number of trials
FEWEST_TRIALS = 100


class Rates(NamedTuple):
    """Shares of the trials by verdict; they add up to 1."""

    passed: float
    undecided: float
    failed: float


@dataclass(frozen=True, eq=False)
class Trials:
    """Comparisons of a candidate that is, on average, no worse and no better.

    Attributes:
        differences: (T,) candidate minus golden.
        lowers: (T,) one-sided lower bounds.
        uppers: (T,) one-sided upper bounds.
    """

    differences: NDArray[np.float64]
    lowers: NDArray[np.float64]
    uppers: NDArray[np.float64]

    def verdicts(self, margin: float, drop: float = 0.0) -> list[Verdict]:
        """Return the gate's verdict in each trial, were the candidate worse by `drop`."""
        rows = np.stack([self.differences, self.lowers, self.uppers], axis=1) - drop
        return [judge_difference(d, low, high, margin) for d, low, high in rows.tolist()]

    def rates(self, margin: float, drop: float = 0.0) -> Rates:
        """Return how often the gate says what, were the candidate worse by `drop`."""
        verdicts = self.verdicts(margin, drop)
        passed, failed = verdicts.count(Verdict.PASS), verdicts.count(Verdict.FAIL)
        n = len(verdicts)
        return Rates(passed / n, (n - passed - failed) / n, failed / n)

    def margin_for(self, pass_rate: float, false_fail: float) -> float:
        """Return the smallest margin at which a candidate that is no worse fares that well.

        It passes where its lower bound is above -margin. It fails where its upper bound is below 0
        and its difference at or below -margin: an upper bound below -margin says that as well.
        """
        to_pass = float(np.quantile(-self.lowers, pass_rate, method="higher"))
        failing = np.where(self.uppers < 0, -self.differences, 0.0)
        not_to_fail = float(np.quantile(failing, 1 - false_fail, method="higher"))
        return max(to_pass, not_to_fail, 0.0)


def simulate(  # noqa: PLR0913 - the noise, both sides, the change, and how often
    noise: Noise,
    *,
    candidate_seeds: int,
    golden_seeds: int,
    alpha: float,
    scatter: float = 0.0,
    trials: int = 2000,
    resamples: int = RESAMPLES,
    seed: int = 0,
    progress: Callable[[int, int, str], None] | None = None,
) -> Trials:
    """Judge made candidates that are on average as good as the golden.

    Args:
        alpha: One-sided error of each bound, as the case has it.
        scatter: Standard deviation between articles of what a harmless change does; 0 is the same
            recipe trained again.
        trials: T, at least 100.

    Raises:
        ArgumentError: If there are too few trials.
    """
    if trials < FEWEST_TRIALS:
        raise ArgumentError(f"trials: expected at least {FEWEST_TRIALS}, got {trials}")
    rng = np.random.default_rng(seed)
    rows = np.empty((trials, 3))
    for i in range(trials):  # a trial is a bootstrap of its own: no row of data is looped over
        table = _draw(noise, (candidate_seeds, golden_seeds), scatter, rng)
        rows[i] = reach_of(table, alpha, resamples, i)[:3]
        if progress and i % 50 == 0:
            progress(i, trials, f"simulating {noise.split}")
    return Trials(*rows.T)


def _draw(
    noise: Noise, seeds: tuple[int, int], scatter: float, rng: np.random.Generator
) -> ClusterTable:
    """Return one made comparison: articles, seeds of each side, and the change drawn anew."""
    g = noise.articles
    chosen = rng.integers(0, g, g)
    sizes = noise.sizes[chosen]
    # What seeds do to articles moves the mean a little by itself; the rest is the same everywhere.
    by_article = float((noise.wobble**2).mean(axis=0).sum()) / float(noise.sizes.sum()) ** 2
    everywhere = math.sqrt(max(0.0, noise.seed_sd_high**2 - by_article))
    sides = []
    for n in seeds:
        source = rng.integers(0, noise.seeds, (n, g))
        signs = rng.choice([-1.0, 1.0], (n, g))
        wobble = noise.wobble[source, chosen] * signs
        sides.append(wobble + rng.normal(0, everywhere, (n, 1)) * sizes)
    if scatter:
        sides[0] += rng.normal(0, scatter, g) * sizes
    return ClusterTable(chosen.astype(np.int64), sizes, tuple(sides))
