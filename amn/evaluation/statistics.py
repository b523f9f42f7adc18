"""What a mean over windows is worth, when windows of one article are not independent.

Articles are the independent units: windows of one article share its topic and overlap. An error
computed over windows is too small, and passes a real regression four to five times too often.

Two estimates stand beside each other. The *pooled* mean weighs windows alike; its bounds come from
a studentised bootstrap over articles and seeds (Cameron, Gelbach and Miller 2008). The *macro* mean
weighs articles alike; its bounds come from Student's t. The more cautious of the two decides.

Shapes: N windows, G clusters (articles), S seeds of one side, B resamples.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from scipy.special import ndtri

from amn.errors import ArgumentError
from amn.evaluation.clusters import (
    MIN_CLUSTERS,
    Bounds,
    ClusterTable,
    both_bounds,
    moments_of,
    tabulate,
)
from amn.findings import Verdict
from amn.storage import canonical_json, sha256_of

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

LEVEL = 0.95  # of a two-sided interval
RESAMPLES = 1999
POWER = 0.8  # of the smallest detectable drop


@dataclass(frozen=True, slots=True)
class Interval:
    """A pooled mean and its two-sided interval.

    Attributes:
        low: The lower of the two lower bounds; `-inf` when there are too few clusters to tell.
        high: The higher of the two upper bounds; `inf` when there are too few clusters to tell.
        se: Clustered standard error of the pooled mean; `inf` for a single cluster.
        effective_clusters: N**2 / sum of squared sizes: as many equal ones would weigh the same.
        pooled: Mean over windows, studentised bootstrap.
        macro: Mean over clusters, Student's t.
    """

    mean: float
    low: float
    high: float
    se: float
    n_clusters: int
    effective_clusters: float
    pooled: Bounds
    macro: Bounds


@dataclass(frozen=True, slots=True)
class Comparison:
    """Candidate minus golden, and whether the candidate is not worse.

    Attributes:
        difference: Pooled mean of candidate minus golden, exactly 0.0 when no window differs.
        lower: One-sided lower bound at `1 - alpha`; `-inf` when there are too few articles.
        upper: One-sided upper bound at `1 - alpha`; `inf` when there are too few articles.
        se: Standard error of `difference`: the root of the three variances below.
        pooled: Mean over windows, studentised bootstrap.
        macro: Mean over articles, Student's t.
        article_variance: Variance of `difference` that comes from the choice of articles.
        candidate_seed_variance: The same from the candidate's seeds; 0 for a single seed.
        golden_seed_variance: The same from the golden's seeds; 0 for a single seed.
        effective_clusters: N**2 / sum of squared article sizes.
        articles_needed: How many articles would decide, were difference and spread to stay; None
            when seeds alone leave it open, whatever the articles.
        detectable: Smallest drop that these data would show with 80 % power.
    """

    verdict: Verdict
    margin: float
    alpha: float
    difference: float
    lower: float
    upper: float
    se: float
    pooled: Bounds
    macro: Bounds
    article_variance: float
    candidate_seed_variance: float
    golden_seed_variance: float
    n_windows: int
    n_clusters: int
    effective_clusters: float
    articles_needed: int | None
    detectable: float

    @property
    def standard_errors(self) -> float:
        """The difference in standard errors; infinite when it has no error and is not 0."""
        if self.se > 0:
            return self.difference / self.se
        return math.copysign(math.inf, self.difference) if self.difference else 0.0


class Reach(NamedTuple):
    """What the verdict rests on: a difference, how far it may be off, and the estimates behind."""

    difference: float
    lower: float
    upper: float
    pooled: Bounds
    macro: Bounds


def seed_from(*parts: str) -> int:
    """Return a seed that follows from `parts` alone, such as a check's id and a golden's digest."""
    return int(sha256_of(canonical_json(parts))[:16], 16)


def cluster_interval(
    values: ArrayLike,
    clusters: ArrayLike,
    *,
    resamples: int = RESAMPLES,
    seed: int,
) -> Interval:
    """Return the mean of `values` and its interval of 95 %.

    Args:
        values: (N,) finite numbers, N >= 1.
        clusters: (N,) the article of each.
        resamples: B, at least 99.

    Raises:
        ArgumentError: If a value is not finite, shapes differ, or an option is out of range.
    """
    _require_resamples(resamples)
    table = tabulate({"values": np.atleast_2d(np.asarray(values, np.float64))}, clusters)
    pooled, macro = both_bounds(table, (1 - LEVEL) / 2, resamples, seed)
    return Interval(
        mean=pooled.mean,
        low=min(pooled.low, macro.low),
        high=max(pooled.high, macro.high),
        se=pooled.se,
        n_clusters=len(table.sizes),
        effective_clusters=table.effective_clusters,
        pooled=pooled,
        macro=macro,
    )


def noninferiority(
    candidate: ArrayLike,
    golden: ArrayLike,
    clusters: ArrayLike,
    *,
    margin: float,
    alpha: float,
    resamples: int = RESAMPLES,
    seed: int,
) -> Comparison:
    """Judge whether the candidate is at most `margin` worse than the golden on the same windows.

    PASS when the lower bound is above `-margin`. FAIL when the upper bound is below `-margin`, or
    when the difference is at or below `-margin` and the upper bound below 0. Otherwise, and with
    fewer than 8 articles, INCONCLUSIVE.

    Articles, candidate seeds and golden seeds are resampled together (crossed). A side with one
    seed adds no variance: the verdict is then about that one run.

    Args:
        candidate: (S, N) or (N,) cosine of each seed on each window.
        golden: (S', N) or (N,) the same for the golden, windows in the same order.
        clusters: (N,) the article of each window.
        margin: Loss that still counts as not worse, above 0.
        alpha: One-sided error of each bound, between 0 and 0.5.
        resamples: B, at least 99.

    Raises:
        ArgumentError: If a value is not finite, shapes differ, or an option is out of range.
    """
    _require("margin", margin, 0, math.inf)
    _require("alpha", alpha, 0, 0.5)
    _require_resamples(resamples)
    ours = np.atleast_2d(np.asarray(candidate, np.float64))
    theirs = np.atleast_2d(np.asarray(golden, np.float64))
    table = tabulate({"candidate": ours, "golden": theirs}, clusters)
    if np.array_equal(ours.mean(axis=0), theirs.mean(axis=0)):
        # The same runs on both sides: their seeds are no source of doubt.
        table = ClusterTable(table.labels, table.sizes, (np.zeros((1, len(table.sizes))),))
    difference, lower, upper, pooled, macro = reach_of(table, alpha, resamples, seed)
    articles, candidate_seeds, golden_seeds = (*moments_of(table).variances, 0.0)[:3]
    return Comparison(
        verdict=judge_difference(difference, lower, upper, margin),
        margin=margin,
        alpha=alpha,
        difference=difference,
        lower=lower,
        upper=upper,
        se=pooled.se,
        pooled=pooled,
        macro=macro,
        article_variance=articles,
        candidate_seed_variance=candidate_seeds,
        golden_seed_variance=golden_seeds,
        n_windows=int(table.sizes.sum()),
        n_clusters=len(table.sizes),
        effective_clusters=table.effective_clusters,
        articles_needed=_articles_needed(table, margin, alpha),
        detectable=float(ndtri(1 - alpha) + ndtri(POWER)) * pooled.se,
    )


def reach_of(table: ClusterTable, alpha: float, resamples: int, seed: int) -> Reach:
    """Return first side minus second side, with the more cautious of both bounds on each side."""
    pooled, macro = both_bounds(table, alpha, resamples, seed)
    lower = min(pooled.low, macro.low, pooled.mean)
    upper = max(pooled.high, macro.high, pooled.mean)
    return Reach(pooled.mean, lower, upper, pooled, macro)


def judge_difference(difference: float, lower: float, upper: float, margin: float) -> Verdict:
    """Return the verdict that a difference and its one-sided bounds allow."""
    if lower > -margin:
        return Verdict.PASS
    if upper < -margin or (difference <= -margin and upper < 0):
        return Verdict.FAIL
    return Verdict.INCONCLUSIVE


def _articles_needed(table: ClusterTable, margin: float, alpha: float) -> int | None:
    """Return about how many articles would decide, were difference and spread to stay."""
    mean, (article_variance, *seed_variances), _ = moments_of(table)
    distance = mean + margin if mean > -margin else -mean  # to the bound that has to be cleared
    allowed = (distance / float(ndtri(1 - alpha))) ** 2 - sum(seed_variances)
    if allowed <= 0 or math.isinf(article_variance):
        return None
    return max(MIN_CLUSTERS, math.ceil(len(table.sizes) * article_variance / allowed))


def _require(name: str, value: float, low: float, high: float) -> None:
    """Raise ArgumentError unless `low < value < high`."""
    if not low < value < high:
        raise ArgumentError(f"{name}: expected a number between {low} and {high}, got {value!r}")


def _require_resamples(resamples: int) -> None:
    least = 99  # fewer leave no resample beyond a 1 % bound
    if resamples < least:
        raise ArgumentError(f"resamples: expected at least {least}, got {resamples}")
