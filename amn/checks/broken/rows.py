"""Other rows for a copy of a case: vectors under the same keys, or keys that no writer takes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from amn.data.vectors import unit_rows

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from amn.checks.broken.copies import CaseCopy


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
