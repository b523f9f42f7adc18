"""Windows: T context rows and the target row after them, as start rows into a data set.

Letters: N windows, T context length, D numbers in a vector, B windows in a batch.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from amn.data.vectors import widen

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from amn.data.dataset import DataSet
    from amn.data.ids import Ids


@dataclass(frozen=True)
class Windows:
    """Windows over a data set. Only their start rows are stored; vectors are gathered on the fly.

    Attributes:
        starts: (N,) int64 row of each window's oldest context row, ascending.
        context: T.
    """

    dataset: DataSet
    starts: NDArray[np.int64]
    context: int

    def __len__(self) -> int:
        return len(self.starts)

    @property
    def targets(self) -> NDArray[np.int64]:
        """(N,) int64 row of each window's target."""
        return self.starts + self.context

    @property
    def article_ids(self) -> Ids:
        """(N,) int64 or str article of each window."""
        return self.dataset.articles[self.codes]

    @property
    def codes(self) -> NDArray[np.int64]:
        """(N,) int64 position of each window's article in those of the data set."""
        return self.dataset.codes[self.starts]

    @property
    def target_chunks(self) -> NDArray[np.int32]:
        """(N,) int32 chunk index of each target; with the article it names the window."""
        return self.dataset.chunk_index[self.targets]

    def names(self) -> pa.StringArray:
        """Return (N,) names of the windows: article and chunk of the target, `11001/17`."""
        parts: list[Any] = [pa.array(part) for part in (self.article_ids, self.target_chunks)]
        texts: list[Any] = [part.cast(pa.string()) for part in parts]
        named: Any = pc.binary_join_element_wise(*texts, pa.scalar("/"))
        return cast("pa.StringArray", named)

    def rows(self, batch: NDArray[np.int64] | slice) -> NDArray[np.int64]:
        """Return the rows of windows: (B, T + 1) int64, oldest first, target last."""
        return self.starts[batch][:, None] + np.arange(self.context + 1)

    def gather_stored(self, batch: NDArray[np.int64] | slice) -> NDArray[Any]:
        """Return windows' vectors as they are stored: (B, T + 1, D), oldest first, target last."""
        return self.dataset.gather(self.rows(batch))

    def gather(self, batch: NDArray[np.int64] | slice) -> NDArray[np.float32]:
        """Return windows' vectors: (B, T + 1, D) float32, oldest first, target last."""
        rows, firsts = self.shared(batch)
        if len(rows) == len(firsts) * (self.context + 1):  # none is shared
            return rows.reshape(len(firsts), self.context + 1, self.dataset.dim)
        gathered: NDArray[np.float32] = rows[firsts[:, None] + np.arange(self.context + 1)]
        return gathered

    def shared(
        self, batch: NDArray[np.int64] | slice
    ) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        """Return the rows of windows, (n, D) float32, and where each window begins in them, (B,).

        In order, windows share all but one row: each is there once.
        """
        rows = self.rows(batch)
        low, high = (rows[:, 0].min(), rows[:, -1].max() + 1) if len(rows) else (0, 0)
        if 2 * (high - low) <= rows.size:
            return self.vectors(np.arange(low, high)), rows[:, 0] - low
        return self.vectors(rows.ravel()), np.arange(len(rows)) * rows.shape[1]

    def vectors(self, rows: NDArray[np.int64]) -> NDArray[np.float32]:
        """Return rows of the data set, of any shape: (..., D) float32."""
        stored = self.dataset.gather(rows)
        return widen(stored, np.empty(stored.shape, np.float32))

    def take(self, batch: NDArray[np.int64] | slice) -> Windows:
        """Return some of the windows."""
        return Windows(self.dataset, self.starts[batch], self.context)

    def of(self, articles: Ids) -> Windows:
        """Return the windows of some articles."""
        return self.take(np.flatnonzero(self.dataset.is_in(articles)[self.starts]))


def find_windows(dataset: DataSet, context: int, articles: Ids | None = None) -> Windows:
    """Find every window of a data set that crosses no article, no hole and no split.

    A window needs T + 1 rows of one article whose chunk indices follow each other without a gap.

    Args:
        context: T, at least 1.
        articles: Ids of the articles to use; None takes all.
    """
    follows = (np.diff(dataset.codes) == 0) & (np.diff(dataset.chunk_index) == 1)
    run = np.concatenate([[0], np.cumsum(follows)])
    # run[i + T] - run[i] == T: the T steps from row i on all go to the next chunk.
    starts = np.flatnonzero(run[context:] - run[: max(len(run) - context, 0)] == context)
    if articles is not None:
        starts = starts[dataset.is_in(articles)[starts]]
    return Windows(dataset, starts, context)
