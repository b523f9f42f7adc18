"""Findings a person can read: the first of many, then how many more there are."""

from __future__ import annotations

from typing import TYPE_CHECKING

from amn.findings import Finding

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import numpy as np
    from numpy.typing import NDArray

MOST_FINDINGS = 20
MOST_IDS = 10


def listed(
    items: NDArray[np.int64] | Sequence[int], describe: Callable[[int], Finding], where: str
) -> list[Finding]:
    """Return a finding for each of the first items, and one for those that are left.

    Args:
        items: Row numbers or positions.
        describe: Makes the finding of one item.
        where: Address of the finding that counts the rest.
    """
    findings = [describe(int(item)) for item in items[:MOST_FINDINGS]]
    if len(items) > MOST_FINDINGS:
        findings.append(Finding(where, f"and {len(items) - MOST_FINDINGS:,} more like these"))
    return findings


def some_ids(ids: NDArray[np.int64]) -> str:
    """Return `12, 15, 17`, or the first ids and how many more."""
    text = ", ".join(str(i) for i in ids[:MOST_IDS])
    return f"{text} and {len(ids) - MOST_IDS:,} more" if len(ids) > MOST_IDS else text
