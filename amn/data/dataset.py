"""A data set: vectors and their chunk table in a folder, memory-mapped."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from amn.data.ids import are_in, refusal
from amn.data.manifest import MANIFEST_FILE, Manifest, read_manifest
from amn.data.vectors import open_npy, release
from amn.errors import ArgumentError, DataError, mended_by
from amn.storage import canonical_json, regular, sha256_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from amn.data.ids import Ids


INDEX_FILE = "index.faiss"
INDEX_MANIFEST = "index.json"
CHUNK_COLUMNS = {
    "article_id": (pa.int64(), pa.string()),
    "chunk_index": (pa.int32(),),
}
KEPT_BYTES = 1 << 28  # of vectors that may stay mapped: a smaller data set always does
# Of rows gathered before pages are given back. A row that is touched maps what the page cache holds
# in one piece with it: 64 KiB or, in Linux since 6.18, up to 2 MB, so 170 rows of 1.5 kB map 10 to
# 340 MB. Giving back costs less than what a lower limit saves: pieces stay in a core's cache.
RELEASE_BYTES = 1 << 18
FAR_ROWS = 32  # of rows far from each other that are gathered at once: 64 MB at 2 MB each
HASH_COLUMN = "vector_hash"  # one uint64 a row, see `RowHasher`


@dataclass(frozen=True)
class Shard:
    """Consecutive rows in one file.

    Attributes:
        start: Row of the data set that is the shard's first.
        vectors: (n, D) memory-mapped.
        stamp: Which file it was when it was opened, see `file_stamp`; empty for one that is none.
    """

    path: Path
    start: int
    vectors: NDArray[Any]
    stamp: tuple[int, ...] = ()

    @property
    def stop(self) -> int:
        """One past the last row."""
        return self.start + len(self.vectors)

    def release(self) -> None:
        """Give the mapped pages back, see `amn.data.vectors.release`."""
        release(self.vectors)


@dataclass
class Gathered:
    """How many bytes were gathered since pages were last given back."""

    n_bytes: int = 0


@dataclass(frozen=True)
class DataSet:
    """Rows of vectors, of length 1 unless they are not `normalised`, sorted by (article, chunk).

    Attributes:
        path: Its folder.
        shards: Where the vectors are; no article is in two shards.
        articles: (A,) int64 or str, the ids of its articles, ascending, each once.
        codes: (N,) int64, the position in `articles` of every row's article: rows of one article
            have one code, and codes are ordered as ids are, whatever their kind.
        chunk_index: (N,) int32, position of the chunk in its article.
    """

    path: Path
    manifest: Manifest
    shards: tuple[Shard, ...]
    articles: Ids
    codes: NDArray[np.int64]
    chunk_index: NDArray[np.int32]
    gathered: Gathered = field(default_factory=Gathered, compare=False, repr=False)

    def __len__(self) -> int:
        return self.manifest.rows

    def __reduce__(self) -> tuple[Callable[[Path], DataSet], tuple[Path]]:
        # Another process maps the files, wherever it works; it gets no copy.
        return open_dataset, (self.path.absolute(),)

    @property
    def dim(self) -> int:
        """Numbers in a vector."""
        return self.manifest.dim

    @property
    def normalised(self) -> bool:
        """Whether its rows have length 1, as its manifest says."""
        return self.manifest.encoder.normalised

    @property
    def article_ids(self) -> Ids:
        """The article of every row, (N,) int64 or str: made anew at each call."""
        return self.articles[self.codes]

    def is_in(self, ids: Ids) -> NDArray[np.bool_]:
        """Tell which rows are of these articles: (N,) bool.

        Raises:
            ArgumentError: If the ids are strings and those of the data set are not, or the reverse.
        """
        return are_in(self.articles, np.atleast_1d(ids))[self.codes]

    def rows_of(self, ids: Ids) -> NDArray[np.int64]:
        """Rows of these articles, int64, ascending."""
        return np.flatnonzero(self.is_in(ids))

    @cached_property
    def digest(self) -> str:
        """One digest for all its files, as the manifest declares them."""
        files = [[f.path, *f.identity] for f in self.manifest.files]
        return sha256_of(canonical_json(files))

    @property
    def vectors_digest(self) -> str:
        """One digest for the vectors alone: what an index was built from."""
        files = [f.identity for f in self.manifest.files if f.path.endswith(".npy")]
        return sha256_of(canonical_json(files))

    @property
    def index_path(self) -> Path:
        """Where its FAISS index is, when it has one."""
        return self.path / INDEX_FILE

    def gather(self, rows: NDArray[np.int64]) -> NDArray[Any]:
        """Return copies of rows, of any shape: (..., D) in the stored dtype.

        Mapped pages count as the process's memory; those of a data set above `KEPT_BYTES` are given
        back after every `RELEASE_BYTES`, so that it does not grow with the data set.
        """
        flat = rows.ravel()
        outside = flat[(flat < 0) | (flat >= len(self))]
        if len(outside):
            raise IndexError(f"row {outside[0]}: expected 0 to {len(self) - 1}")
        result = np.empty((len(flat), self.dim), self.manifest.dtype)
        row_bytes = self.dim * result.itemsize
        if len(self) * row_bytes <= KEPT_BYTES:
            self._read(flat, result)
            return result.reshape(*rows.shape, self.dim)
        step = max(1, RELEASE_BYTES // row_bytes)
        share = row_bytes  # of a row in what may be mapped before pages are given back
        if len(flat) and int(flat.max()) - int(flat.min()) > FAR_ROWS * len(flat):
            step, share = min(step, FAR_ROWS), max(row_bytes, RELEASE_BYTES // FAR_ROWS)
        for first in range(0, len(flat), step):
            piece = flat[first : first + step]
            self._read(piece, result[first : first + step])
            self.gathered.n_bytes += len(piece) * share
            if self.gathered.n_bytes >= RELEASE_BYTES:
                self.gathered.n_bytes = 0
                for shard in self.shards:
                    shard.release()
        return result.reshape(*rows.shape, self.dim)

    def _read(self, rows: NDArray[np.int64], out: NDArray[Any]) -> None:
        """Write rows (n,), all of them in the data set, into `out`: (n, D) in the stored dtype."""
        first, last = (int(rows.min()), int(rows.max())) if len(rows) else (0, -1)
        for shard in self.shards:
            if first < shard.stop and last >= shard.start:
                vectors = np.asarray(shard.vectors)  # not a memmap, which makes every read a view
                if shard.start <= first and last < shard.stop:  # "clip": without a buffer
                    np.take(vectors, rows - shard.start, axis=0, out=out, mode="clip")
                    return
                mine = np.flatnonzero((rows >= shard.start) & (rows < shard.stop))
                out[mine] = vectors[rows[mine] - shard.start]

    @property
    def columns(self) -> tuple[str, ...]:
        """The names of the chunk table's columns, as its first file has them."""
        files = (f.path for f in self.manifest.files if f.path.endswith(".parquet"))
        first = next(files, None)
        return tuple(pq.read_schema(regular(self.path / first)).names) if first else ()

    def column(self, name: str) -> pa.ChunkedArray[Any] | None:
        """Return a column of the chunk table, None when it has no such column."""
        tables = []
        for entry in self.manifest.files:
            if entry.path.endswith(".parquet"):
                file = pq.ParquetFile(regular(self.path / entry.path))
                if name not in file.schema_arrow.names:
                    return None
                tables.append(file.read(columns=[name])[name])
        return pa.chunked_array([chunk for table in tables for chunk in table.chunks])

    def where(self, row: int) -> str:
        """Return a row's address for people: `row 17 (article 621, chunk 4)`."""
        return (
            f"row {row} (article {self.articles[self.codes[row]]}, chunk {self.chunk_index[row]})"
        )


def file_stamp(path: Path) -> tuple[int, ...]:
    """Return what tells a file from another under its name: inode, bytes, time of change in ns.

    Empty where there is none: who opens it says so.
    """
    try:
        found = path.stat()
    except OSError:
        return ()
    return found.st_ino, found.st_size, found.st_mtime_ns


def run_starts(ids: Ids) -> NDArray[np.int64]:
    """Return the first position of each run of equal ids, ascending.

    Rows are sorted, so an article is one run: what sees runs alone is spared sorting rows.
    """
    is_start = np.ones(len(ids), np.bool_)
    np.not_equal(ids[1:], ids[:-1], out=is_start[1:])
    return np.flatnonzero(is_start)


@mended_by("restore the file, or build the data set again: amn data import SOURCE FOLDER")
def open_dataset(path: str | Path) -> DataSet:
    """Open a data set; vectors stay on disk until they are used.

    Raises:
        DataError: If a file is missing, truncated, of another shape, or not what the manifest says.
    """
    path = Path(path)
    manifest = read_manifest(path)
    shards: list[Shard] = []
    tables: list[pa.Table] = []
    start = 0
    for entry in manifest.files:
        file = path / entry.path
        if entry.path.endswith(".npy"):
            stamp = file_stamp(file)
            vectors = open_npy(file, rows=entry.rows, dim=manifest.dim)
            if vectors.dtype != manifest.dtype:
                raise DataError(file, f"expected dtype {manifest.dtype}, got {vectors.dtype}")
            shards.append(Shard(file, start, vectors, stamp))
            start += entry.rows
        elif entry.path.endswith(".parquet"):
            tables.append(_read_chunks(file, rows=entry.rows))
    if not shards or not tables:
        raise DataError(path / MANIFEST_FILE, "expected files of vectors and of chunks, got none")
    rows = sum(table.num_rows for table in tables)
    if not (start == rows == manifest.rows):
        raise DataError(
            path / "dataset.json",
            f"expected {manifest.rows:,} rows in all, got {start:,} vectors and {rows:,} chunks",
        )
    kinds = sorted({str(table.schema.field("article_id").type) for table in tables})
    if len(kinds) > 1:
        message = f"article_id: expected one type in every file, got {' and '.join(kinds)}"
        raise DataError(path, message)
    table = pa.concat_tables(tables)
    articles, codes = coded(path, table["article_id"])
    return DataSet(
        path=path,
        manifest=manifest,
        shards=tuple(shards),
        articles=articles,
        codes=codes,
        chunk_index=numbers(table["chunk_index"], np.int32),
    )


def chunk_schemas(folder: Path) -> list[pa.Schema]:
    """Return the schema of each file of a data set's chunk table; no vectors are needed.

    Raises:
        DataError: If its manifest cannot be read.
        OSError, pyarrow.ArrowException: If a chunk file cannot be.
    """
    names = (e.path for e in read_manifest(folder).files if e.path.endswith(".parquet"))
    return [pq.read_schema(regular(folder / name)) for name in names]


def coded(path: Path, column: pa.ChunkedArray[Any]) -> tuple[Ids, NDArray[np.int64]]:
    """Return the distinct ids of a column, ascending, (A,), and the position of each row's, (N,).

    Raises:
        DataError: If a string is no id, see `amn.data.ids.refusal`.
    """
    if column.type == pa.int64():
        ids = numbers(column, np.int64)
        starts = run_starts(ids)  # rows are sorted: few runs, many rows
        articles, owners = np.unique(ids[starts], return_inverse=True)
        return articles, np.repeat(owners, np.diff(starts, append=len(ids)))
    chunks: list[Any] = column.dictionary_encode().unify_dictionaries().chunks
    names = chunks[0].dictionary.to_pylist() if chunks else []
    if problem := refusal(names):
        raise DataError(path, f"article_id: {problem}")
    articles, places = np.unique(np.array(names, np.str_), return_inverse=True)
    return articles, places[
        numbers(pa.chunked_array([c.indices for c in chunks], pa.int32()), np.int32)
    ]


def numbers(column: pa.ChunkedArray[Any], dtype: type[np.number[Any]]) -> NDArray[Any]:
    """Return a column of numbers without nulls as an array of its own type.

    pyarrow's conversion would import pandas where there is one: 0.2 s of a warm gate's 4.
    """
    size = np.dtype(dtype).itemsize
    filled = [chunk for chunk in column.chunks if len(chunk)]
    parts = [
        np.frombuffer(memoryview(c.buffers()[1]), dtype, len(c), c.offset * size)  # type: ignore[arg-type]  # a Buffer is one
        for c in filled
    ]
    return np.concatenate([np.empty(0, dtype), *parts])


def _read_chunks(path: Path, *, rows: int) -> pa.Table:
    """Read the key columns of a chunk file."""
    try:
        with pq.ParquetFile(regular(path)) as file:
            found = file.schema_arrow.names
            table = file.read(columns=[name for name in CHUNK_COLUMNS if name in found])
    except (OSError, ValueError, pa.ArrowException) as error:  # ValueError: a name is not UTF-8
        raise DataError(path, f"expected a whole parquet file, got: {error}") from error
    for name, kinds in CHUNK_COLUMNS.items():
        if name not in table.column_names:
            raise DataError(path, f"expected a column {name}, got {', '.join(found)}")
        if (got := table.schema.field(name).type) not in kinds:
            wanted = " or ".join(map(str, kinds))
            raise DataError(path, f"{name}: expected {wanted}, got {got}")
        if table[name].null_count:
            raise DataError(path, f"{name}: expected no nulls, got {table[name].null_count}")
    if table.num_rows != rows:
        raise DataError(path, f"expected {rows:,} rows, got {table.num_rows:,}")
    return table


def check_matrix(vectors: NDArray[Any], name: str) -> None:
    """Raise ArgumentError unless `vectors` is a float16 or float32 matrix (N, D)."""
    if vectors.ndim != 2 or vectors.dtype not in (np.float16, np.float32):  # noqa: PLR2004 - a matrix
        raise ArgumentError(
            f"{name}: expected a float16 or float32 matrix (N, D), "
            f"got {vectors.dtype} of shape {vectors.shape}"
        )


def stored_digests(dataset: DataSet) -> NDArray[np.uint64] | DataError | None:
    """Return the digest of every row (N,), None without such a column, or why it is unreadable."""
    try:
        column = dataset.column(HASH_COLUMN)
        if column is None:
            return None
        if column.type != pa.uint64():
            return DataError(dataset.path, f"{HASH_COLUMN}: expected uint64, got {column.type}")
        if column.null_count:
            message = f"{HASH_COLUMN}: expected no nulls, got {column.null_count}"
            return DataError(dataset.path, message)
        return numbers(column, np.uint64)
    except DataError as error:
        return error
    except (OSError, pa.ArrowException) as error:
        return DataError(dataset.path, str(error))
