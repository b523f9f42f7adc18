"""Rows that occur twice, byte for byte, and the articles that share them.

Letters: P matching pairs.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

MOST_MATCHES = 16  # of one row: enough to name an article, and boilerplate cannot grow quadratic


@dataclass(frozen=True)
class Matches:
    """Pairs of rows that hold the same vector.

    Attributes:
        left: (P,) int64 positions in the first set of rows.
        right: (P,) int64 positions in the second.
    """

    left: NDArray[np.int64]
    right: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.left)

    def take(self, chosen: NDArray[np.bool_]) -> Matches:
        """Return some of the pairs."""
        return Matches(self.left[chosen], self.right[chosen])


@dataclass(frozen=True)
class Overlaps:
    """Pairs of articles that share rows, the largest share first.

    Attributes:
        left: (n,) int64 article whose rows are counted.
        right: (n,) int64 article that has them too.
        shared: (n,) int64 rows of `left` that are in `right`.
        sizes: (n,) int64 rows of `left` that were looked at.
    """

    left: NDArray[np.int64]
    right: NDArray[np.int64]
    shared: NDArray[np.int64]
    sizes: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.left)

    def at_least(self, share: float, rows: int) -> Overlaps:
        """Return the pairs that share so much of the left article, and so many rows."""
        chosen = (self.shared >= share * self.sizes) & (self.shared >= rows)
        return Overlaps(*(a[chosen] for a in (self.left, self.right, self.shared, self.sizes)))


def repeated_rows(hashes: NDArray[np.uint64]) -> NDArray[np.int64]:
    """Return the rows whose digest another row has too, ascending."""
    ordered = np.sort(hashes)
    values = ordered[1:][ordered[1:] == ordered[:-1]]
    return np.flatnonzero(_find(values, hashes)[1])


def identical_rows(left: NDArray[np.uint64], right: NDArray[np.uint64]) -> Matches:
    """Pair rows of equal digest, at most `MOST_MATCHES` pairs for a row of `left`."""
    order = np.argsort(right, kind="stable")
    ordered = right[order]
    low, is_found = _find(ordered, left)
    candidates = np.flatnonzero(is_found)
    low = low[candidates]
    high = np.searchsorted(ordered, left[candidates], "right")
    hits = [np.flatnonzero(low + k < high) for k in range(MOST_MATCHES)]
    return Matches(
        np.concatenate([candidates[hit] for hit in hits]),
        np.concatenate([order[low[hit] + k] for k, hit in enumerate(hits)]),
    )


def _find(
    ordered: NDArray[np.uint64], wanted: NDArray[np.uint64]
) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Return where each wanted digest is or would be in `ordered`, and if it is there.

    For digests a tenth of the time of `numpy.isin`, which hashes them first.
    """
    if not len(ordered):
        return np.zeros(len(wanted), np.int64), np.zeros(len(wanted), np.bool_)
    at = np.searchsorted(ordered, wanted)
    return at, ordered[np.minimum(at, len(ordered) - 1)] == wanted


def article_overlaps(
    matches: Matches, left_ids: NDArray[np.int64], right_ids: NDArray[np.int64]
) -> Overlaps:
    """Count for each pair of articles the rows of the left one that are in the right one.

    Args:
        left_ids: (n,) the article of every row that was looked at on the left.
        right_ids: (m,) the article of every row on the right.
    """
    keys = np.column_stack([left_ids[matches.left], right_ids[matches.right], matches.left])
    rows = np.unique(
        keys, axis=0
    )  # a row counts once for an article, however often it repeats there
    pairs, shared = np.unique(rows[:, :2], axis=0, return_counts=True)
    articles, counts = np.unique(left_ids, return_counts=True)
    sizes = counts[np.searchsorted(articles, pairs[:, 0])]
    order = np.lexsort((-shared, -shared / np.maximum(sizes, 1)))
    return Overlaps(pairs[order, 0], pairs[order, 1], shared[order], sizes[order])
