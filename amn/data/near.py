"""Rows of two sets that are nearly the same, all of them, without comparing every pair.

Letters: n and m rows of the two sets, D numbers in a vector, K directions of a projection.

A projection on orthonormal directions never lengthens a distance, so what is further apart there
than the cosine allows is out. The projected rows of one set are halved, again and again, at the
median of the direction in which they are widest; a row of the other goes on with a half only
where it is near enough to its side of the cut (a k-d tree: Bentley 1975, "Multidimensional binary
search trees used for associative searching"). The few pairs that are left are compared in full.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from amn.data.repeats import MOST_MATCHES, Matches
from amn.data.sampling import evenly_spaced
from amn.data.space import principal_directions

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

    Pair = tuple[NDArray[np.int64], NDArray[np.int64]]

DIRECTIONS = 32  # of most variance: of a text encoder's 768 they hold a third of it
FITTED_ROWS = 2048  # that the directions are found on
READ_ROWS = 1024  # 3 MB widened at D = 768: in cache
LEAF_ROWS = 2048  # that are compared with all that come to them: more work, or more cuts
QUERY_BLOCK = 1024  # with a leaf's rows: 8 MB of scores
WIDTH_ROWS = 4096  # that tell which direction is the widest
ROUNDING = 1e-4  # float32 leaves about 1e-6 in a squared distance of unit vectors


def near_rows(
    left: NDArray[np.float32],
    read: Callable[[NDArray[np.int64]], NDArray[np.float32]],
    n_right: int,
    cosine: float,
) -> Matches:
    """Pair rows whose cosine is at least `cosine`.

    A row that is near more than `MOST_MATCHES` may be paired with no more of them than that.

    Args:
        left: (n, D) unit rows.
        read: Gives unit rows of the other set, (k, D), at positions (k,) of 0 ... `n_right` - 1.
        n_right: Rows of the other set, m.
        cosine: Below 1, high enough that few pairs reach it.
    """
    found = [(np.empty(0, np.int64), np.empty(0, np.int64))]
    if len(left) and n_right and max(len(left), n_right) <= LEAF_ROWS:  # one leaf: no directions
        ours, theirs = _closest(left, read(np.arange(n_right)), 2 * (1 - cosine + ROUNDING))
        found.append(_at_least(cosine, left, read, (ours, theirs)))
    elif len(left) and n_right:
        sample = left[evenly_spaced(len(left), FITTED_ROWS)]
        basis = principal_directions(sample, min(DIRECTIONS, left.shape[1]))
        queries = left @ basis
        keys = np.empty((n_right, basis.shape[1]), np.float32)
        for first in range(0, n_right, READ_ROWS):
            positions = np.arange(first, min(first + READ_ROWS, n_right))
            keys[positions] = read(positions) @ basis
        farthest = 2 * (1 - cosine + ROUNDING)  # squared distance of unit rows
        close = _close(queries, keys, farthest)
        found.extend(_at_least(cosine, left, read, pairs) for pairs in close)
    return Matches(*(np.concatenate(side) for side in zip(*found, strict=True)))


def _close(
    queries: NDArray[np.float32], keys: NDArray[np.float32], farthest: float
) -> Iterator[Pair]:
    """Yield positions of pairs whose squared distance is at most `farthest`, a leaf at a time."""
    reach = np.float32(np.sqrt(farthest))
    waiting = [(np.arange(len(queries)), np.arange(len(keys)))]
    while waiting:
        ours, theirs = waiting.pop()
        if not len(ours):
            continue
        if len(theirs) <= LEAF_ROWS:
            for first in range(0, len(ours), QUERY_BLOCK):
                some = ours[first : first + QUERY_BLOCK]
                left, right = _closest(queries[some], keys[theirs], farthest)
                yield some[left], theirs[right]
            continue
        axis = int(keys[theirs[:WIDTH_ROWS]].var(axis=0).argmax())
        middle = len(theirs) // 2
        theirs = theirs[np.argpartition(keys[theirs, axis], middle)]
        cut, along = keys[theirs[middle], axis], queries[ours, axis]
        waiting.append((ours[along >= cut - reach], theirs[middle:]))
        waiting.append((ours[along <= cut + reach], theirs[:middle]))


def _closest(queries: NDArray[np.float32], keys: NDArray[np.float32], farthest: float) -> Pair:
    """Return (query, key) of squared distances up to `farthest`, `MOST_MATCHES` of a query."""
    distances = queries @ (-2 * keys.T)
    distances += np.vecdot(queries, queries)[:, None]
    distances += np.vecdot(keys, keys)
    rows = np.flatnonzero(distances.min(axis=1) <= farthest)
    most = min(MOST_MATCHES, len(keys))
    columns = np.argpartition(distances[rows], most - 1, axis=1)[:, :most]
    left, right = np.repeat(rows, most), columns.ravel()
    chosen = distances[left, right] <= farthest
    return left[chosen], right[chosen]


def _at_least(
    cosine: float,
    left: NDArray[np.float32],
    read: Callable[[NDArray[np.int64]], NDArray[np.float32]],
    pairs: Pair,
) -> Pair:
    """Return the pairs whose rows, in full, are at least so much alike."""
    ours, theirs = pairs
    if not len(ours):
        return pairs
    positions, at = np.unique(theirs, return_inverse=True)
    chosen = np.vecdot(left[ours], read(positions)[at]) >= cosine
    return ours[chosen], theirs[chosen]
