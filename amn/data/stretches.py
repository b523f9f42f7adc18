"""Stretches: windows that follow each other, batched together so that they share their rows.

Two neighbouring windows have all but one of their rows in common. A batch of stretches of L windows
holds L + T rows each instead of L x (T + 1), and what a model computes of a row it computes once.

Letters: N windows, T context rows, G stretches in a batch, L windows in a stretch, B windows in a
batch.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from amn.errors import ArgumentError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from amn.data.windows import Windows


@dataclass(frozen=True)
class StretchBatch:
    """Some stretches of a training epoch.

    Attributes:
        starts: (G,) int64 row of the first window's oldest context row.
        counts: (G,) int64 windows in each, 1 to L.
        length: L.
        context: T.
    """

    starts: NDArray[np.int64]
    counts: NDArray[np.int64]
    length: int
    context: int

    def __len__(self) -> int:
        return int(self.counts.sum())

    @property
    def rows(self) -> NDArray[np.int64]:
        """(G, L + T) int64 rows; a stretch of fewer than L windows repeats its last row."""
        offsets = np.arange(self.length + self.context)
        last = self.counts[:, None] - 1 + self.context
        return self.starts[:, None] + np.minimum(offsets, last)

    @property
    def places(self) -> NDArray[np.int64]:
        """(B,) int64 places of the windows among the G x L that the rows could hold, ascending."""
        return np.flatnonzero((np.arange(self.length) < self.counts[:, None]).ravel())

    @property
    def targets(self) -> NDArray[np.int64]:
        """(B,) int64 places of the windows' targets among the G x (L + T) rows."""
        stretch, window = np.divmod(self.places, self.length)
        return stretch * (self.length + self.context) + self.context + window


def stretch_batches(
    windows: Windows, *, length: int, batch_size: int, rng: np.random.Generator
) -> Iterator[StretchBatch]:
    """Yield every window once, in ceil(N / batch_size) batches of an order drawn from `rng`.

    Windows in a row are cut every `length` from a place that is drawn anew, so that no two epochs
    cut alike. A batch holds `batch_size` windows give or take `length`; with `length` 1 exactly.

    Raises:
        ArgumentError: Unless 1 <= length <= batch_size.
    """
    if not 1 <= length <= batch_size:
        raise ArgumentError(f"length: expected 1 to the batch size {batch_size}, got {length}")
    firsts = _cut(windows.starts, length, rng)
    order = rng.permutation(len(firsts))
    starts = windows.starts[firsts][order]
    counts = np.diff(np.append(firsts, len(windows)))[order]
    batch_of = (np.cumsum(counts) - 1) // batch_size
    bounds = np.flatnonzero(np.diff(batch_of, prepend=-1, append=-1))
    for begin, end in pairwise(bounds):
        yield StretchBatch(starts[begin:end], counts[begin:end], length, windows.context)


def _cut(
    starts: NDArray[np.int64], length: int, rng: np.random.Generator
) -> NDArray[np.int64]:  # fmt: skip
    """Return the indices of the windows that begin a stretch, ascending."""
    index = np.arange(len(starts))
    if length == 1:
        return index
    begins = np.concatenate([[True], np.diff(starts) != 1])[: len(starts)]
    run = np.cumsum(begins) - 1
    place = index - np.flatnonzero(begins)[run]  # of the window in its unbroken run
    shift = rng.integers(0, length, int(begins.sum()))
    piece = (place + shift[run]) // length
    begins[1:] |= np.diff(piece) != 0
    return np.flatnonzero(begins)
