"""Means over clustered values: sums by article, standard errors, and bounds by bootstrap and t.

Shapes: N values, G clusters (articles), S seeds of one side, K rows of sums, B resamples.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from scipy.special import stdtrit

from amn.errors import ArgumentError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import ArrayLike, NDArray

MIN_CLUSTERS = 8  # below it, no method tried kept its error near the nominal one
NO_SPREAD = 1e-12  # float64 means of cosines carry rounding errors of about 1e-16
BLOCK_ENTRIES = 1 << 20  # of a (resamples, G) matrix at once: 8 MiB

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


@dataclass(frozen=True, slots=True)
class ClusterTable:
    """Sums by article: all that the estimates need of the windows.

    Attributes:
        labels: (G,) ids of the clusters.
        sizes: (G,) float64, windows of each.
        sides: One or two (S, G) float64 sums of each seed; the second side is subtracted.
    """

    labels: NDArray[np.int64]
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
    order = np.lexsort([*(row for side in sides.values() for row in side), index])
    sums = [
        np.stack([np.bincount(index[order], row[order], len(labels)) for row in side]).astype(
            np.float64, copy=False
        )
        for side in sides.values()
    ]
    canonical = np.lexsort([*(row for side in sums for row in side), sizes])
    return ClusterTable(
        labels[canonical],
        sizes[canonical].astype(np.float64),
        tuple(side[:, canonical] for side in sums),
    )


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
    macro_table = table.by_article()
    pooled, macro = moments_of(table), moments_of(macro_table)
    if len(table.sizes) < MIN_CLUSTERS:
        return (
            Bounds(pooled.mean, pooled.se, -math.inf, math.inf),
            Bounds(macro.mean, macro.se, -math.inf, math.inf),
        )
    low, high = (0.0, 0.0)
    if pooled.se > 0:
        t = _resampled_t(table, pooled, resamples, np.random.default_rng(seed))
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


def _resampled_t(
    table: ClusterTable, moments: Moments, resamples: int, rng: np.random.Generator
) -> NDArray[np.float64]:
    """Return (B,) studentised deviations of resampled pooled means.

    The part of the error that seeds give is held: three resampled seeds are the same seed in one
    case of nine, and an error estimated from them would be 0.
    """
    n_clusters = len(table.sizes)
    seed_variance = sum(moments.variances[1:])
    least = (LEAST_RELATIVE_ERROR * moments.se) ** 2
    block = max(1, BLOCK_ENTRIES // n_clusters)
    parts = []
    for begin in range(0, resamples, block):
        n = min(block, resamples - begin)
        counts = _draw_counts(rng, n, n_clusters)  # (n, G)
        first, *second = [_draw_seed_weights(rng, n, len(side)) @ side for side in table.sides]
        sums = first - second[0] if second else first  # (n, G)
        totals = counts @ table.sizes
        means = np.einsum("bg,bg->b", counts, sums) / totals
        residuals = sums - means[:, None] * table.sizes
        squares = np.einsum("bg,bg,bg->b", counts, residuals, residuals)
        variances = squares * n_clusters / (n_clusters - 1) / totals**2
        parts.append((means - moments.mean) / np.sqrt(np.maximum(variances + seed_variance, least)))
    return np.concatenate(parts)


def _draw_counts(rng: np.random.Generator, n: int, size: int) -> NDArray[np.float64]:
    """Return (n, size): how often each of `size` things is drawn in `size` draws, n times over."""
    drawn = rng.integers(0, size, (n, size)) + np.arange(n)[:, None] * size
    return np.bincount(drawn.ravel(), minlength=n * size).reshape(n, size).astype(np.float64)


def _draw_seed_weights(rng: np.random.Generator, n: int, size: int) -> NDArray[np.float64]:
    """Return (n, S) weights of resampled seeds, rows summing to 1; a single seed is not resampled.

    The mean of S resampled seeds varies less than that of S new ones by (S - 1) / S, a third for
    three seeds; its deviation is stretched to make up for it.
    """
    if size == 1:
        return np.ones((n, 1))
    stretch = math.sqrt(size / (size - 1))
    return (1 + stretch * (_draw_counts(rng, n, size) - 1)) / size
