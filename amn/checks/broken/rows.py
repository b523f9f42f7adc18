"""Other rows for a copy of a case: vectors under the same keys, or keys that no writer takes."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np

from amn.data.ids import later_ids
from amn.data.vectors import unit_rows
from amn.errors import DoesNotApplyError

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from amn.checks.broken.copies import CaseCopy
    from amn.data.dataset import DataSet
    from amn.data.ids import Ids


def rewrite_vectors(copy: CaseCopy, vectors: NDArray[np.float64]) -> None:
    """Write other vectors under the same keys, at length 1; every digest is right.

    Args:
        vectors: (N, D), of any length but 0.
    """
    copy.rebuild(unit_rows(vectors))


def sort_rows(copy: CaseCopy, places: NDArray[Any], among: Ids | None = None) -> None:
    """Put the rows of articles in another order under the same keys; every digest is right.

    Args:
        places: (N,) what the rows of an article are sorted by.
        among: (A,) ids of articles, the others stay as they are; None takes all.
    """
    dataset = copy.dataset()
    if among is not None:
        places = np.where(dataset.is_in(among), places, dataset.chunk_index)
    copy.rebuild(dataset.gather(np.lexsort((places, dataset.codes))))


def shuffle_rows(copy: CaseCopy, among: Ids | None = None) -> None:
    """Put the rows of articles in a random order: see `sort_rows`."""
    sort_rows(copy, np.random.default_rng(0).random(len(copy.dataset())), among)


def reverse_rows(copy: CaseCopy, among: Ids | None = None) -> None:
    """Let articles run from their end to their beginning: see `sort_rows`."""
    sort_rows(copy, -copy.dataset().chunk_index, among)


def add_again(
    copy: CaseCopy,
    articles: Ids,
    change: Callable[[NDArray[np.float64]], NDArray[np.float64]] | None = None,
) -> Ids:
    """Add the rows of articles again under new ids, and return these: (A,).

    Args:
        articles: (A,) ids, ascending.
        change: From rows (n, D) to rows of any length but 0; None for their own bits.
    """
    dataset, stored = copy.dataset(), copy.vectors()
    mine = dataset.rows_of(articles)
    again, new = stored[mine], later_ids(dataset.articles, len(articles))
    if change:
        again = unit_rows(change(again.astype(np.float64))).astype(stored.dtype)
    ids = new[np.searchsorted(articles, dataset.article_ids[mine])]
    copy.rebuild(
        np.concatenate([stored, again]),
        np.concatenate([dataset.article_ids, ids]),
        np.concatenate([dataset.chunk_index, dataset.chunk_index[mine]]),
    )
    return new


def rewrite_in_order(copy: CaseCopy, rows: NDArray[np.int64]) -> None:
    """Write rows in an order, or with repeats, that the writer refuses; every digest is right."""
    dataset = copy.dataset()
    running = np.arange(len(rows), dtype=np.int32)  # keys that the writer takes, then the real ones
    copy.rebuild(dataset.gather(rows), np.repeat(dataset.articles[:1], len(rows)), running)
    copy.overwrite_keys(dataset.article_ids[rows], dataset.chunk_index[rows])


@cache
def rotation(dim: int) -> NDArray[np.float64]:
    """Return a random rotation: (D, D) orthonormal."""
    return np.asarray(np.linalg.qr(np.random.default_rng(0).standard_normal((dim, dim)))[0])


def require_articles(n: int, fewest: int) -> None:
    """Raise DoesNotApplyError where there are too few articles."""
    if n < fewest:
        raise DoesNotApplyError(f"expected {fewest} articles, got {n}")


FEWEST_COLUMNS = 37  # 1 + (3 / 0.5) ** 2


def require_columns(dim: int) -> None:
    """Raise DoesNotApplyError where a turned space correlates with another one by chance.

    Log variances along K directions do by 1 / sqrt(K - 1): half-way to 1 is then within three.
    """
    if dim < FEWEST_COLUMNS:
        raise DoesNotApplyError(f"expected {FEWEST_COLUMNS} columns, got {dim}")


SOME = 20  # one of so many articles
FEWEST = 5  # so that those that chance hides leave three


def some_articles(dataset: DataSet) -> Ids:
    """Return the ids of one article of twenty, at least five, drawn evenly."""
    n = len(dataset.articles)
    return dataset.articles[:: max(1, min(SOME, n // FEWEST))]


def change_some(
    copy: CaseCopy, change: Callable[[NDArray[np.float64]], NDArray[np.float64]]
) -> None:
    """Give the rows of one article of twenty other vectors.

    Args:
        change: From rows (n, D) to rows of any length but 0.
    """
    dataset, stored = copy.dataset(), copy.vectors()  # those of the others keep their bits
    mine = dataset.is_in(some_articles(dataset))
    stored[mine] = unit_rows(change(stored[mine].astype(np.float64)))
    copy.rebuild(stored)


def quantised(rows: NDArray[np.float64], steps: int) -> NDArray[np.float64]:
    """Round every row to multiples of its largest number over `steps`."""
    scale = steps / np.abs(rows).max(axis=1, keepdims=True)
    return np.asarray(np.round(rows * scale) / scale)
