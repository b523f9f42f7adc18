"""Other rows for a copy of a case: vectors under the same keys, or keys that no writer takes."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

import numpy as np

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
    dataset = copy.dataset()
    unit = unit_rows(vectors)
    copy.rebuild(unit, dataset.article_ids, dataset.chunk_index)


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
    dataset, vectors = copy.dataset(), copy.vectors().astype(np.float64)
    mine = dataset.is_in(some_articles(dataset))
    vectors[mine] = change(vectors[mine])
    broken_rows = unit_rows(vectors[mine]).astype(dataset.manifest.dtype)
    stored = copy.vectors()  # those of the others keep their bits
    stored[mine] = broken_rows
    copy.rebuild(stored, dataset.article_ids, dataset.chunk_index)


def quantised(rows: NDArray[np.float64], steps: int) -> NDArray[np.float64]:
    """Round every row to multiples of its largest number over `steps`."""
    scale = steps / np.abs(rows).max(axis=1, keepdims=True)
    return np.asarray(np.round(rows * scale) / scale)
