"""The last stage of a build: staged rows, in any order of articles, to sorted shards."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from amn.data.canaries import KEYS, TEXT_COLUMN, choose_canaries, digests_of, write_canaries
from amn.data.writer import SHARD_ROWS, bounds_at, group_bounds, write_shards
from amn.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from numpy.typing import NDArray

    from amn.corpus.rows import StagedRows
    from amn.data.manifest import CanaryEntry, FileEntry
    from amn.data.writer import Group


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

    def staged(self, rows: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return where rows of the sorted data set are staged: (n,) int64."""
        ends = np.cumsum(self.lengths)
        article = np.searchsorted(ends, rows, side="right")
        return rows - (ends - self.lengths)[article] + self.starts[article]


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
    progress: Callable[[int], None],
) -> tuple[FileEntry, ...]:
    """Write the shards of the data set, sorted by article.

    Args:
        folder: An empty folder.
        columns: Of the chunk table.
        progress: Called with the rows written so far.

    Returns:
        The entries for dataset.json.
    """

    def groups(start: int, stop: int) -> Iterator[Group]:
        for first, last in group_bounds(start, stop):
            staged = articles.staged(np.arange(first, last))
            yield rows.gather_table(staged, columns), [rows.gather_vectors(staged)]
            progress(last)

    bounds = bounds_at(np.cumsum(articles.lengths), SHARD_ROWS)
    shards = ((stop - start, groups(start, stop)) for start, stop in bounds)
    return write_shards(folder, shards, dim=rows.dim, dtype=dtype)


def canaries_of(
    folder: Path, rows: StagedRows, articles: Articles, *, keep_text: bool
) -> CanaryEntry | None:
    """Choose the canaries of the data set and write them, without `keep_text` their digests."""

    def texts_of(mine: NDArray[np.int64]) -> list[Any]:
        return rows.gather_table(articles.staged(mine), [TEXT_COLUMN])[0].to_pylist()

    codes = np.repeat(np.arange(len(articles.ids)), articles.lengths)
    chosen, texts = choose_canaries(codes, texts_of)
    if not texts:
        return None
    keys = rows.gather_table(articles.staged(chosen), KEYS)
    kept = texts if keep_text else ()
    return write_canaries(folder, keys, digests_of(texts), kept)
