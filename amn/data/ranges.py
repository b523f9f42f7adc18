"""Sets of article ids as people write them: `1-400, 512, 11001-15192`."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import numpy as np

from amn.errors import ArgumentError

if TYPE_CHECKING:
    from numpy.typing import NDArray

RANGE = re.compile(r"\s*(\d+)\s*(?:-\s*(\d+)\s*)?")


def parse_ranges(text: str) -> NDArray[np.int64]:
    """Return the ranges that a text names: (k, 2) int64 lowest and highest id, in its order.

    Raises:
        ArgumentError: If a part is neither an id nor a range with the lower end first.
    """
    ranges: list[tuple[int, int]] = []
    for part in text.split(","):
        match = RANGE.fullmatch(part)
        low, high = (int(match[1]), int(match[2] or match[1])) if match else (1, 0)
        if not low <= high < 2**63:
            raise ArgumentError(f"expected ids and ranges like '1-400, 512', got {part!r}")
        ranges.append((low, high))
    return np.array(ranges, np.int64)


def within(ids: NDArray[np.int64], ranges: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Tell which ids lie in any of the ranges: (n,) bool."""
    if not len(ranges):
        return np.zeros(len(ids), np.bool_)
    ordered = ranges[np.argsort(ranges[:, 0], kind="stable")]
    reach = np.maximum.accumulate(ordered[:, 1])
    at = np.searchsorted(ordered[:, 0], ids, "right") - 1
    inside: NDArray[np.bool_] = (at >= 0) & (ids <= reach[np.maximum(at, 0)])
    return inside


def format_ranges(ids: NDArray[np.int64]) -> str:
    """Return ids as ranges, the shortest text that `parse_ranges` reads back.

    Args:
        ids: (n,) ascending, each once.
    """
    if not len(ids):
        return ""
    cuts = np.flatnonzero(np.diff(ids) != 1) + 1
    lows, highs = ids[np.r_[0, cuts]], ids[np.r_[cuts - 1, len(ids) - 1]]
    return ", ".join(
        f"{low}" if low == high else f"{low}-{high}"
        for low, high in zip(lows.tolist(), highs.tolist(), strict=True)
    )
