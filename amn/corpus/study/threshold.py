"""The threshold of coherence that leaves as many rows as are wanted."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from amn.errors import ArgumentError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from amn.corpus.study.region import Region

MOST_DIGITS = 17  # of a float64


def choose_threshold(
    region: Region,
    kept: NDArray[np.bool_],
    exempt: NDArray[np.bool_],
    target: tuple[int, int],
) -> float:
    """Return the lowest threshold of coherence that leaves rows within the target.

    Args:
        kept: (A,) articles that the other rules leave.
        exempt: (A,) articles that stay in any case.
        target: Least and most rows.

    Raises:
        ArgumentError: If no threshold does; it says how near one comes.
    """
    low, high = target
    total = int(region.sizes[kept].sum())
    where = f"--target-rows {low}-{high}"
    if total < low:
        raise ArgumentError(
            f"{where}: expected at least {low:,} rows after the other rules, got {total:,}. "
            "Fix: leave out a rule, or start from more rows"
        )
    if total <= high:
        return -1.0  # a cosine is never below: nothing has to go
    movable = np.flatnonzero(kept & ~exempt & ~np.isnan(region.coherence))
    values, inverse = np.unique(region.coherence[movable], return_inverse=True)
    rows = np.bincount(inverse, region.sizes[movable], len(values)).astype(np.int64)
    left = total - np.concatenate([[0], np.cumsum(rows)])  # left[k]: values[:k] are dropped
    k = int(np.argmax(left <= high)) if left[-1] <= high else len(values)
    if not low <= left[k] <= high:
        nearest = f"{left[k - 1]:,} or {left[k]:,}" if left[k] <= high else f"{left[k]:,} at best"
        raise ArgumentError(
            f"{where}: expected a threshold of coherence that leaves so many of {total:,} rows, "
            f"got {nearest}. Fix: a wider range"
        )
    return _between(float(values[k - 1]), float(np.append(values, 2.0)[k]))  # 2: above any cosine


def _between(low: float, high: float) -> float:
    """Return the number of fewest digits that is above `low` and at most `high`."""
    for digits in range(2, MOST_DIGITS):
        value = math.floor(high * 10.0**digits) / 10.0**digits
        if low < value <= high:
            return value
    return high
