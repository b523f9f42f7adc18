"""Rows that occur twice: byte for byte, or so close that nobody could tell.

Letters: N rows, D numbers in a vector, K directions of a projection, P matching pairs.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

MOST_MATCHES = 16  # of one row: enough to name an article, and boilerplate cannot grow quadratic
PROJECTED = 64  # directions of the filter in front of the exact cosine
QUERY_BLOCK = 1024  # with TRAIN_BLOCK rows at a time: 34 MB of scores
ROUNDING = 1e-4  # float32 leaves about 1e-6 in a squared distance of unit vectors


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


def near_rows(
    left: NDArray[np.float32],
    right: Iterable[NDArray[np.float32]],
    cosine: float,
    rng: np.random.Generator,
) -> Matches:
    """Pair rows whose cosine is at least `cosine`, at most `MOST_MATCHES` for a row and a block.

    A projection on orthonormal directions never lengthens a distance, so what is further apart
    there than `cosine` allows is out; the few pairs that are left are compared in full.

    Args:
        left: (n, D) unit rows.
        right: Blocks of (m, D) unit rows; positions count through all blocks.
        cosine: Below 1, high enough that few pairs reach it.
    """
    dim = left.shape[1]
    basis = np.linalg.qr(rng.standard_normal((dim, min(dim, PROJECTED))))[0].astype(np.float32)
    queries = _lifted(left, basis, query=True)
    farthest = -(1.0 - cosine) - ROUNDING  # a score is -distance^2 / 2
    found = [Matches(np.empty(0, np.int64), np.empty(0, np.int64))]
    start = 0
    for block in right:
        keys = _lifted(block, basis, query=False)
        for first in range(0, len(left), QUERY_BLOCK):
            scores = queries[first : first + QUERY_BLOCK] @ keys.T
            pairs = _best(scores, farthest)
            rows = left[first + pairs.left]
            same = np.vecdot(rows, block[pairs.right]) >= cosine
            found.append(Matches(first + pairs.left[same], start + pairs.right[same]))
        start += len(block)
    return Matches(
        np.concatenate([pairs.left for pairs in found]),
        np.concatenate([pairs.right for pairs in found]),
    )


def _lifted(
    vectors: NDArray[np.float32], basis: NDArray[np.float32], *, query: bool
) -> NDArray[np.float32]:
    """Return (n, K + 2) such that a query times a key is -distance^2 / 2 of their projections."""
    projected = vectors @ basis
    half = -np.vecdot(projected, projected)[:, None] / 2
    one = np.ones_like(half)
    return np.hstack([projected, half, one] if query else [projected, one, half])


def _best(scores: NDArray[np.float32], least: float) -> Matches:
    """Return (row, column) of scores of at least `least`, the `MOST_MATCHES` best of each row."""
    rows = np.flatnonzero(scores.max(axis=1) >= least)
    most = min(MOST_MATCHES, scores.shape[1])
    columns = np.argpartition(scores[rows], -most, axis=1)[:, -most:]
    left = np.repeat(rows, most)
    right = columns.ravel()
    chosen = scores[left, right] >= least
    return Matches(left[chosen], right[chosen])


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
