"""What metrics are made from, a batch of windows at a time: see `amn.evaluation.metric.PARTS`.

Cosines are float64, so that neither the size of a batch nor its order changes a rank.
Letters: N windows, B of a batch, T context rows, D numbers in a vector, O rows nearby, K of a pool.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from amn.data.vectors import cosine_rows, lengths
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


class Around:
    """Rows around the targets of some windows, each read and scaled once where they lie together.

    Args:
        targets: (B,) rows.
    """

    def __init__(self, windows: Windows, targets: NDArray[np.int64]) -> None:
        self._windows, self._reach = windows, max(REACH, windows.context)
        ends = np.stack([targets - self._reach, targets + self._reach], axis=1)
        self._range = self._together(np.clip(ends, 0, len(windows.dataset) - 1))

    def _together(self, rows: NDArray[np.int64]) -> range:
        """Return the rows from the first to the last of (b, O), empty where most are others."""
        low, high = (int(rows.min()), int(rows.max()) + 1) if rows.size else (0, 0)
        return range(low, high if high - low <= DENSE * len(rows) + 2 * self._reach else low)

    @cached_property
    def _vectors(self) -> NDArray[np.float32]:
        return self._windows.vectors(np.arange(self._range.start, self._range.stop))

    @cached_property
    def _unit(self) -> NDArray[np.float64]:
        return _unit(self._vectors)

    def vectors(self, rows: NDArray[np.int64]) -> NDArray[np.float32]:
        """Return rows of the data set within reach of a target, of any shape: (..., D)."""
        if not self._range:
            return self._windows.vectors(rows)
        found: NDArray[np.float32] = self._vectors[rows - self._range.start]
        return found

    def cosines(self, unit: NDArray[np.float64], rows: NDArray[np.int64]) -> NDArray[np.float64]:
        """Return the cosines of predictions with rows within reach of their targets: (b, O).

        Args:
            unit: (b, D) predictions of length 1.
            rows: (b, O).
        """
        near = self._together(rows)
        if not near:
            apart: NDArray[np.float64] = np.matmul(_unit(self.vectors(rows)), unit[..., None])
            return apart[..., 0]
        if self._range:
            block = self._unit[near.start - self._range.start : near.stop - self._range.start]
        else:
            block = _unit(self.vectors(np.arange(near.start, near.stop)))
        return np.take_along_axis(unit @ block.T, rows - near.start, axis=1)


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
        self._windows, self._dataset, self._pool = windows, windows.dataset, pool
        self._starts = windows.starts[positions]
        self._targets = self._starts + windows.context
        self._around = Around(windows, self._targets)
        self.predicted = predicted

    @cached_property
    def target(self) -> NDArray[np.float32]:
        """(B, D)."""
        return self._around.vectors(self._targets)

    @cached_property
    def context(self) -> NDArray[np.float32]:
        """(B, T, D), oldest first."""
        return self._around.vectors(self._starts[:, None] + np.arange(self._windows.context))

    @cached_property
    def _wide(self) -> NDArray[np.float64]:
        return self.predicted.astype(np.float64)

    @cached_property
    def _unit(self) -> NDArray[np.float64]:
        return _unit(self._wide)

    @cached_property
    def own(self) -> NDArray[np.float64]:
        """(B,) cosine with the target."""
        return cosine_rows(self._wide, self.target)

    @cached_property
    def copied(self) -> NDArray[np.float64]:
        """(B,) cosine with the row before the target."""
        return cosine_rows(self._wide, self._around.vectors(self._targets - 1))

    @cached_property
    def pooled(self) -> NDArray[np.float64]:
        """(B, K) cosines with the pool, NaN with the target itself."""
        cosines = self._unit @ self._pool.unit.T
        cosines[self._targets[:, None] == self._pool.rows] = np.nan
        return cosines

    @cached_property
    def elsewhere(self) -> NDArray[np.float64]:
        """(B, K) cosines with the rows of the pool that are of other articles; NaN for its own."""
        codes = self._dataset.codes
        mine = codes[self._starts][:, None] == codes[self._pool.rows]
        return np.where(mine, np.nan, self.pooled)

    @cached_property
    def nearby(self) -> NDArray[np.float64]:
        """(B, O) cosines with the rows of the article within `REACH`, its context left out."""
        offsets = _offsets(self._windows.context)
        wanted = self._targets[:, None] + offsets
        rows = np.clip(wanted, 0, len(self._dataset) - 1)
        codes, chunks = self._dataset.codes, self._dataset.chunk_index
        is_there = (
            (rows == wanted)
            & (codes[rows] == codes[self._targets][:, None])
            & (chunks[rows].astype(np.int64) - chunks[self._targets][:, None] == offsets)
        )
        cosines = np.empty(rows.shape)
        order = np.argsort(self._targets, kind="stable")
        for start in range(0, len(order), PIECE):
            piece = order[start : start + PIECE]
            cosines[piece] = self._around.cosines(self._unit[piece], rows[piece])
        cosines[~is_there] = np.nan
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
        no_pool = Pool(np.empty(0, np.int64), np.empty((0, windows.dataset.dim)))
        self._pool = Pool.of(windows) if asked else no_pool
        self.values = {name: np.full(len(windows), np.nan) for name in asked}

    def add(self, positions: NDArray[np.int64], predicted: NDArray[np.float32]) -> Batch:
        """Measure predictions (B, D) of the windows at some positions (B,); return their parts.

        Raises:
            ArgumentError: If a metric does not give (B,) numbers.
        """
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
        return batch


def _offsets(context: int) -> NDArray[np.int64]:
    """Return the rows from the target that are its candidates: (O,), neither it nor its context."""
    reach = max(REACH, context)
    offsets = np.arange(-reach, reach + 1)
    return offsets[(offsets < -context) | (offsets > 0)]


def _unit(rows: NDArray[np.floating]) -> NDArray[np.float64]:
    """Return rows of length 1, float64; a zero row becomes NaN, which is near nothing."""
    wide = np.asarray(rows, np.float64)
    with np.errstate(invalid="ignore"):
        return np.asarray(wide / lengths(wide)[..., None])
