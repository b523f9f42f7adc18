"""Rows that occur twice, byte for byte, and the articles that share them.

Letters: P matching pairs.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from amn.data.sampling import evenly_spaced
from amn.data.space import principal_directions
from amn.system import in_threads

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

    from amn.data.ids import Ids

    Pair = tuple[NDArray[np.int64], NDArray[np.int64]]


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
        left: (n,) id of the article whose rows are counted.
        right: (n,) id of the article that has them too.
        shared: (n,) int64 rows of `left` that are in `right`.
        sizes: (n,) int64 rows of `left` that were looked at.
    """

    left: Ids
    right: Ids
    shared: NDArray[np.int64]
    sizes: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.left)

    def beside(self, other: Overlaps) -> Overlaps:
        """Return the pairs with as many rows fewer as the same two share in another table."""
        pairs = zip(other.left.tolist(), other.right.tolist(), strict=True)
        theirs = dict(zip(pairs, other.shared.tolist(), strict=True))
        own = zip(self.left.tolist(), self.right.tolist(), strict=True)
        fewer = np.array([theirs.get(pair, 0) for pair in own], np.int64)
        return replace(self, shared=self.shared - fewer)

    @property
    def largest(self) -> float:
        """The largest share of an article that another one has; 0 where there are no pairs."""
        return float((self.shared / self.sizes).max(initial=0.0))

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


def article_overlaps(matches: Matches, left_ids: Ids, right_ids: Ids) -> Overlaps:
    """Count for each pair of articles the rows of the left one that are in the right one.

    Args:
        left_ids: (n,) the article of every row that was looked at on the left.
        right_ids: (m,) the article of every row on the right.
    """
    articles, left, counts = np.unique(left_ids, return_inverse=True, return_counts=True)
    others, right = np.unique(right_ids, return_inverse=True)
    keys = np.column_stack([left[matches.left], right[matches.right], matches.left])
    rows = np.unique(
        keys, axis=0
    )  # a row counts once for an article, however often it repeats there
    pairs, shared = np.unique(rows[:, :2], axis=0, return_counts=True)
    sizes = counts[pairs[:, 0]]
    order = np.lexsort((-shared, -shared / np.maximum(sizes, 1)))
    return Overlaps(articles[pairs[order, 0]], others[pairs[order, 1]], shared[order], sizes[order])


# Of most variance, along which rows are looked for: the fewest that leave few pairs to read whole.
DIRECTIONS = (16, 32, 64, 128)
FEW = 1e-5  # of all pairs: reading them takes less than telling them apart along more directions
FITTED_ROWS = 2048  # that the directions are found on
SAMPLED_ROWS = 512  # of each side, of which all pairs tell how many directions it takes
MOST_BYTES = 1 << 27  # of all rows along them; at least 16 all the same
READ_ROWS = 1024  # 3 MB widened at D = 768: in cache
LEAF_ROWS = 2048  # that are compared with all that come to them: more work, or more cuts
QUERY_BLOCK = 256  # with a leaf's rows: 2 MB of squared distances, in cache
WIDTH_ROWS = 4096  # that tell which direction is the widest
ROUNDING = 1e-4  # float32 leaves about 1e-6 in a squared distance of unit vectors


def near_rows(
    left: NDArray[np.float32],
    read: Callable[[NDArray[np.int64]], NDArray[np.float32]],
    n_right: int,
    cosine: float,
) -> Matches:
    """Pair rows whose cosine is at least `cosine`, on every core.

    A row that is near more than `MOST_MATCHES` may be paired with no more of them than that.

    Args:
        left: (n, D) unit rows.
        read: Gives unit rows of the other set, (k, D), at positions (k,) of 0 ... `n_right` - 1.
        n_right: Rows of the other set, m.
        cosine: Below 1, high enough that few pairs reach it.
    """
    none = np.empty(0, np.int64)
    if not len(left) or not n_right:
        return Matches(none, none)
    farthest = 2 * (1 - cosine + ROUNDING)  # squared distance of unit rows
    if max(len(left), n_right) <= LEAF_ROWS:  # one leaf: no directions
        queries, keys = left, read(np.arange(n_right))
    else:
        basis = _directions(left, read, n_right, farthest)
        queries, keys = left @ basis, _along(basis, read, n_right)

    def compare(leaf: Pair) -> Pair:
        ours, theirs = leaf
        near = _closest(queries[ours], keys[theirs], farthest)
        return _at_least(cosine, left, read, (ours[near[0]], theirs[near[1]]))

    found = [(none, none), *in_threads(compare, _leaves(queries, keys, farthest))]
    return Matches(*(np.concatenate(side) for side in zip(*found, strict=True)))


def _directions(
    left: NDArray[np.float32],
    read: Callable[[NDArray[np.int64]], NDArray[np.float32]],
    n_right: int,
    farthest: float,
) -> NDArray[np.float32]:
    """Return orthonormal directions along which few pairs are near that are not: (D, K).

    Args:
        farthest: Squared distance of a near pair, at most.
    """
    dim = left.shape[1]
    most = max(MOST_BYTES // (4 * n_right), DIRECTIONS[0])
    numbers = [min(n, dim) for n in DIRECTIONS if n <= most]
    fitted = left[evenly_spaced(len(left), FITTED_ROWS)]
    basis = principal_directions(fitted, numbers[-1])  # those of most variance last
    ours = left[evenly_spaced(len(left), SAMPLED_ROWS)]
    theirs = read(evenly_spaced(n_right, SAMPLED_ROWS))

    def n_near(queries: NDArray[np.float32], keys: NDArray[np.float32]) -> int:
        ours, theirs = _sides(queries, keys)
        return int(np.count_nonzero(ours @ theirs.T <= farthest))

    allowed = n_near(ours, theirs) + FEW * len(ours) * len(theirs)
    along = (ours @ basis, theirs @ basis)
    enough = (n for n in numbers if n_near(*(rows[:, -n:] for rows in along)) <= allowed)
    return basis[:, -next(enough, numbers[-1]) :]


def _along(
    basis: NDArray[np.float32],
    read: Callable[[NDArray[np.int64]], NDArray[np.float32]],
    n_rows: int,
) -> NDArray[np.float32]:
    """Return rows along some directions (D, K): (n, K)."""
    found = np.empty((n_rows, basis.shape[1]), np.float32)

    def project(first: int) -> None:
        positions = np.arange(first, min(first + READ_ROWS, n_rows))
        found[positions] = read(positions) @ basis

    deque(in_threads(project, range(0, n_rows, READ_ROWS)), maxlen=0)
    return found


def _leaves(
    queries: NDArray[np.float32], keys: NDArray[np.float32], farthest: float
) -> Iterator[Pair]:
    """Yield positions of queries, and of at most `LEAF_ROWS` keys that may be near them."""
    reach = np.float32(np.sqrt(farthest))
    waiting = [(np.arange(len(queries)), np.arange(len(keys)))]
    while waiting:
        ours, theirs = waiting.pop()
        if not len(ours):
            continue
        if len(theirs) <= LEAF_ROWS:
            yield ours, theirs
            continue
        axis = int(keys[theirs[:WIDTH_ROWS]].var(axis=0).argmax())
        middle = len(theirs) // 2
        theirs = theirs[np.argpartition(keys[theirs, axis], middle)]
        cut, along = keys[theirs[middle], axis], queries[ours, axis]
        waiting.append((ours[along >= cut - reach], theirs[middle:]))
        waiting.append((ours[along <= cut + reach], theirs[:middle]))


def _closest(queries: NDArray[np.float32], keys: NDArray[np.float32], farthest: float) -> Pair:
    """Return (query, key) of squared distances up to `farthest`, `MOST_MATCHES` of a query."""
    found: list[Pair] = []
    ours, theirs = _sides(queries, keys)
    for first in range(0, len(ours), QUERY_BLOCK):
        distances = ours[first : first + QUERY_BLOCK] @ theirs.T
        rows, columns = np.divmod(np.flatnonzero(distances <= farthest), len(keys))
        if (many := np.flatnonzero(np.bincount(rows) > MOST_MATCHES)).size:
            nearest = np.argpartition(distances[many], MOST_MATCHES - 1, axis=1)
            others = ~np.isin(rows, many)
            rows = np.concatenate([rows[others], np.repeat(many, MOST_MATCHES)])
            columns = np.concatenate([columns[others], nearest[:, :MOST_MATCHES].ravel()])
        found.append((rows + first, columns))
    left, right = (np.concatenate(side) for side in zip(*found, strict=True))
    return left, right


def _sides(
    queries: NDArray[np.float32], keys: NDArray[np.float32]
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return (Q, K + 2) and (n, K + 2): their product is |q|^2 - 2 q.k + |k|^2 of all pairs."""
    own, other = np.vecdot(queries, queries), np.vecdot(keys, keys)
    ours = np.column_stack([queries, own, np.ones_like(own)])
    return ours, np.column_stack([-2 * keys, np.ones_like(other), other])


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
