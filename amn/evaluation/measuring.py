"""What metrics are made from, a batch of windows at a time: see `amn.evaluation.metric.PARTS`.

Cosines are float64, so that neither the size of a batch nor its order changes a rank.
Letters: N windows, B of a batch, T context rows, D numbers in a vector, O rows nearby, K of a pool.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from amn.data.vectors import cosine_rows, unit_rows, widen
from amn.errors import ArgumentError
from amn.evaluation.surroundings import REACH, sample_windows

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from amn.data.windows import Windows
    from amn.evaluation.metric import Metric

POOL_ROWS = 256  # of other windows: a rank among them costs a third of what the cosines cost
POOL_SEED = 5
PIECE = 32  # windows whose rows nearby are read at once
DENSE = 4  # rows a window, above which they are read one by one: windows far from each other


@dataclass(frozen=True)
class Pool:
    """Targets that every prediction of a split is compared with: the same for all models.

    Attributes:
        rows: (K,) int64 rows of the data set, of windows drawn evenly over articles.
        unit: (K, D) float64, of length 1.
    """

    rows: NDArray[np.int64]
    unit: NDArray[np.float64]

    @classmethod
    def of(cls, windows: Windows) -> Pool:
        """Return the pool of a split: what its windows are decides it."""
        rows = windows.targets[sample_windows(windows, POOL_ROWS, seed=POOL_SEED)]
        return cls(rows, _unit(windows.dataset.gather(rows)))


class Batch:
    """Predictions of some windows, and the parts that metrics read, each made once when asked for.

    Args:
        windows: Of the split.
        positions: (B,) of the windows.
        predicted: (B, D).
    """

    def __init__(
        self,
        windows: Windows,
        positions: NDArray[np.int64],
        predicted: NDArray[np.float32],
        pool: Pool,
    ) -> None:
        self._windows, self._positions, self._pool = windows, positions, pool
        self.predicted = predicted

    @cached_property
    def target(self) -> NDArray[np.float32]:
        """(B, D)."""
        stored = self._windows.dataset.gather(self._windows.take(self._positions).targets)
        return widen(stored, np.empty(stored.shape, np.float32))

    @cached_property
    def context(self) -> NDArray[np.float32]:
        """(B, T, D), oldest first."""
        return self._windows.gather(self._positions)[:, :-1]

    @cached_property
    def own(self) -> NDArray[np.float64]:
        """(B,) cosine with the target."""
        return cosine_rows(self.predicted, self.target)

    @cached_property
    def _unit(self) -> NDArray[np.float64]:
        return _unit(self.predicted)

    @cached_property
    def pooled(self) -> NDArray[np.float64]:
        """(B, K) cosines with the pool, NaN with the target itself."""
        cosines = self._unit @ self._pool.unit.T
        cosines[self._windows.take(self._positions).targets[:, None] == self._pool.rows] = np.nan
        return cosines

    @cached_property
    def elsewhere(self) -> NDArray[np.float64]:
        """(B, K) cosines with the rows of the pool that are of other articles; NaN for its own."""
        codes = self._windows.dataset.codes
        mine = codes[self._windows.starts[self._positions]][:, None] == codes[self._pool.rows]
        return np.where(mine, np.nan, self.pooled)

    @cached_property
    def nearby(self) -> NDArray[np.float64]:
        """(B, O) cosines with the rows of the article within `REACH`, its context left out."""
        order = np.argsort(self._positions, kind="stable")
        offsets = _offsets(self._windows.context)
        cosines = np.empty((len(order), len(offsets)))
        for start in range(0, len(order), PIECE):
            piece = order[start : start + PIECE]
            targets = self._windows.take(self._positions[piece]).targets
            cosines[piece] = _near(self._windows, targets, offsets, self._unit[piece])
        return cosines


class Measuring:
    """Values of metrics, put together from predictions that come in any order.

    Args:
        windows: Of the split.
        asked: Metrics by name.

    Attributes:
        values: Metric -> (N,) float64; NaN for a window without a prediction.
    """

    def __init__(self, windows: Windows, asked: Mapping[str, Metric]) -> None:
        self._windows, self._asked = windows, asked
        self._pool = Pool.of(windows) if asked else None
        self.values = {name: np.full(len(windows), np.nan) for name in asked}

    def add(self, positions: NDArray[np.int64], predicted: NDArray[np.float32]) -> None:
        """Measure predictions (B, D) of the windows at some positions (B,).

        Raises:
            ArgumentError: If a metric does not give (B,) numbers.
        """
        if self._pool is None:
            return
        batch = Batch(self._windows, positions, predicted, self._pool)
        for name, metric in self._asked.items():
            parts = {part: getattr(batch, part) for part in metric.reads}
            found = np.asarray(metric.function(**parts))
            if found.shape != positions.shape or found.dtype.kind not in "fiub":
                raise ArgumentError(
                    f"metric {name}: expected {positions.shape} numbers, one a window, got "
                    f"{found.dtype} {found.shape}. Fix: {metric.function.__code__.co_filename}"
                )
            self.values[name][positions] = found


def _offsets(context: int) -> NDArray[np.int64]:
    """Return the rows from the target that are its candidates: (O,), neither it nor its context."""
    reach = max(REACH, context)
    offsets = np.arange(-reach, reach + 1)
    return offsets[(offsets < -context) | (offsets > 0)]


def _near(
    windows: Windows,
    targets: NDArray[np.int64],
    offsets: NDArray[np.int64],
    unit: NDArray[np.float64],
) -> NDArray[np.float64]:
    """Return the cosines of predictions with the rows at offsets, NaN where there is none: (b, O).

    Args:
        targets: (b,) rows, ascending.
        unit: (b, D) predictions of length 1.
    """
    dataset = windows.dataset
    wanted = targets[:, None] + offsets
    rows = np.clip(wanted, 0, len(dataset) - 1)
    is_there = (
        (rows == wanted)
        & (dataset.codes[rows] == dataset.codes[targets][:, None])
        & (dataset.chunk_index[rows].astype(np.int64) - dataset.chunk_index[targets][:, None]
           == offsets)
    )  # fmt: skip
    low, high = int(rows.min()), int(rows.max()) + 1
    if high - low <= DENSE * len(targets) + offsets[-1] - offsets[0]:
        block = unit @ _unit(dataset.gather(np.arange(low, high))).T
        cosines = np.take_along_axis(block, rows - low, axis=1)
    else:
        cosines = np.matmul(_unit(dataset.gather(rows)), unit[..., None])[..., 0]
    cosines[~is_there] = np.nan
    return cosines


def _unit(rows: NDArray[np.floating]) -> NDArray[np.float64]:
    """Return rows of length 1, float64; a zero row becomes NaN, which is near nothing."""
    scaled = unit_rows(np.asarray(rows, np.float64))
    scaled[~scaled.any(axis=-1)] = np.nan
    return scaled
