"""A sample of the articles of a data set, and what is counted and summed over them.

Letters: A articles, n rows, D numbers in a vector, F folds, K directions.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from amn.data.dataset import run_starts
from amn.data.sampling import evenly_spaced, unit_vectors

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from amn.data.dataset import DataSet
    from amn.data.ids import Ids

MOST_ROWS = 24_000  # 74 MB as float32 at D = 768: of a larger set, fewer rows of an article
SPLIT_ROWS = 8000  # of a split of such a set
MOST_OF_ARTICLE = 48  # consecutive rows from the first on
WHOLE = 1000  # articles: of so many the sample has 24 rows each, or all
FEWEST_OF_ARTICLE = 6  # rows: with fewer an article says little about itself
MAIN = 128  # directions: the cost of all that is fitted grows with their square
ROWS_OF_MAIN = 16  # of which each of them needs so many
ROWS_TO_FIT = 4096  # evenly over a sample: 32 for each main direction
FOLDS = 3  # an article is never measured with what it was fitted on
SHRINKAGE = 0.05  # of the mean eigenvalue, added to each: few rows say little of small directions
WIDE = 64  # numbers in a row: from there on a sum an article is five times as fast as `reduceat`
TINY = 1e-12


@dataclass(frozen=True, eq=False)
class ArticleSample:
    """The first rows of articles, one article after another; equal to itself alone.

    Attributes:
        vectors: (n, D) float32 unit rows.
        starts: (A,) int64 position of the first row of each article.
        articles: (A,) ids.
    """

    vectors: NDArray[np.float32]
    starts: NDArray[np.int64]
    articles: Ids

    @cached_property
    def counts(self) -> NDArray[np.int64]:
        """(A,) rows of each article."""
        return np.diff(np.append(self.starts, len(self.vectors)))

    @cached_property
    def owner(self) -> NDArray[np.int64]:
        """(n,) position of the article of each row."""
        return np.repeat(np.arange(len(self.starts)), self.counts)

    @cached_property
    def place(self) -> NDArray[np.int64]:
        """(n,) of each row in its article, from 0 on."""
        return np.arange(len(self.vectors)) - self.starts[self.owner]

    @cached_property
    def means(self) -> NDArray[np.float64]:
        """(A, D) mean vector of each article."""
        return self.sums(self.vectors) / self.counts[:, None]

    @property
    def centred(self) -> NDArray[np.float32]:
        """(n, D) rows without the mean of their article: made anew at each call."""
        return self.vectors - self.means.astype(np.float32)[self.owner]

    @cached_property
    def folds(self) -> NDArray[np.int64]:
        """(A,) fold of each article, 0 … F - 1, by turns."""
        return np.arange(len(self.starts)) % FOLDS

    def within(self, among: NDArray[np.bool_] | None = None) -> NDArray[np.float64]:
        """Return the covariance of rows within their articles: (D, D).

        Args:
            among: (A,) the articles to take; None takes all.
        """
        mine = np.ones(len(self.starts), np.bool_) if among is None else among
        return self._scatter(mine) / max(self._freedom(mine), 1)

    def within_other_folds(
        self, among: NDArray[np.bool_] | None = None
    ) -> list[NDArray[np.float64]]:
        """Return the covariance of rows within the articles of all folds but one: F of (D, D).

        Args:
            among: (A,) the articles to take; None takes all.
        """
        some = np.ones(len(self.starts), np.bool_) if among is None else among
        folds = [some & (self.folds == fold) for fold in range(FOLDS)]
        scatters = [self._scatter(mine) for mine in folds]
        total, free = sum(scatters), self._freedom(some)
        return [
            np.asarray((total - scatter) / max(free - self._freedom(mine), 1))
            for mine, scatter in zip(folds, scatters, strict=True)
        ]

    def _scatter(self, mine: NDArray[np.bool_]) -> NDArray[np.float64]:
        """Return the sums of squares and products of rows around their article's mean: (D, D)."""
        rows = self.take(mine).centred
        return np.asarray(rows.T @ rows, np.float64)

    def _freedom(self, mine: NDArray[np.bool_]) -> int:
        return int((self.counts[mine] - 1).sum())

    def sums(self, values: NDArray[np.floating]) -> NDArray[np.float64]:
        """Return sums of rows by article: (A, …) float64."""
        width = math.prod(values.shape[1:])
        if width < WIDE:
            return np.add.reduceat(values, self.starts, axis=0, dtype=np.float64)
        total = np.empty((len(self.starts), *values.shape[1:]))
        ends = self.starts + self.counts
        for own, start, end in zip(total, self.starts, ends, strict=True):
            np.add.reduce(values[start:end], axis=0, dtype=np.float64, out=own)
        return total

    def take(self, chosen: NDArray[np.bool_]) -> ArticleSample:
        """Return some of the articles.

        Args:
            chosen: (A,).
        """
        counts = self.counts[chosen]
        starts = np.cumsum(counts) - counts
        return ArticleSample(self.vectors[chosen[self.owner]], starts, self.articles[chosen])

    def shortened(self, most: int) -> ArticleSample:
        """Return at most so many rows of each article, its first ones."""
        counts, kept = np.minimum(self.counts, most), self.place < most
        return ArticleSample(self.vectors[kept], np.cumsum(counts) - counts, self.articles)

    def thinned(self, most: int) -> ArticleSample:
        """Return at most so many articles, evenly over the ids."""
        chosen = np.zeros(len(self.starts), np.bool_)
        chosen[evenly_spaced(len(chosen), most)] = True
        return self.take(chosen)

    @cached_property
    def basis(self) -> NDArray[np.float32]:
        """(D, K) orthonormal: at most `MAIN` directions, those of most of the rows' squares.

        A mean that all rows have is among these directions.
        """
        from scipy.linalg import eigh  # noqa: PLC0415 - takes 0.25 s to load

        dim = self.vectors.shape[1]
        most = min(MAIN, max(len(self.vectors) // ROWS_OF_MAIN, 8))
        if dim <= most:
            return np.eye(dim, dtype=np.float32)
        some = self.vectors[evenly_spaced(len(self.vectors), ROWS_TO_FIT)]
        return np.asarray(eigh(some.T @ some, subset_by_index=(dim - most, dim - 1))[1])

    def along(self, basis: NDArray[np.float32]) -> ArticleSample:
        """Return the same rows along some directions: (n, K).

        Args:
            basis: (D, K) orthonormal.
        """
        return replace(self, vectors=self.vectors @ basis)

    @cached_property
    def main(self) -> ArticleSample:
        """The same rows along their main directions."""
        return self.along(self.basis)


def sample_articles(
    dataset: DataSet, among: Ids | None = None, *, most: int = MOST_ROWS
) -> ArticleSample:
    """Return the first rows of articles that have `FEWEST_OF_ARTICLE` of them or more.

    All articles where they fit into `most` rows, with fewer rows each where they must; else
    articles spread evenly over the ids.

    Args:
        among: (m,) ids to choose from; None takes all.
    """
    starts = run_starts(dataset.codes)
    sizes = np.diff(np.append(starts, len(dataset)))
    long = np.flatnonzero(sizes >= FEWEST_OF_ARTICLE)
    if among is not None:
        long = long[dataset.is_in(among)[starts[long]]]
    chosen = long[evenly_spaced(len(long), most // FEWEST_OF_ARTICLE)] if len(long) else long
    cap = np.clip(most // max(len(chosen), 1), FEWEST_OF_ARTICLE, MOST_OF_ARTICLE)
    counts = np.minimum(sizes[chosen], cap)
    first = np.cumsum(counts) - counts
    rows = np.repeat(starts[chosen] - first, counts) + np.arange(int(counts.sum()))
    return ArticleSample(
        unit_vectors(dataset, rows), first, dataset.articles[dataset.codes[starts[chosen]]]
    )


def sample_split(dataset: DataSet, among: Ids, sample: ArticleSample) -> ArticleSample:
    """Return the articles of a split: out of its data set's sample where that left nothing out.

    Of a large data set it holds few articles or few rows of a small split; a sample of its own is
    read then.

    Args:
        among: (m,) ids of the split.
        sample: Of all articles of `dataset`.
    """
    if len(sample.starts) <= WHOLE:
        return sample.take(np.isin(sample.articles, among))
    return sample_articles(dataset, among, most=SPLIT_ROWS)


def article_means(values: NDArray[np.float64], sample: ArticleSample) -> NDArray[np.float64]:
    """Return the mean of each article's values that are not NaN, NaN where there is none: (A,)."""
    known = ~np.isnan(values)
    counts = sample.sums(known.astype(np.float64))
    totals = sample.sums(np.where(known, values, 0.0))
    return np.where(counts > 0, totals / np.maximum(counts, 1), np.nan)


def z_of_mean(values: NDArray[np.float64]) -> float:
    """Return the mean of articles' numbers in its standard errors.

    Args:
        values: (A,), two or more.
    """
    error = float(values.std(ddof=1) / np.sqrt(len(values)))
    return float(values.mean()) / max(error, TINY)


def middle_and_spread(values: NDArray[np.float64]) -> tuple[float, float]:
    """Return the median, and the standard deviation of a normal distribution as wide around it.

    By the median distance, which a quarter of other values hardly moves. 0 and infinity of none.
    """
    if not len(values):
        return 0.0, np.inf
    middle = float(np.median(values))
    return middle, 1.4826 * float(np.median(np.abs(values - middle)))


def shrunk(covariance: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return a covariance (D, D) with `SHRINKAGE` of its mean eigenvalue in every direction."""
    dim = len(covariance)
    added = SHRINKAGE * max(float(np.trace(covariance)) / dim, TINY)
    return np.asarray(covariance + added * np.eye(dim), np.float64)
