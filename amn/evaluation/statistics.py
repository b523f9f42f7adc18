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
from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from scipy.special import ndtr, stdtrit

from amn.errors import ArgumentError
from amn.storage import canonical_json, sha256_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import ArrayLike, NDArray


MIN_CLUSTERS = 8  # below it, no method tried kept its error near the nominal one
NO_SPREAD = 1e-12  # float64 means of cosines carry rounding errors of about 1e-16
RECENT_TABLES = 8  # whose resamples are kept: what fails is asked again at other levels
BLOCK_ENTRIES = 1 << 15  # of a (resamples, G) matrix at once: 256 KiB, which stay near a core
BLOCK_RESAMPLES = 16  # at least: of many articles, fewer are mostly calls


# A resample can miss the few articles that differ and then has no spread of its own. A tenth of the
# sample's error keeps its t finite; resamples of ordinary data do not come near it.
LEAST_RELATIVE_ERROR = 0.1


@dataclass(frozen=True, slots=True)
class Bounds:
    """One estimate of a mean, its standard error, and the bounds that follow."""

    mean: float
    se: float
    low: float
    high: float


@dataclass(frozen=True, slots=True, eq=False)
class ClusterTable:
    """Sums by article: all that the estimates need of the windows.

    Attributes:
        labels: (G,) ids of the clusters: numbers, or names.
        sizes: (G,) float64, windows of each.
        sides: One or two (S, G) float64 sums of each seed; the second side is subtracted.
    """

    labels: NDArray[Any]
    sizes: NDArray[np.float64]
    sides: tuple[NDArray[np.float64], ...]

    @property
    def combined(self) -> NDArray[np.float64]:
        """(G,) sums of the mean over seeds: first side minus second side."""
        sums: NDArray[np.float64] = self.sides[0].mean(axis=0)
        return sums - self.sides[1].mean(axis=0) if len(self.sides) > 1 else sums

    @property
    def effective_clusters(self) -> float:
        """As many equal clusters would weigh the same."""
        return float(self.sizes.sum() ** 2 / (self.sizes @ self.sizes))

    def by_label(self) -> ClusterTable:
        """Return the table in the order of its labels, which no rounding of sums changes."""
        order = np.argsort(self.labels, kind="stable")
        if (order[1:] > order[:-1]).all():
            return self
        sides = tuple(side[:, order] for side in self.sides)
        return ClusterTable(self.labels[order], self.sizes[order], sides)

    def negated(self) -> ClusterTable:
        """Return the table of the opposite of every value."""
        return ClusterTable(self.labels, self.sizes, tuple(-side for side in self.sides))

    def by_article(self) -> ClusterTable:
        """Return the table in which each article counts once: its pooled mean is the macro mean."""
        sides = tuple(side / self.sizes for side in self.sides)
        return ClusterTable(self.labels, np.ones_like(self.sizes), sides)


class Moments(NamedTuple):
    """A pooled mean and its variances: from articles, then from the seeds of each side."""

    mean: float
    variances: tuple[float, ...]
    degrees: tuple[int, ...]  # of freedom, of each variance

    @property
    def se(self) -> float:
        """Standard error of the mean, 0 when it is nothing but rounding."""
        se = math.sqrt(sum(self.variances))
        return se if se > NO_SPREAD else 0.0


def tabulate(sides: Mapping[str, NDArray[np.float64]], clusters: ArrayLike) -> ClusterTable:
    """Return sums by article that depend on neither the order of windows nor the names of articles.

    Raises:
        ArgumentError: If a value is not finite or shapes differ.
    """
    ids = np.asarray(clusters)
    for name, side in sides.items():
        if side.ndim != 2 or side.size == 0 or ids.shape != side.shape[1:]:  # noqa: PLR2004 - seeds, windows
            raise ArgumentError(
                f"{name}: expected (S, N) values and (N,) clusters, "
                f"got {side.shape} and {ids.shape}"
            )
        finite = np.isfinite(side)
        if not finite.all():
            row, column = np.argwhere(~finite)[0]
            raise ArgumentError(
                f"{name}: expected finite values, got {side[row, column]} for window {column} of "
                f"seed {row}; {np.count_nonzero(~finite)} in all"
            )
    labels, index, sizes = np.unique(ids, return_inverse=True, return_counts=True)
    sums = [np.stack([_sums(row, index, len(labels)) for row in side]) for side in sides.values()]
    canonical = np.lexsort([*(row for side in sums for row in side), sizes])
    return ClusterTable(
        labels[canonical],
        sizes[canonical].astype(np.float64),
        tuple(side[:, canonical] for side in sums),
    )


def _sums(
    values: NDArray[np.float64], index: NDArray[np.int64], n_clusters: int
) -> NDArray[np.float64]:
    """Return the sum of each cluster, its values in ascending order: (G,).

    Args:
        index: (N,) cluster of each value.
    """
    order = np.argsort(values)
    # By radix where two bytes number the clusters: ten times as fast.
    small = index.astype(np.min_scalar_type(n_clusters))
    order = order[np.argsort(small[order], kind="stable")]
    return np.bincount(index[order], values[order], n_clusters).astype(np.float64, copy=False)


def moments_of(table: ClusterTable) -> Moments:
    """Return the pooled mean and the variances that articles and seeds give it."""
    n, n_clusters = table.sizes.sum(), len(table.sizes)
    mean = float(table.combined.sum() / n)
    residuals = table.combined - table.sizes * mean
    articles = (
        float(residuals @ residuals) * n_clusters / (n_clusters - 1) / n**2
        if n_clusters > 1
        else math.inf
    )
    seeds = [
        float(np.var(side.sum(axis=1) / n, ddof=1) / len(side)) if len(side) > 1 else 0.0
        for side in table.sides
    ]
    degrees = [n_clusters - 1, *(len(side) - 1 for side in table.sides)]
    return Moments(mean, (articles, *seeds), tuple(degrees))


def both_bounds(
    table: ClusterTable, tail: float, resamples: int, seed: int
) -> tuple[Bounds, Bounds]:
    """Return the pooled and the macro estimate, each bound missed with probability `tail`."""
    return bounds_together((table,), tail, resamples, seed)[0]


def bounds_together(
    tables: tuple[ClusterTable, ...], tail: float, resamples: int, seed: int
) -> list[tuple[Bounds, Bounds]]:
    """Return the same of tables with the same sizes and seeds, resampled together."""
    spread = tuple(one for one in tables if _has_spread(one))
    t = dict(zip(spread, _resampled_t(spread, resamples, seed), strict=True)) if spread else {}
    return [_bounds(table, t.get(table), tail) for table in tables]


def _has_spread(table: ClusterTable) -> bool:
    return len(table.sizes) >= MIN_CLUSTERS and moments_of(table).se > 0


def _bounds(
    table: ClusterTable, t: NDArray[np.float64] | None, tail: float
) -> tuple[Bounds, Bounds]:
    """Return both estimates of a table.

    Args:
        t: (B,) studentised deviations of its resamples; None where there is no spread.
    """
    macro_table = table.by_article()
    pooled, macro = moments_of(table), moments_of(macro_table)
    if len(table.sizes) < MIN_CLUSTERS:
        return (
            Bounds(pooled.mean, pooled.se, -math.inf, math.inf),
            Bounds(macro.mean, macro.se, -math.inf, math.inf),
        )
    low, high = (0.0, 0.0)
    if t is not None:
        # (B + 1) * tail is a whole number for B = 1999: the bound is one of the resamples
        low, high = np.quantile(t, [tail, 1 - tail], method="weibull")
    reach = -float(stdtrit(_degrees_of_freedom(macro), tail)) * macro.se if macro.se > 0 else 0.0
    return (
        Bounds(
            pooled.mean,
            pooled.se,
            float(pooled.mean - high * pooled.se),
            float(pooled.mean - low * pooled.se),
        ),
        Bounds(macro.mean, macro.se, macro.mean - reach, macro.mean + reach),
    )


def _degrees_of_freedom(moments: Moments) -> float:
    """Return Satterthwaite's degrees of freedom of a sum of variances."""
    parts = zip(moments.variances, moments.degrees, strict=True)
    return sum(moments.variances) ** 2 / sum(v**2 / df for v, df in parts if v > 0)


@lru_cache(maxsize=RECENT_TABLES)
def _resampled_t(
    tables: tuple[ClusterTable, ...], resamples: int, seed: int
) -> NDArray[np.float64]:
    """Return studentised deviations of resampled pooled means, of each table: (K, B).

    Tables are resampled once, and together: they have the same sizes, and as many seeds. The part
    of the error that seeds give is held: three resampled seeds are the same seed in one case of
    nine, and an error estimated from them would be 0.
    """
    rng, first = np.random.default_rng(seed), tables[0]
    n_clusters, sizes = len(first.sizes), first.sizes
    found, every = np.empty((len(tables), resamples)), [moments_of(table) for table in tables]
    block = max(BLOCK_RESAMPLES, BLOCK_ENTRIES // n_clusters)
    for begin in range(0, resamples, block):
        n = min(block, resamples - begin)
        counts = _draw_counts(rng, n, n_clusters)  # (n, G)
        weights = [_draw_seed_weights(rng, n, len(side)) for side in first.sides]
        totals, squared = counts @ sizes, counts @ sizes**2
        for table, moments, t in zip(tables, every, found, strict=True):
            first_sums, *second = [w @ side for w, side in zip(weights, table.sides, strict=True)]
            sums = first_sums - second[0] if second else first_sums
            off = sums - moments.mean * sizes  # (n, G), or (1, G) where no seeds are drawn
            means = _weighed(counts, off) / totals  # from the pooled mean
            squares = _weighed(counts, off**2) + means * (
                means * squared - 2 * _weighed(counts, off * sizes)
            )
            variances = squares * n_clusters / (n_clusters - 1) / totals**2
            least = (LEAST_RELATIVE_ERROR * moments.se) ** 2
            of_seeds = sum(moments.variances[1:])
            t[begin : begin + n] = means / np.sqrt(np.maximum(variances + of_seeds, least))
    return found


def _weighed(counts: NDArray[np.float64], values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the sum of values (n, G), or the same (1, G) for all, as often as they count: (n,)."""
    if len(values) == 1:
        return np.asarray(counts @ values[0])
    return np.asarray(np.einsum("bg,bg->b", counts, values))


def _draw_counts(rng: np.random.Generator, n: int, size: int) -> NDArray[np.float64]:
    """Return (n, size): how often each of `size` things is drawn in `size` draws, n times over."""
    drawn = rng.integers(0, size, (n, size)) + np.arange(n)[:, None] * size
    return np.bincount(drawn.ravel(), minlength=n * size).reshape(n, size).astype(np.float64)


def _draw_seed_weights(rng: np.random.Generator, n: int, size: int) -> NDArray[np.float64]:
    """Return (n, S) weights of resampled seeds, rows summing to 1; (1, 1) for a single seed.

    The mean of S resampled seeds varies less than that of S new ones by (S - 1) / S, a third for
    three seeds; its deviation is stretched to make up for it.
    """
    if size == 1:
        return np.ones((1, 1))
    stretch = math.sqrt(size / (size - 1))
    return (1 + stretch * (_draw_counts(rng, n, size) - 1)) / size


LEVEL = 0.95  # of a two-sided interval
RESAMPLES = 1999


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


def seed_from(*parts: str) -> int:
    """Return a seed that follows from `parts` alone: a check's id and the digest of window ids."""
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
    return cluster_intervals({"values": values}, clusters, resamples=resamples, seed=seed)["values"]


def cluster_intervals(
    values: Mapping[str, ArrayLike],
    clusters: ArrayLike,
    *,
    resamples: int = RESAMPLES,
    seed: int,
) -> dict[str, Interval]:
    """Return the same of several numbers of each window, which share their resamples.

    Args:
        values: Name -> (N,) finite numbers.

    Raises:
        ArgumentError: As above.
    """
    require_resamples(resamples)
    codes = np.unique(np.asarray(clusters), return_inverse=True)[1]  # names are sorted once
    tables = tuple(
        tabulate({name: np.atleast_2d(np.asarray(one, np.float64))}, codes)
        for name, one in values.items()
    )
    return dict(zip(values, _intervals(tables, resamples, seed), strict=True))


def table_interval(table: ClusterTable, *, resamples: int = RESAMPLES, seed: int) -> Interval:
    """Return the mean that sums by article have, and its interval of 95 %.

    Raises:
        ArgumentError: If an option is out of range.
    """
    require_resamples(resamples)
    return _intervals((table,), resamples, seed)[0]


def _intervals(tables: tuple[ClusterTable, ...], resamples: int, seed: int) -> list[Interval]:
    return [
        Interval(
            mean=pooled.mean,
            low=min(pooled.low, macro.low),
            high=max(pooled.high, macro.high),
            se=pooled.se,
            n_clusters=len(table.sizes),
            effective_clusters=table.effective_clusters,
            pooled=pooled,
            macro=macro,
        )
        for table, (pooled, macro) in zip(
            tables, bounds_together(tables, (1 - LEVEL) / 2, resamples, seed), strict=True
        )
    ]


def shows_gain(gain: Interval, articles: float, least: float) -> float:
    """Return how often a gain is seen on other articles, 0 to 1, by the normal approximation.

    It is seen where its mean is above `least`, and the lower end of its two-sided 95 % interval
    above 0. That it was measured on some articles itself is counted in.

    Args:
        gain: Clustered by article.
        articles: As so many equal ones; more than one.
    """
    se = gain.se * math.sqrt(gain.effective_clusters / articles)
    needed = max(least, float(stdtrit(articles - 1, 0.975)) * se)
    return float(ndtr((gain.mean - needed) / max(math.hypot(se, gain.se), NO_SPREAD)))


def require_resamples(resamples: int) -> None:
    """Raise ArgumentError where they are too few for a bound."""
    least = 99  # fewer leave no resample beyond a 1 % bound
    if resamples < least:
        raise ArgumentError(f"resamples: expected at least {least}, got {resamples}")
