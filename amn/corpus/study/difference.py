"""How much two regions differ in a mean, when articles are the independent units.

Letters: A articles of one region, G articles of both.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from scipy.special import stdtrit

from amn.evaluation.statistics import MIN_CLUSTERS, NO_SPREAD

if TYPE_CHECKING:
    from numpy.typing import NDArray

TAIL = 0.025  # of a 95 % interval, at each end


class Side(NamedTuple):
    """A mean as sums by article: its value is sums.sum() / sizes.sum().

    Attributes:
        units: (A,) int64 or str identities of the articles; one of both regions has one identity.
        sums: (A,) float64.
        sizes: (A,) float64 what was summed: pairs, windows, rows, or 1 for the article itself.
    """

    units: NDArray[Any]
    sums: NDArray[np.float64]
    sizes: NDArray[np.float64]

    @property
    def mean(self) -> float:
        """The pooled mean, NaN when nothing was summed."""
        total = float(self.sizes.sum())
        return float(self.sums.sum()) / total if total else math.nan

    def known(self) -> Side:
        """Return the articles of which anything was summed."""
        return self.take(self.sizes > 0)

    def take(self, chosen: NDArray[np.bool_]) -> Side:
        """Return some of the articles."""
        return Side(self.units[chosen], self.sums[chosen], self.sizes[chosen])


@dataclass(frozen=True)
class Difference:
    """B minus A.

    Attributes:
        a: Mean of A.
        b: Mean of B.
        low: The lower of two 95 % bounds, from pooled means and from means over articles; `-inf`
            with fewer than 8 articles on a side.
        high: The higher of the two upper bounds, likewise.
        effect: Difference of article means over their pooled standard deviation (Cohen's d).
        n_a: Articles of A that the mean is of.
        n_b: Articles of B.
    """

    a: float
    b: float
    low: float
    high: float
    effect: float
    n_a: int
    n_b: int

    @property
    def value(self) -> float:
        """B minus A, pooled."""
        return self.b - self.a


def difference(a: Side, b: Side) -> Difference:
    """Compare two means, each clustered by article.

    The error is that of a difference of ratio estimates: an article adds its deviation from B's
    mean less its deviation from A's, so that articles of both regions cancel as far as they agree.
    """
    a, b = a.known(), b.known()
    singles = [Side(s.units, s.sums / s.sizes, np.ones(len(s.units))) for s in (a, b)]
    bounds = [_bounds(a, b), _bounds(*singles)]
    return Difference(
        a=a.mean,
        b=b.mean,
        low=min(low for low, _ in bounds),
        high=max(high for _, high in bounds),
        effect=_effect(singles[0].sums, singles[1].sums),
        n_a=len(a.units),
        n_b=len(b.units),
    )


def _bounds(a: Side, b: Side) -> tuple[float, float]:
    """Return the 95 % interval of B minus A by Student's t with Welch's degrees of freedom."""
    if min(len(a.units), len(b.units)) < MIN_CLUSTERS:
        return -math.inf, math.inf
    units, place = np.unique(np.concatenate([a.units, b.units]), return_inverse=True)
    parts = np.zeros(len(units))  # (G,)
    variances: list[float] = []
    for side, places, sign in ((a, place[: len(a.units)], -1), (b, place[len(a.units) :], 1)):
        residuals = (side.sums - side.sizes * side.mean) / side.sizes.sum()
        n = len(residuals)
        residuals *= math.sqrt(n / (n - 1))
        parts[places] += sign * residuals
        variances.append(float(residuals @ residuals))
    se = float(np.sqrt(parts @ parts))
    if se <= NO_SPREAD:
        return b.mean - a.mean, b.mean - a.mean
    counts = (len(a.units) - 1, len(b.units) - 1)
    weights = sum(v**2 / n for v, n in zip(variances, counts, strict=True))
    degrees = sum(variances) ** 2 / weights if weights > 0 else min(counts)
    reach = -float(stdtrit(degrees, TAIL)) * se
    return b.mean - a.mean - reach, b.mean - a.mean + reach


def _effect(a: NDArray[np.float64], b: NDArray[np.float64]) -> float:
    """Return Cohen's d of article values, 0 when neither they nor their means differ."""
    if min(len(a), len(b)) <= 1:
        return math.nan
    pooled = ((len(a) - 1) * a.var(ddof=1) + (len(b) - 1) * b.var(ddof=1)) / (len(a) + len(b) - 2)
    gap = float(b.mean() - a.mean())
    if pooled <= NO_SPREAD**2:
        return math.copysign(math.inf, gap) if abs(gap) > NO_SPREAD else 0.0
    return gap / math.sqrt(pooled)
