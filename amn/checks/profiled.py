"""Statistics of the data with their spread over articles: what a check adds to the profile."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from amn.evaluation.statistics import ClusterTable, moments_of
from amn.verdict import Statistic

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from numpy.typing import NDArray

    from amn.data.dataset import DataSet

    Profile = dict[str, Mapping[str, Statistic]]


def pooled(totals: NDArray[Any], sizes: NDArray[Any]) -> Statistic:
    """Return a mean over rows, with its standard error clustered by article.

    Args:
        totals: (A,) sum over the rows of each article.
        sizes: (A,) number of rows; an article without any counts for nothing.
    """
    known = np.flatnonzero(sizes > 0)
    if not len(known):
        return Statistic(0.0)
    sums, counts = totals[known].astype(np.float64), sizes[known].astype(np.float64)
    found = moments_of(ClusterTable(known, counts, (sums[None],)))
    return Statistic(found.mean, found.se if len(known) > 1 else None, len(known))


def over_articles(values: NDArray[Any]) -> Statistic:
    """Return the mean of numbers of articles, NaN left out: (A,)."""
    known = values[~np.isnan(values)]
    return pooled(known, np.ones(len(known)))


def share_of(chosen: NDArray[np.bool_]) -> Statistic:
    """Return the share of articles that are chosen: (A,).

    Its standard error is that of a share with one more chosen and one more left, so that none in a
    hundred is not taken for none in a million (Laplace 1812).
    """
    n = len(chosen)
    if not n:
        return Statistic(0.0)
    share = (np.count_nonzero(chosen) + 1) / (n + 2)
    spread = float(np.sqrt(share * (1 - share) / n))
    return Statistic(float(np.count_nonzero(chosen)) / n, spread, n)


def rows_share(dataset: DataSet, rows: NDArray[np.int64]) -> Statistic:
    """Return the share of a data set's rows that are chosen.

    Args:
        rows: (n,) the chosen rows.
    """
    n = len(dataset.articles)
    chosen, sizes = (
        np.bincount(codes, minlength=n) for codes in (dataset.codes[rows], dataset.codes)
    )
    return pooled(chosen, sizes)


def by_place(
    name: str, data_sets: Sequence[DataSet], found: Iterable[tuple[DataSet, Statistic]]
) -> Profile:
    """Return a statistic by place: `data` is the case's own data set, others have their names."""
    return {
        name: {
            "data" if dataset is data_sets[0] else dataset.path.name: statistic
            for dataset, statistic in found
            if statistic.articles
        }
    }
