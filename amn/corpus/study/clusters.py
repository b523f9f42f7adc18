"""Articles that say the same thing: near-duplicates, and the clusters they form."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from amn.data.repeats import Matches, article_overlaps, identical_rows, near_rows, repeated_rows
from amn.data.sampling import unit_vectors
from amn.data.vectors import unit_rows
from amn.system import in_threads

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from amn.corpus.study.region import Region

# Mean vectors of two articles. wiki/core: 1 of 8.7 million pairs reaches 0.98, two lists of results
# of one event; seasons and weight classes of one sport reach 0.97.
NEAR_ARTICLE = 0.98
SHARED = 0.2  # of an article's rows, byte for byte, and at least SHARED_ROWS: as in check S003
SHARED_ROWS = 3
BLOCK_ROWS = 1024  # 3 MB widened at D = 768: in cache, where sums take a fifth of the time


def mean_vectors(region: Region) -> NDArray[np.float32]:
    """Return the mean vector of each article at unit length: (A, D)."""
    result = np.empty((len(region), region.dataset.dim), np.float32)
    ends = np.cumsum(region.sizes)

    def add(block: tuple[int, int]) -> None:
        first, last = block
        begin = ends[first] - region.sizes[first]
        vectors = unit_vectors(region.dataset, region.rows[begin : ends[last - 1]])
        starts = ends[first:last] - region.sizes[first:last] - begin
        result[first:last] = np.add.reduceat(vectors, starts, axis=0)

    deque(in_threads(add, _article_blocks(ends, region.sizes)), maxlen=0)
    return unit_rows(result, out=result)


def _article_blocks(ends: NDArray[np.int64], sizes: NDArray[np.int64]) -> Iterator[tuple[int, int]]:
    """Yield the first and last + 1 of articles that have `BLOCK_ROWS` rows together, or of one."""
    first = 0
    while first < len(ends):
        most = ends[first] - sizes[first] + BLOCK_ROWS
        last = max(int(np.searchsorted(ends, most, "right")), first + 1)
        yield first, last
        first = last


def near_duplicate_clusters(
    region: Region, means: NDArray[np.float32], *, cosine: float = NEAR_ARTICLE
) -> NDArray[np.int64]:
    """Return a cluster number for each article, (A,): near-duplicates share one.

    Two articles belong together when their mean vectors are at least `cosine` alike, or when a
    fifth of the rows of one, and three of them, are rows of the other byte for byte; and so do
    those that others connect.

    Args:
        means: (A, D) of `mean_vectors`.
    """
    near = near_rows(means, means.__getitem__, len(means), cosine)
    left, right = _shared_rows(region)
    left, right = np.concatenate([near.left, left]), np.concatenate([near.right, right])
    links = coo_array((np.ones(len(left), np.int8), (left, right)), shape=(len(means),) * 2)
    return np.asarray(connected_components(links, directed=False)[1], np.int64)


def _shared_rows(region: Region) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return pairs of articles, by position, that share rows byte for byte."""
    hashes = region.scan.hashes[region.rows]
    rows = repeated_rows(hashes)
    found = identical_rows(hashes[rows], hashes[rows])
    matches = Matches(rows[found.left], rows[found.right])
    matches = matches.take(region.article_of[matches.left] != region.article_of[matches.right])
    pairs = article_overlaps(matches, region.article_of, region.article_of)
    pairs = pairs.at_least(SHARED, SHARED_ROWS)
    return pairs.left, pairs.right


def has_twin(clusters: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Tell which articles share their cluster with another: (A,) bool."""
    return np.bincount(clusters)[clusters] > 1


def is_spare(clusters: NDArray[np.int64], sizes: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Tell which articles are not the longest of their cluster, the first of equals: (A,) bool."""
    order = np.lexsort((np.arange(len(sizes)), -sizes, clusters))
    ordered = clusters[order]
    spare = np.empty(len(sizes), np.bool_)
    spare[order] = np.concatenate([[False], ordered[1:] == ordered[:-1]])[: len(sizes)]
    return spare
