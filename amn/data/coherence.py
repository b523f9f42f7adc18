"""How alike the rows of an article are, next to each other and further apart.

Running text is most alike between neighbours. Where it is not, rows are not in its order.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from amn.data.dataset import run_starts
from amn.data.sampling import evenly_spaced
from amn.data.scan import FAR_LAG
from amn.data.vectors import cosine_rows

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from amn.data.dataset import DataSet
    from amn.data.ids import Ids
    from amn.data.scan import RowScan
    from amn.data.windows import Windows


BLOCK_ROWS = 8192
LAG_ARTICLES = 64  # evenly over the ids: their means by lag are within 0.01 of those of all


@dataclass(frozen=True)
class LagCurve:
    """What the order of rows is worth in each article.

    Attributes:
        articles: (A,) ids, ascending, of articles with enough pairs to tell.
        gains: (A,) float64 mean cosine of neighbours minus that of rows `FAR_LAG` apart.
    """

    articles: Ids
    gains: NDArray[np.float64]


def follows(dataset: DataSet, lag: int) -> NDArray[np.bool_]:
    """Tell for each row if the row `lag` further is `lag` chunks later in its article: (N,)."""
    codes, chunks = dataset.codes, dataset.chunk_index
    result = np.zeros(len(dataset), np.bool_)
    result[:-lag] = (codes[lag:] == codes[:-lag]) & (chunks[lag:] - chunks[:-lag] == lag)
    return result


def mean_by_article(
    dataset: DataSet, cosines: NDArray[np.float32], lag: int
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Return each article's number of pairs of rows `lag` chunks apart, and their mean cosine.

    Args:
        cosines: (N,) of each row with the row `lag` further.

    Returns:
        (A,) int64 and (A,) float64 in the order of `dataset.articles`; 0 for one without a pair.
    """
    starts = run_starts(dataset.codes)
    owner = dataset.codes[starts]
    is_pair = follows(dataset, lag)
    counts = np.add.reduceat(is_pair, starts, dtype=np.int64)
    totals = np.add.reduceat(np.where(is_pair, cosines, 0), starts, dtype=np.float64)
    # An article out of order has several runs; counts below 2^53 are exact as float64.
    pairs = np.bincount(owner, counts).astype(np.int64)
    return pairs, np.bincount(owner, totals) / np.maximum(pairs, 1)


def lag_curve(dataset: DataSet, scan: RowScan, *, least_pairs: int) -> LagCurve:
    """Return the gain of neighbours over far rows for articles with `least_pairs` far pairs."""
    _, near = mean_by_article(dataset, scan.adjacent, 1)
    pairs, far = mean_by_article(dataset, scan.far, FAR_LAG)
    enough = pairs >= least_pairs
    return LagCurve(dataset.articles[enough], (near - far)[enough])


def mean_by_lag(dataset: DataSet, lags: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return the mean cosine of rows of an article that are so many chunks apart: (K,) float64.

    In [-1, 1]; NaN for a lag that no article has. Running text falls off with the lag; rows in no
    order are flat.

    Args:
        lags: (K,) at least 1.
    """
    chosen = dataset.articles[evenly_spaced(len(dataset.articles), LAG_ARTICLES)]
    rows = dataset.rows_of(chosen)
    vectors = np.asarray(dataset.gather(rows), np.float32)
    codes, chunks = dataset.codes[rows], dataset.chunk_index[rows].astype(np.int64)
    means = np.full(len(lags), np.nan)
    for position, lag in enumerate(lags.tolist()):
        is_pair = (codes[lag:] == codes[:-lag]) & (chunks[lag:] - chunks[:-lag] == lag)
        if is_pair.any():
            with np.errstate(over="ignore", invalid="ignore"):  # broken rows are D001's to report
                cosines = np.vecdot(vectors[:-lag][is_pair], vectors[lag:][is_pair])
            means[position] = cosines.mean(dtype=np.float64)
    return means


def window_coherence(windows: Windows) -> NDArray[np.float64]:
    """Return the mean cosine of neighbours within each window, target included: (N,), -1 to 1."""
    context, dataset = windows.context, windows.dataset
    is_used = np.zeros(len(dataset), np.bool_)
    for position in range(context):
        is_used[windows.starts + position] = True
    used = np.flatnonzero(is_used)
    sums = np.zeros(len(dataset) + 1)  # sums[i + 1]: of row i with row i + 1, and all before
    for start in range(0, len(used), BLOCK_ROWS):
        rows = used[start : start + BLOCK_ROWS]
        cosines = cosine_rows(dataset.gather(rows), dataset.gather(rows + 1))
        sums[rows + 1] = np.nan_to_num(cosines)  # a zero row counts as 0
    np.cumsum(sums, out=sums)
    means: NDArray[np.float64] = (sums[windows.starts + context] - sums[windows.starts]) / context
    return means


@dataclass(frozen=True)
class Borders:
    """Borders between articles that follow each other in a shard.

    Attributes:
        articles: (B,) ids: the one after the border.
        gains: (B,) float64 mean cosine of the last two rows before and the first two rows after
            the border, minus that of the two rows that meet there.
    """

    articles: Ids
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
    starts = run_starts(dataset.codes)
    ends = np.append(starts[1:], len(dataset))
    has_pair = ends - starts > 1
    shard_starts = [shard.start for shard in dataset.shards]
    meet = has_pair[1:] & has_pair[:-1] & ~np.isin(starts[1:], shard_starts)
    first = starts[1:][meet]
    near = scan.adjacent.astype(np.float64)
    gains = (near[first - 2] + near[first]) / 2 - near[first - 1]
    return Borders(dataset.articles[dataset.codes[first]], gains)


def find_dips(dataset: DataSet, scan: RowScan, *, least_articles: int) -> Dips:
    """Return how neighbours compare by position, for positions of so many articles."""
    _, means = mean_by_article(dataset, scan.adjacent, 1)
    starts = run_starts(dataset.codes)
    owners = dataset.codes[starts]
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
