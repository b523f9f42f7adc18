"""The last stage of a build: staged rows, in any order of articles, to sorted shards."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from amn.data.writer import SHARD_ROWS, bounds_at, write_shards
from amn.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from numpy.typing import NDArray

    from amn.corpus.rows import StagedRows
    from amn.data.manifest import FileEntry


@dataclass(frozen=True)
class Articles:
    """Where the rows of each article are, ascending by id: 24 bytes an article.

    Attributes:
        ids: (A,) int64, ascending, each once.
        starts: (A,) int64, the first staged row of each.
        lengths: (A,) int64, rows of each.
    """

    ids: NDArray[np.int64]
    starts: NDArray[np.int64]
    lengths: NDArray[np.int64]


def find_articles(rows: StagedRows, source: Path) -> Articles:
    """Return the articles of the staged rows, sorted.

    Raises:
        DataError: If two pages of the source have one id; the message has both places.
    """
    ids, starts, offset = [], [], 0
    for number in range(rows.n_text_parts):
        table = rows.part(number)
        first = np.flatnonzero(table["chunk_index"].to_numpy() == 0)
        ids.append(table["article_id"].to_numpy()[first])
        starts.append(first + offset)
        offset += table.num_rows
    all_ids = np.concatenate([np.empty(0, np.int64), *ids])
    all_starts = np.concatenate([np.empty(0, np.int64), *starts])
    order = np.argsort(all_ids, kind="stable")
    twice = np.flatnonzero(np.diff(all_ids[order]) == 0)
    if len(twice):
        places = [
            rows.table(int(row), int(row) + 1)["where"][0].as_py()
            for row in all_starts[order[twice[0] : twice[0] + 2]]
        ]
        raise DataError(
            source,
            f"expected each article id once, got {all_ids[order[twice[0]]]} at {places[0]} and at"
            f" {places[1]} ({len(twice):,} such). Fix: drop one of them",
        )
    lengths = np.diff(all_starts, append=len(rows))
    return Articles(all_ids[order], all_starts[order], lengths[order])


def write_sorted(
    folder: Path,
    rows: StagedRows,
    articles: Articles,
    *,
    columns: tuple[str, ...],
    dtype: np.dtype[Any],
    shard_rows: int = SHARD_ROWS,
) -> tuple[FileEntry, ...]:
    """Write the shards of the data set, sorted by article; one in memory at a time.

    Args:
        folder: An empty folder.
        columns: Of the chunk table.

    Returns:
        The entries for dataset.json.
    """
    ends = np.cumsum(articles.lengths)
    bounds = bounds_at(ends, shard_rows)
    shards = (_shard(rows, articles, ends, start, stop, columns) for start, stop in bounds)
    return write_shards(folder, shards, dim=rows.dim, dtype=dtype)


def _shard(
    rows: StagedRows,
    articles: Articles,
    ends: NDArray[np.int64],
    start: int,
    stop: int,
    columns: tuple[str, ...],
) -> tuple[pa.Table, Iterator[NDArray[Any]]]:
    """Return table and vectors of rows `start` to `stop` of the data set; both end articles."""
    first, last = np.searchsorted(ends, [start, stop], side="right")
    runs = _runs(articles.starts[first:last], articles.lengths[first:last])
    table = pa.concat_tables([rows.table(a, b).select(columns) for a, b in runs])
    # One chunk a column: the bytes of the file must not depend on how rows were staged.
    return table.combine_chunks(), (block for a, b in runs for block in rows.vectors(a, b))


def _runs(starts: NDArray[np.int64], lengths: NDArray[np.int64]) -> list[tuple[int, int]]:
    """Return (start, stop) of staged rows, articles that follow each other joined."""
    stops = starts + lengths
    breaks = np.flatnonzero(starts[1:] != stops[:-1]) + 1
    begins = starts[np.concatenate([[0], breaks])]
    finishes = stops[np.concatenate([breaks - 1, [len(stops) - 1]])]
    return list(zip(begins.tolist(), finishes.tolist(), strict=True))
