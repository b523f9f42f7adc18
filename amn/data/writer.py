"""Writing a data set: sorted rows, shards that never split an article, all or nothing."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from amn.data.canaries import TEXT_COLUMN, choose_canaries, digests_of, write_canaries
from amn.data.dataset import HASH_COLUMN, DataSet, check_matrix, open_dataset, run_starts
from amn.data.ids import as_ids
from amn.data.manifest import MANIFEST_FILE, EncoderInfo, Manifest, Stage
from amn.data.vectors import RowHasher, seal_file
from amn.errors import ArgumentError
from amn.storage import atomic_folder, write_json

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from numpy.typing import NDArray

    from amn.data.ids import Ids
    from amn.data.manifest import CanaryEntry, FileEntry

    Group = tuple[pa.Table, Iterable[NDArray[Any]]]  # of the chunk table, and its vectors in blocks

SHARD_ROWS = 250_000  # 384 MB at 768 x float16: several shards let several cores hash
GROUP_ROWS = 16_384  # of the chunk table in memory: about 6 MB of text
BLOCK_ROWS = 4096


@dataclass(frozen=True, kw_only=True)
class Chunks:
    """The chunk table to write, row-aligned with the vectors.

    Attributes:
        article_ids: (N,) int64 or str.
        chunk_index: (N,) int32.
        extra: More columns, such as `title`, `n_chars` and `text`.
    """

    article_ids: Ids
    chunk_index: NDArray[np.int32]
    extra: dict[str, pa.Array[Any] | pa.ChunkedArray[Any]] = field(default_factory=dict)


def write_dataset(  # noqa: PLR0913 - a data set has this many parts
    path: str | Path,
    vectors: NDArray[Any],
    chunks: Chunks,
    *,
    name: str,
    dtype: str = "float16",
    encoder: EncoderInfo | None = None,
    source: str = "",
    licence: str = "",
    stages: Sequence[Stage] = (),
    order: NDArray[np.int64] | None = None,
    shard_rows: int = SHARD_ROWS,
) -> DataSet:
    """Write a new data set folder and open it.

    The folder appears whole or not at all. Values are stored as they are: nothing is normalised. Of
    texts, in a column `text`, canaries are chosen.

    Args:
        vectors: (N, D) float16 or float32, may be memory-mapped.
        order: Rows of `vectors` and `chunks` to write, in that order; None keeps theirs.
        shard_rows: Rows after which a new shard begins with the next article.

    Raises:
        ArgumentError: If lengths differ, a string is no id, or rows are not in (article, chunk)
            order, each key once.
        FileExistsError: If `path` exists.
    """
    check_matrix(vectors, "vectors")
    n_rows = len(vectors)
    order = np.arange(n_rows) if order is None else order
    columns = {"article_ids": chunks.article_ids, "chunk_index": chunks.chunk_index, **chunks.extra}
    for column, values in columns.items():
        if len(values) != n_rows:
            raise ArgumentError(
                f"{column}: expected {n_rows:,} rows as in vectors, got {len(values):,}"
            )
    article_ids = as_ids(chunks.article_ids)[order]
    chunk_index = np.asarray(chunks.chunk_index, np.int32)[order]
    _check_order(article_ids, chunk_index)
    table = pa.table({"article_id": article_ids, "chunk_index": chunk_index})
    for column, values in chunks.extra.items():
        table = table.append_column(column, values.take(order))

    def groups(start: int, stop: int) -> Iterator[Group]:
        for first, last in group_bounds(start, stop):
            yield table.slice(first, last - first), _blocks(vectors, order[first:last])

    shards = (
        (stop - start, groups(start, stop)) for start, stop in shard_bounds(article_ids, shard_rows)
    )
    path = Path(path)
    with atomic_folder(path) as folder:
        files = write_shards(folder, shards, dim=vectors.shape[1], dtype=np.dtype(dtype))
        canaries = _canaries(folder, table) if TEXT_COLUMN in table.column_names else None
        manifest = Manifest(
            schema=1,
            name=name,
            rows=len(order),
            dim=vectors.shape[1],
            dtype="float16" if dtype == "float16" else "float32",
            encoder=encoder or EncoderInfo(),
            source=source,
            licence=licence,
            stages=tuple(stages),
            canaries=canaries,
            files=files,
        )
        write_json(folder / MANIFEST_FILE, manifest.to_json())
    return open_dataset(path)


def _canaries(folder: Path, table: pa.Table) -> CanaryEntry | None:
    """Write the canaries of a whole chunk table; None where its column of texts holds none."""
    if table.schema.field(TEXT_COLUMN).type not in (pa.string(), pa.large_string()):
        return None
    ids = np.asarray(table["article_id"])
    is_next = np.zeros(len(ids), np.int64)
    is_next[run_starts(ids)[1:]] = 1
    texts = table[TEXT_COLUMN]
    rows, chosen = choose_canaries(np.cumsum(is_next), lambda rows: texts.take(rows).to_pylist())
    return write_canaries(folder, table.take(rows), digests_of(chosen), chosen)


def shard_bounds(article_ids: Ids, shard_rows: int) -> Iterator[tuple[int, int]]:
    """Yield (start, stop) of shards of about `shard_rows` rows that each end with an article."""
    ends = np.append(run_starts(article_ids)[1:], len(article_ids))
    return bounds_at(ends, shard_rows)


def bounds_at(ends: NDArray[np.int64], shard_rows: int) -> Iterator[tuple[int, int]]:
    """Yield (start, stop) of shards, as `shard_bounds`.

    Args:
        ends: (A,) one past the last row of each article, ascending.
        shard_rows: Rows after which a shard ends with its article.
    """
    start, n_rows = 0, int(ends[-1]) if len(ends) else 0
    while start < n_rows:
        stop = int(ends[np.searchsorted(ends, min(start + shard_rows, n_rows))])
        yield start, stop
        start = stop


def group_bounds(start: int, stop: int) -> Iterator[tuple[int, int]]:
    """Yield (start, stop) of the row groups of a shard, `GROUP_ROWS` each but for the last."""
    for first in range(start, stop, GROUP_ROWS):
        yield first, min(first + GROUP_ROWS, stop)


def _check_order(article_ids: Ids, chunk_index: NDArray[np.int32]) -> None:
    """Raise ArgumentError at the first row whose key does not come after the one before."""
    same = article_ids[1:] == article_ids[:-1]
    ascending = (article_ids[1:] > article_ids[:-1]) | (same & (chunk_index[1:] > chunk_index[:-1]))
    if not ascending.all():
        row = int(np.flatnonzero(~ascending)[0]) + 1
        raise ArgumentError(
            f"row {row}: expected (article, chunk) keys ascending, each once, got "
            f"({article_ids[row]}, {chunk_index[row]}) after "
            f"({article_ids[row - 1]}, {chunk_index[row - 1]}). "
            "Fix: pass order=, drop the repeated rows"
        )


def write_shards(
    folder: Path,
    shards: Iterable[tuple[int, Iterable[Group]]],
    *,
    dim: int,
    dtype: np.dtype[Any],
) -> tuple[FileEntry, ...]:
    """Write the files of a data set, one row group of one shard in memory at a time.

    Args:
        folder: An empty folder.
        shards: For each, its rows and its row groups, as `group_bounds` cuts them; rows in
            (article, chunk) order, no article in two shards.
        dim: Numbers in a vector.
        dtype: How they are stored.

    Returns:
        The entries for dataset.json.
    """
    hasher = RowHasher(dim, dtype)
    entries: list[FileEntry] = []
    for number, (n_rows, groups) in enumerate(shards):
        files = folder / f"vectors-{number:05d}.npy", folder / f"chunks-{number:05d}.parquet"
        _write_shard(*files, groups, (n_rows, dim), dtype, hasher)
        entries += [seal_file(file, n_rows) for file in files]
    return tuple(entries)


def _blocks(vectors: NDArray[Any], order: NDArray[np.int64]) -> Iterator[NDArray[Any]]:
    for start in range(0, len(order), BLOCK_ROWS):
        yield vectors[order[start : start + BLOCK_ROWS]]


def _write_shard(
    vector_file: Path,
    chunk_file: Path,
    groups: Iterable[Group],
    shape: tuple[int, int],
    dtype: np.dtype[Any],
    hasher: RowHasher,
) -> None:
    """Write row groups of the chunk table, with the digests of their vectors, and these."""
    with ExitStack() as stack:
        vectors = stack.enter_context(vector_file.open("wb"))
        _write_header(vectors, shape, dtype)
        chunks = None
        for table, blocks in groups:
            hashes = []
            for block in blocks:
                rows = np.ascontiguousarray(block, dtype)
                hashes.append(hasher(rows))
                vectors.write(rows.data)
            # One chunk a column: the bytes must not depend on how rows came together.
            part = table.append_column(HASH_COLUMN, pa.array(np.concatenate(hashes)))
            if chunks is None:
                writer = pq.ParquetWriter(chunk_file, part.schema, compression="zstd")
                chunks = stack.enter_context(writer)
            chunks.write_table(part.combine_chunks())
            del table, blocks, part, rows  # before the next group is made: one in memory
            pa.default_memory_pool().release_unused()  # it keeps up to 30 MB for later else


def write_npy(
    path: Path, blocks: Iterable[NDArray[Any]], shape: tuple[int, int], dtype: np.dtype[Any]
) -> None:
    """Write blocks of rows as one .npy file.

    Through a file and not a memory map: on a full disk a map ends the process without a word.

    Args:
        path: Replaced when it exists.
        blocks: C-ordered, of `dtype`, together of `shape`.
    """
    with path.open("wb") as file:
        _write_header(file, shape, dtype)
        for block in blocks:
            file.write(block.data)


def _write_header(file: IO[bytes], shape: tuple[int, int], dtype: np.dtype[Any]) -> None:
    """Write what a .npy file begins with."""
    descr = np.lib.format.dtype_to_descr(dtype)
    header = {"descr": descr, "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(file, header)
