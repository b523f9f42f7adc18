"""A few rows that stand for many: drawn evenly over articles, read as unit vectors."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from amn.data.vectors import unit_rows, widen

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from amn.data.dataset import DataSet


def sample_rows(
    rows: NDArray[np.int64], codes: NDArray[np.int64], most: int, rng: np.random.Generator
) -> NDArray[np.int64]:
    """Return at most `most` rows, as evenly over their articles as can be, ascending.

    Args:
        rows: (n,) rows of a data set.
        codes: (N,) the article of every row of that data set, see `DataSet`.
    """
    if len(rows) <= most:
        return rows
    shuffled = rng.permutation(rows)
    order = np.argsort(codes[shuffled], kind="stable")
    mine = codes[shuffled[order]]
    first = np.concatenate([[True], mine[1:] != mine[:-1]])
    starts = np.flatnonzero(first)
    turn = np.arange(len(mine)) - starts[np.cumsum(first) - 1]  # 0 for an article's first drawn row
    by_turn = np.lexsort((rng.random(len(mine)), turn))
    return np.sort(shuffled[order[by_turn[:most]]])


def evenly_spaced(n: int, most: int) -> NDArray[np.int64]:
    """Return at most `most` of n positions, evenly spaced from first to last, ascending."""
    return np.unique(np.linspace(0, n - 1, min(n, most)).astype(np.int64))


def unit_vectors(dataset: DataSet, rows: NDArray[np.int64]) -> NDArray[np.float32]:
    """Return rows scaled to unit length: (n, D) float32; a zero row stays zero."""
    stored = dataset.gather(rows)
    vectors = widen(stored, np.empty(stored.shape, np.float32))
    return unit_rows(vectors, out=vectors)
