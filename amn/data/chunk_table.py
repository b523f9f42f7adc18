"""The rows of a chunk table, a row group in memory at a time: texts are most of a data set."""

from __future__ import annotations

from functools import lru_cache
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from amn.data.dataset import HASH_COLUMN
from amn.storage import regular

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from numpy.typing import NDArray

    from amn.data.dataset import DataSet


class ChunkTable:
    """Every column that all files of a chunk table have, but for row digests.

    Args:
        columns: Only these of them; None for all.
    """

    def __init__(self, dataset: DataSet, columns: tuple[str, ...] | None = None) -> None:
        tables = [f.path for f in dataset.manifest.files if f.path.endswith(".parquet")]
        files = [pq.ParquetFile(regular(dataset.path / name)) for name in tables]
        wanted = set(columns or dataset.columns) - {HASH_COLUMN}
        wanted = wanted.intersection(*(file.schema_arrow.names for file in files))
        self.columns = tuple(name for name in dataset.columns if name in wanted)
        self._groups = [(file, group) for file in files for group in range(file.num_row_groups)]
        sizes = [file.metadata.row_group(group).num_rows for file, group in self._groups]
        self._starts = np.concatenate([[0], np.cumsum(sizes, dtype=np.int64)])
        # One: where a request ends, the next one begins.
        self._group = lru_cache(1)(self._read_group)

    def take(self, rows: NDArray[np.int64]) -> pa.Table:
        """Return copies of rows (n,), n > 0, ascending."""
        pieces = [self._group(group).take(mine) for group, mine, _ in by_part(rows, self._starts)]
        return pa.concat_tables(pieces)

    def _read_group(self, number: int) -> pa.Table:
        file, group = self._groups[number]
        table = file.read_row_group(group, columns=list(self.columns))
        return pa.table({name: table[name] for name in self.columns})  # their order, no metadata


def by_part(
    rows: NDArray[np.int64], starts: NDArray[np.int64]
) -> Iterator[tuple[int, NDArray[np.int64], slice]]:
    """Yield ascending rows part by part: its number, its own rows, and where these stand.

    Args:
        rows: (n,) int64, ascending.
        starts: (P + 1,) int64, the first row of each part, and the number of all.
    """
    parts = np.searchsorted(starts, rows, side="right") - 1
    cuts = [0, *(np.flatnonzero(np.diff(parts)) + 1).tolist(), len(rows)]
    for first, last in pairwise(cuts):
        part = int(parts[first])
        yield part, rows[first:last] - starts[part], slice(first, last)


LIST_TITLES = ("List of ", "Lists of ", "Index of ", "Outline of ")


def kinds_by_title(titles: Iterable[str | None]) -> NDArray[np.object_]:
    """Return the kind that each title tells, (A,): `list`, `disambiguation`, or an empty text."""
    names = np.asarray([title or "" for title in titles], np.str_)
    kinds = np.full(len(names), "", object)
    kinds[np.any([np.char.startswith(names, start) for start in LIST_TITLES], axis=0)] = "list"
    kinds[np.char.endswith(names, "(disambiguation)")] = "disambiguation"
    return kinds
