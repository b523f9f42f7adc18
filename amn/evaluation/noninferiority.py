"""Whether a candidate is at most a margin worse than its golden: a one-sided decision by articles.

The more cautious of two bounds decides (see `statistics`), where articles are of one length, too:
differences of real predictors have heavy tails, and the bootstrap alone then passes 7 % of what is
worse by a margin at 15 articles (tests/error_rates.py).

Few articles that lose much, or articles that lose more the longer they are, are missed by some
samples, which then look sure of too much: no method keeps its error there. Where a sample shows
either, a comparison passes by a bound that is further off (`Doubt`).

Shapes: N windows, G clusters (articles), S seeds of one side, B resamples.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from scipy.special import ndtr, ndtri, stdtrit

from amn.errors import ArgumentError
from amn.evaluation.statistics import (
    MIN_CLUSTERS,
    NO_SPREAD,
    RESAMPLES,
    Bounds,
    ClusterTable,
    both_bounds,
    moments_of,
    require_resamples,
    tabulate,
)
from amn.verdict import Verdict, count_of, html_of

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

POWER = 0.8  # of the smallest detectable drop
EVEN = 0.9  # effective of all articles, from which lengths matter little: they vary by a third
STRICTER = 5  # as small a level is asked of skewed differences: 1 % in place of 5
SIZE_LEVEL = 0.05  # one-sided, of the correlation of losses with lengths


class Doubt(StrEnum):
    """What keeps a lower bound from being as sure as it says."""

    NONE = ""
    SKEWED = "a few articles are far below the rest"
    BY_SIZE = "the longer articles do worse"


@dataclass(frozen=True, slots=True, repr=False)
class Comparison:
    """Candidate minus golden, and whether the candidate is not worse.

    Attributes:
        difference: Pooled mean of candidate minus golden, exactly 0.0 when no article differs.
        lower: One-sided lower bound at `1 - alpha`; `-inf` when there are too few articles.
        upper: One-sided upper bound at `1 - alpha`; `inf` when there are too few articles.
        se: Standard error of `difference`: the root of the three variances below.
        pooled: Mean over windows, studentised bootstrap.
        macro: Mean over articles, Student's t.
        doubt: Why `lower` is further off than a bound at `alpha`; empty where it is not.
        article_variance: Variance of `difference` that comes from the choice of articles.
        candidate_seed_variance: The same from the candidate's seeds; 0 for a single seed.
        golden_seed_variance: The same from the golden's seeds; 0 for a single seed.
        effective_clusters: N**2 / sum of squared article sizes.
        articles_needed: How many articles would decide, were difference and spread to stay, and the
            bound as many standard errors off; None when seeds alone leave it open.
        seeds_needed: How many seeds of the candidate would, on these articles; None when the
            articles or the golden's seeds alone leave it open, or one seed has no spread.
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
    doubt: Doubt
    article_variance: float
    candidate_seed_variance: float
    golden_seed_variance: float
    n_windows: int
    n_clusters: int
    effective_clusters: float
    articles_needed: int | None
    seeds_needed: int | None
    detectable: float

    @property
    def exit_code(self) -> int:
        """The exit code of its verdict."""
        return self.verdict.exit_code()

    def widened(self, by: float) -> Comparison:
        """Return it with both bounds further out, and what they allow then.

        Args:
            by: How far a difference may be off for other reasons than articles and seeds.
        """
        lower, upper = self.lower - by, self.upper + by
        verdict = judge_difference(self.difference, lower, upper, self.margin)
        return replace(self, verdict=verdict, lower=lower, upper=upper)

    def __bool__(self) -> bool:
        """Tell whether the candidate is not worse."""
        return self.verdict is Verdict.PASS

    def __repr__(self) -> str:
        bounds = f"{self.lower:+.4f} ... {self.upper:+.4f}"
        rest = f"margin {self.margin:g}, {count_of(self.n_clusters, 'article')}"
        return f"Comparison({self.verdict.value}: {self.difference:+.4f} ({bounds}), {rest})"

    def _repr_html_(self) -> str:
        """The same for a notebook."""
        return html_of(repr(self))

    @property
    def doubted(self) -> str:
        """Why the lower bound is further off than it would be, to end a sentence; or nothing."""
        return f"; {self.doubt}, so that the lower bound is further off" if self.doubt else ""

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
    doubt: Doubt


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
    """Judge windows: see `table_noninferiority`.

    Args:
        candidate: (S, N) or (N,) cosine of each seed on each window.
        golden: (S', N) or (N,) the same for the golden, windows in the same order.
        clusters: (N,) the article of each window.

    Raises:
        ArgumentError: If a value is not finite, shapes differ, or an option is out of range.
    """
    sides = {
        "candidate": np.atleast_2d(np.asarray(candidate, np.float64)),
        "golden": np.atleast_2d(np.asarray(golden, np.float64)),
    }
    table = tabulate(sides, clusters)
    return table_noninferiority(table, margin=margin, alpha=alpha, resamples=resamples, seed=seed)


def table_noninferiority(
    table: ClusterTable,
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

    Articles, candidate seeds and golden seeds are resampled together (crossed), articles in the
    order of their ids. A side with one seed adds no variance: the verdict is then about that one
    run.

    Args:
        table: Sums of the candidate, then those of the golden.
        margin: Loss that still counts as not worse, above 0.
        alpha: One-sided error of each bound, between 0 and 0.5.
        resamples: B, at least 99.

    Raises:
        ArgumentError: If an option is out of range.
    """
    _require("margin", margin, 0, math.inf)
    _require("alpha", alpha, 0, 0.5)
    require_resamples(resamples)
    table = table.by_label()
    if (np.abs(table.combined) <= NO_SPREAD * table.sizes).all():
        # The same runs on both sides: their seeds are no source of doubt.
        table = ClusterTable(table.labels, table.sizes, (np.zeros((1, len(table.sizes))),))
    reach = reach_of(table, alpha, resamples, seed)
    difference, lower, upper, pooled, macro, doubt = reach
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
        doubt=doubt,
        article_variance=articles,
        candidate_seed_variance=candidate_seeds,
        golden_seed_variance=golden_seeds,
        n_windows=int(table.sizes.sum()),
        n_clusters=len(table.sizes),
        effective_clusters=table.effective_clusters,
        articles_needed=_articles_needed(table, reach, margin, alpha),
        seeds_needed=_seeds_needed(table, reach, margin, alpha),
        detectable=float(ndtri(1 - alpha) + ndtri(POWER)) * pooled.se,
    )


def reach_of(table: ClusterTable, alpha: float, resamples: int, seed: int) -> Reach:
    """Return first side minus second side, with the bounds that decide.

    On each side the more cautious of both. Where differences are skewed the lower bound is that at
    a fifth of alpha; where they fall with lengths it is at least as far off as Cantelli's
    inequality asks for, whatever their shape: 4.4 standard errors at alpha 0.05.
    """
    pooled, macro = both_bounds(table, alpha, resamples, seed)
    lower = min(pooled.low, macro.low, pooled.mean)
    upper = max(pooled.high, macro.high, pooled.mean)
    doubt = doubt_of(table, alpha)
    if doubt is Doubt.SKEWED:
        stricter = both_bounds(table, alpha / STRICTER, resamples, seed)
        lower = min(lower, *(estimate.low for estimate in stricter))
    elif doubt:
        lower = min(lower, pooled.mean - math.sqrt((1 - alpha) / alpha) * pooled.se)
    return Reach(pooled.mean, lower, upper, pooled, macro, doubt)


def doubt_of(table: ClusterTable, alpha: float) -> Doubt:
    """Return what keeps a lower bound from being as sure as it says.

    That differences fall with lengths, in a t-test of their correlation, where lengths differ
    enough for it to matter; or that the mean of articles is skewed to the left.
    """
    n_clusters = len(table.sizes)
    if n_clusters < MIN_CLUSTERS or moments_of(table).variances[0] <= NO_SPREAD**2:
        return Doubt.NONE
    if table.effective_clusters < EVEN * n_clusters:
        r = float(np.corrcoef(table.sizes, table.combined / table.sizes)[0, 1])
        t = r * math.sqrt((n_clusters - 2) / max(1 - r**2, NO_SPREAD))
        if t < float(stdtrit(n_clusters - 2, SIZE_LEVEL)):
            return Doubt.BY_SIZE
    return Doubt.SKEWED if skewness_of(table) < -most_skewness(alpha) else Doubt.NONE


def most_skewness(alpha: float) -> float:
    """Return the skewness of a mean from which a one-sided error of alpha is half as large again.

    Skewness moves it by skewness times (2 z**2 + 1) phi(z) / 6, its first Edgeworth term at normal
    quantiles z (Hall 1992, The Bootstrap and Edgeworth Expansion, section 2.6): 0.23 at 0.05.
    """
    z = float(ndtri(alpha))
    density = math.exp(-(z**2) / 2) / math.sqrt(2 * math.pi)
    return 0.5 * alpha * 6 / ((2 * z**2 + 1) * density)


def skewness_of(table: ClusterTable) -> float:
    """Return the skewness of the pooled mean: that of articles over the root of their number."""
    moments = moments_of(table)
    residuals = table.combined - table.sizes * moments.mean
    from_articles = moments.variances[0] / sum(moments.variances)
    scale: float = (from_articles / float(residuals @ residuals)) ** 1.5
    return float((residuals**3).sum()) * scale


def judge_difference(difference: float, lower: float, upper: float, margin: float) -> Verdict:
    """Return the verdict that a difference and its one-sided bounds allow."""
    if lower > -margin:
        return Verdict.PASS
    if upper < -margin or (difference <= -margin and upper < 0):
        return Verdict.FAIL
    return Verdict.INCONCLUSIVE


def _articles_needed(table: ClusterTable, reach: Reach, margin: float, alpha: float) -> int | None:
    """Return about how many articles would decide, were difference and spread to stay.

    The skewness of their mean falls with the root of their number: enough of them end that doubt.
    """
    articles, *seeds = moments_of(table).variances
    n_clusters, undoubted = len(table.sizes), 0.0
    if reach.doubt is Doubt.SKEWED:
        undoubted = n_clusters * (skewness_of(table) / most_skewness(alpha)) ** 2
        reach = reach._replace(lower=min(reach.pooled.low, reach.macro.low))
    left = _allowed(reach, margin, alpha) - sum(seeds)
    if left <= 0 or math.isinf(articles):
        return None
    return max(MIN_CLUSTERS, math.ceil(undoubted), math.ceil(n_clusters * articles / left))


def _seeds_needed(table: ClusterTable, reach: Reach, margin: float, alpha: float) -> int | None:
    """Return about how many seeds of the candidate would decide, were all else to stay."""
    articles, candidate, *golden = moments_of(table).variances
    left = _allowed(reach, margin, alpha) - articles - sum(golden)
    if left <= 0 or candidate <= 0:
        return None
    return math.ceil(len(table.sides[0]) * candidate / left)


def _allowed(reach: Reach, margin: float, alpha: float) -> float:
    """Return the variance with which the bound that is nearer to being cleared would be.

    It stays as many standard errors off; one that is nowhere, as far as the normal quantile.
    """
    is_near = reach.difference > -margin
    distance = reach.difference + margin if is_near else -reach.difference
    off = reach.difference - reach.lower if is_near else reach.upper - reach.difference
    if reach.pooled.se <= 0 or off <= 0:
        return math.inf
    errors = off / reach.pooled.se if math.isfinite(off) else float(ndtri(1 - alpha))
    return (distance / errors) ** 2


def passes_when_equal(scatter: float, articles: int, margin: float, alpha: float = 0.05) -> float:
    """Return how often an equal candidate passes, 0 to 1, by the normal approximation.

    Args:
        scatter: Standard deviation over articles of the difference, of one article.
    """
    return float(ndtr(margin * math.sqrt(articles) / scatter - ndtri(1 - alpha)))


def articles_to_pass(scatter: float, margin: float, alpha: float = 0.05) -> int:
    """Return how many articles an equal candidate takes to pass in 80 %; `MIN_CLUSTERS` or more."""
    needed = (float(ndtri(1 - alpha) + ndtri(POWER)) * scatter / margin) ** 2
    return max(MIN_CLUSTERS, math.ceil(needed))


def _require(name: str, value: float, low: float, high: float) -> None:
    """Raise ArgumentError unless `low < value < high`."""
    if not low < value < high:
        raise ArgumentError(f"{name}: expected a number between {low} and {high}, got {value!r}")
