"""Experiments on the rows of a data set: seconds, and nothing is written.

Letters: N rows, D numbers in a vector.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from amn.checks.data_copies import copy_distance
from amn.data.scan import FAR_LAG
from amn.diagnosis.diagnosis import Trial

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from amn.data.dataset import DataSet

MOST_ROWS = 40_000  # the first ones: means over so many move by less than 0.002
LAGS = range(1, 9)


def _stored(dataset: DataSet) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Return the first rows as stored, (n, D) float32, and their order by (article, chunk)."""
    rows = np.arange(min(len(dataset), MOST_ROWS))
    keys = dataset.chunk_index[rows], dataset.codes[rows]
    return dataset.gather(rows).astype(np.float32), np.lexsort(keys)


def _likeness(vectors: NDArray[np.float32], lag: int) -> float:
    """Return the mean cosine of rows `lag` apart; 0 where there are none."""
    pairs = np.einsum("nd,nd->n", vectors[:-lag], vectors[lag:], dtype=np.float64)
    return float(pairs.mean()) if len(pairs) else 0.0


def _gain(vectors: NDArray[np.float32]) -> float:
    """Return how much more alike neighbours are than rows `FAR_LAG` apart."""
    return _likeness(vectors, 1) - _likeness(vectors, FAR_LAG)


def lag_curve(dataset: DataSet) -> Trial:
    """Return how alike rows are by their distance, as they are stored."""
    vectors, _ = _stored(dataset)
    values = {lag: _likeness(vectors, lag) for lag in LAGS}
    curve = "  ".join(f"{lag}: {value:.3f}" for lag, value in values.items())
    falls = values[1] - values[FAR_LAG]
    meaning = "falls with the distance, as text does" if falls > 0 else "does not fall"
    title = "how alike are rows by their distance, as stored?"
    return Trial("lag_curve", title, (f"{curve}: it {meaning}",))


def resort(dataset: DataSet) -> Trial:
    """Return what sorting by (article, chunk) brings."""
    vectors, order = _stored(dataset)
    before, after = _gain(vectors), _gain(vectors[order])
    moved = int(np.count_nonzero(order != np.arange(len(order))))
    line = (
        f"gain of neighbours over rows {FAR_LAG} apart: {before:+.4f} as stored, {after:+.4f} "
        f"sorted by (article, chunk); {moved:,} of {len(order):,} rows moved"
    )
    title = "does sorting the rows bring the order of the text back?"
    return Trial("resort", title, (line,), {"resort_gain": after - before})


def deduplicate(dataset: DataSet) -> Trial:
    """Return how many rows repeat the one before, and what dropping them does to coherence."""
    vectors, order = _stored(dataset)
    ordered = vectors[order]
    distances = 1 - np.einsum("nd,nd->n", ordered[:-1], ordered[1:], dtype=np.float64)
    near = distances <= copy_distance(distances)
    kept = ordered[np.concatenate([[True], ~near])]
    share = float(near.mean()) if len(near) else 0.0
    line = (
        f"{share:.2%} of rows repeat the row before them; likeness of neighbours "
        f"{_likeness(ordered, 1):.3f} with them, {_likeness(kept, 1):.3f} without"
    )
    title = "what is left of coherence without copies?"
    return Trial("deduplicate", title, (line,), {"copied_rows": share})
