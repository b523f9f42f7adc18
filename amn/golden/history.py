"""A ledger over time: the values of a split, and how far they drifted from the anchor."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from amn.golden.ledger import Entry

BARS = "▁▂▃▄▅▆▇█"


@dataclass(frozen=True, slots=True)
class Drift:
    """How a split's accepted mean moved since the anchor.

    Attributes:
        total: Sum of the steps between goldens of the same windows; below 0 is worse.
        steps: How many goldens were accepted since the anchor.
        not_comparable: How many of these steps changed the windows, and so count as 0.
        anchor: Number of the entry that it is measured from.
    """

    total: float
    steps: int
    not_comparable: int
    anchor: int


def drift_since_anchor(entries: Sequence[Entry], split: str) -> Drift:
    """Return how far a split's mean moved since the last anchor, or since the first entry.

    Small steps that each stay within a margin add up here.

    Args:
        entries: At least one, in order.
    """
    anchors = [entry.number for entry in entries if entry.kind == "anchor"]
    anchor = anchors[-1] if anchors else 0
    steps = list(pairwise(entries[anchor:]))
    comparable = [(a, b) for a, b in steps if a.digests.windows == b.digests.windows]
    total = sum(b.mean(split) - a.mean(split) for a, b in comparable)
    return Drift(float(total), len(steps), len(steps) - len(comparable), anchor)


def sparkline(values: Sequence[float]) -> str:
    """Return one bar a value, the lowest and the highest value at the ends of the scale."""
    low, high = min(values), max(values)
    if high == low:
        return BARS[0] * len(values)
    top = len(BARS) - 1
    return "".join(BARS[round((value - low) / (high - low) * top)] for value in values)
