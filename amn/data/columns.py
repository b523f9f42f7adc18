"""How often a column of a data set holds the same number."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from amn.data.sampling import evenly_spaced

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from amn.data.dataset import DataSet

SAMPLED_ROWS = 512  # a column that is stuck in a tenth of the rows is in about 51 of them
FEWEST_ROWS = 64


def most_frequent(dataset: DataSet) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the share of rows that have a column's most frequent number, and its deviation.

    Of evenly spaced rows, byte for byte.

    Returns:
        (D,) 0 to 1 and (D,) standard deviation; both empty where there are too few rows to tell.
    """
    rows = evenly_spaced(len(dataset), SAMPLED_ROWS)
    if len(rows) < FEWEST_ROWS:
        return np.empty(0), np.empty(0)
    stored = dataset.gather(rows)
    codes = np.sort(stored.view(f"u{stored.itemsize}"), axis=0)
    longest = np.ones(codes.shape[1], np.int64)
    run = np.ones(codes.shape[1], np.int64)
    for same in codes[1:] == codes[:-1]:
        run = np.where(same, run + 1, 1)
        np.maximum(longest, run, out=longest)
    with np.errstate(over="ignore", invalid="ignore"):  # such rows are D001's to report
        return longest / len(rows), stored.std(axis=0, dtype=np.float64)
