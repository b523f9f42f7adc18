"""Scores that nobody measured, for the tests of what reports say of them."""

from __future__ import annotations

from amn.evaluation.statistics import Bounds, Interval


def interval(mean: float, low: float, high: float) -> Interval:
    """Return an interval over 60 articles."""
    ends = Bounds(mean, 0.004, low, high)
    return Interval(mean, low, high, 0.004, 60, 60.0, pooled=ends, macro=ends)
