"""Whether articles begin and end where their vectors do, and rows stand where their chunks stood.

Letters: N rows, B borders between articles, P positions in an article.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from amn.data.coherence import follows, mean_by_article
from amn.data.dataset import run_starts

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from amn.data.dataset import DataSet
    from amn.data.scan import RowScan


@dataclass(frozen=True)
class Borders:
    """Borders between articles that follow each other in a shard.

    Attributes:
        articles: (B,) int64 the one after the border.
        gains: (B,) float64 mean cosine of the last two rows before and the first two rows after
            the border, minus that of the two rows that meet there.
    """

    articles: NDArray[np.int64]
    gains: NDArray[np.float64]


@dataclass(frozen=True)
class Dips:
    """How alike a row and the next one are, by the position of the row in its article.

    Attributes:
        positions: (P,) int64 chunk_index of the first row of the pair.
        counts: (P,) int64 articles that have it.
        dips: (P,) float64 mean over articles of (cosine - the article's mean cosine).
        errors: (P,) float64 standard errors of the means.
    """

    positions: NDArray[np.int64]
    counts: NDArray[np.int64]
    dips: NDArray[np.float64]
    errors: NDArray[np.float64]


def find_borders(dataset: DataSet, scan: RowScan) -> Borders:
    """Return the borders between articles of two rows or more."""
    starts = run_starts(dataset.article_ids)
    ends = np.append(starts[1:], len(dataset))
    has_pair = ends - starts > 1
    shard_starts = [shard.start for shard in dataset.shards]
    meet = has_pair[1:] & has_pair[:-1] & ~np.isin(starts[1:], shard_starts)
    first = starts[1:][meet]
    near = scan.adjacent.astype(np.float64)
    gains = (near[first - 2] + near[first]) / 2 - near[first - 1]
    return Borders(dataset.article_ids[first], gains)


def find_dips(dataset: DataSet, scan: RowScan, *, least_articles: int) -> Dips:
    """Return how neighbours compare by position, for positions of so many articles."""
    _, means = mean_by_article(dataset, scan.adjacent, 1)
    starts = run_starts(dataset.article_ids)
    owners = np.searchsorted(dataset.articles, dataset.article_ids[starts])
    own = np.repeat(means[owners], np.diff(np.append(starts, len(dataset))))
    chunks = dataset.chunk_index
    # Where numbers have gaps, those above N are few; counting has no room for them.
    is_pair = follows(dataset, 1) & (chunks >= 0) & (chunks < len(dataset))
    at = np.where(is_pair, chunks, 0)
    off = np.where(is_pair, scan.adjacent - own, 0.0)
    counts = np.bincount(at, is_pair).astype(np.int64)
    positions = np.flatnonzero(counts >= max(least_articles, 1))
    n = counts[positions]
    dips = np.bincount(at, off)[positions] / n
    squares = np.bincount(at, off * off)[positions] - n * dips**2
    errors = np.sqrt(np.maximum(squares, 0.0) / np.maximum(n - 1, 1) / n)
    return Dips(positions, n, dips, errors)


def lone_rows(dataset: DataSet, scan: RowScan, cosine: float) -> NDArray[np.int64]:
    """Return rows that have neighbours in their article, all of them less alike than `cosine`."""
    near = np.where(follows(dataset, 1), scan.adjacent, -np.inf)
    best = near.copy()
    np.maximum(best[1:], near[:-1], out=best[1:])
    return np.flatnonzero((best > -np.inf) & (best < cosine))
