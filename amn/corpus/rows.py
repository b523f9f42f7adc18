"""The staged rows of a build, numbered through all parts in the order of the source."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from amn.corpus.staging import TEXTS, VECTORS
from amn.data.chunk_table import by_part
from amn.data.vectors import open_npy
from amn.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from amn.corpus.staging import Staging

OPEN_PARTS = 4  # mapped at a time; rows are read in the order of the parts


class StagedRows:
    """Chunk table and vectors of the parts, memory-mapped.

    Args:
        staging: Its text stage is finished.
        rows_per_part: Rows of a part of the vectors.
    """

    def __init__(self, staging: Staging, rows_per_part: int) -> None:
        n_parts = staging.n_text_parts
        if n_parts is None:
            raise DataError(
                staging.folder,
                "expected every text part, found an unfinished text stage. Fix: with --engine ray,"
                " FOLDER must be on storage that every node sees",
            )
        counts = [staging.record(TEXTS, number)["rows"] for number in range(n_parts)]
        self._starts = np.concatenate([[0], np.cumsum(counts, dtype=np.int64)])
        self._rows_per_part = rows_per_part
        self._staging = staging
        self._table = lru_cache(OPEN_PARTS)(self._open_table)
        self._vectors = lru_cache(OPEN_PARTS)(self._open_vectors)

    def __len__(self) -> int:
        return int(self._starts[-1])

    @property
    def n_text_parts(self) -> int:
        """Parts of the chunk table."""
        return len(self._starts) - 1

    @property
    def n_vector_parts(self) -> int:
        """Parts that the vectors have, or will have."""
        return -(-len(self) // self._rows_per_part)

    def table(self, start: int, stop: int) -> pa.Table:
        """Return rows of the chunk table, not copied."""
        first = int(np.searchsorted(self._starts, start, side="right")) - 1
        slices = []
        for part in range(first, self.n_text_parts):
            begin = int(self._starts[part])
            if begin >= stop:
                break
            table = self._table(part)
            slices.append(table.slice(max(start - begin, 0), stop - max(start, begin)))
        return pa.concat_tables(slices)

    def part(self, number: int) -> pa.Table:
        """Return one part of the chunk table."""
        return self._table(number)

    def gather_table(self, rows: NDArray[np.int64], columns: Sequence[str]) -> pa.Table:
        """Return copies of rows of the chunk table, in any order.

        Each part is mapped once and let go: memory is that of the rows.

        Args:
            rows: (n,) int64, n > 0.
        """
        order = np.argsort(rows, kind="stable")
        pieces = [
            self._table(part).select(list(columns)).take(local)
            for part, local, _ in by_part(rows[order], self._starts)
        ]
        table = pa.concat_tables(pieces)
        return table if (np.diff(order) == 1).all() else table.take(np.argsort(order))

    def gather_vectors(self, rows: NDArray[np.int64]) -> NDArray[Any]:
        """Return copies of rows of the vectors, in any order: (n, D)."""
        order = np.argsort(rows, kind="stable")
        starts = np.arange(self.n_vector_parts + 1) * self._rows_per_part
        result = np.empty((len(rows), self.dim), self._vectors(0).dtype)
        for part, local, here in by_part(rows[order], starts):
            result[order[here]] = self._vectors(part)[local]
        return result

    @property
    def dim(self) -> int:
        """Numbers in a vector."""
        return int(self._vectors(0).shape[1])

    def _open_table(self, number: int) -> pa.Table:
        path = self._staging.path(TEXTS, number)
        with pa.memory_map(str(path)) as source:
            return pa.ipc.open_file(source).read_all()

    def _open_vectors(self, number: int) -> NDArray[Any]:
        rows = min(self._rows_per_part, len(self) - number * self._rows_per_part)
        return open_npy(self._staging.path(VECTORS, number), rows=rows, dim=None)
