"""The article and chunk of every row, from a table beside the vectors or in their file."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq

from amn.data.imports.archive import open_archive
from amn.data.writer import Chunks
from amn.errors import ArgumentError, DataError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

ARTICLE_NAMES = ("article_id", "article_ids", "article_index", "article_indices", "articles")
CHUNK_NAMES = ("chunk_index", "chunk_indices", "chunk_id", "chunk_ids", "chunks")
CARRIED = ("title", "n_chars", "text")  # columns that are kept when they are there
WANTED = frozenset((*ARTICLE_NAMES, *CHUNK_NAMES, *CARRIED))


def first_of(names: Iterable[str], found: Iterable[str]) -> str | None:
    """Return the first of `names` that is among `found`, None when none is."""
    there = set(found)
    return next((name for name in names if name in there), None)


def read_ids(path: Path, scratch: Path) -> Chunks:
    """Read a file of ids: .parquet, .csv or .npz with article_id and chunk_index.

    Raises:
        ArgumentError: If the file is of another kind.
        DataError: If it is missing, broken, or has no usable ids.
    """
    suffix = path.suffix.lower()
    if suffix not in (".parquet", ".csv", ".npz"):
        raise ArgumentError(f"{path}: expected ids in .parquet, .csv or .npz, got {suffix!r}")
    if not path.is_file():
        raise DataError(path, "expected a file of ids, found none")
    if suffix == ".npz":
        with open_archive(path, scratch) as archive:
            columns = {name: archive.read(name) for name in archive.members if name in WANTED}
            return chunks_from_arrays(path, columns, tuple(archive.members))
    try:
        if suffix == ".csv":
            table = pyarrow.csv.read_csv(path)
            names = table.column_names
        else:
            file = pq.ParquetFile(path)
            names = file.schema_arrow.names
            table = file.read(columns=[name for name in names if name in WANTED])
    except (OSError, ValueError, pa.ArrowException) as error:  # ValueError: a name is not UTF-8
        raise DataError(path, f"expected a whole {suffix} file of ids, got: {error}") from error
    return chunks_from_table(path, table, names)


def chunks_from_arrays(
    path: Path, columns: dict[str, NDArray[np.generic]], names: Sequence[str] = ()
) -> Chunks:
    """Return the chunk table that arrays of an .npz file make.

    Raises:
        DataError: If an array is not one value a row, lengths differ, or ids are not usable.
    """
    for name, values in columns.items():
        if values.ndim != 1:
            raise DataError(path, f"{name}: expected one value a row, got shape {values.shape}")
    lengths = {name: len(values) for name, values in columns.items()}
    if len(set(lengths.values())) > 1:
        raise DataError(path, f"expected columns of one length, got {lengths}")
    table = pa.table({name: pa.array(np.asarray(values)) for name, values in columns.items()})
    return chunks_from_table(path, table, names)


def chunks_from_table(path: Path, table: pa.Table, names: Sequence[str] = ()) -> Chunks:
    """Return the chunk table of a table with ids; title, n_chars and text are carried over.

    Args:
        names: All columns of the file, where the table has only some: for the message.

    Raises:
        DataError: If a column of ids is missing, or holds anything but whole numbers in range.
    """
    found = table.column_names
    article = first_of(ARTICLE_NAMES, found)
    chunk = first_of(CHUNK_NAMES, found)
    if article is None or chunk is None:
        missing = "article_id" if article is None else "chunk_index"
        raise DataError(
            path,
            f"expected a column {missing}, got {', '.join(names or found) or 'none'}. "
            "Fix: rename the columns to article_id and chunk_index, here or in a file for --ids",
        )
    articles = whole_numbers(path, article, table[article])
    chunks = whole_numbers(path, chunk, table[chunk])
    outside = (chunks < 0) | (chunks > np.iinfo(np.int32).max)
    if outside.any():
        row = int(np.flatnonzero(outside)[0])
        raise DataError(path, f"{chunk}: row {row}: expected 0 to 2,147,483,647, got {chunks[row]}")
    return Chunks(
        article_ids=articles,
        chunk_index=chunks.astype(np.int32),
        extra={name: table[name] for name in CARRIED if name in found},
    )


def whole_numbers(
    path: Path, name: str, column: pa.ChunkedArray[Any] | pa.Array[Any]
) -> NDArray[np.int64]:
    """Return a column as int64.

    Raises:
        DataError: If it has nulls, is not of an integer type, or does not fit.
    """
    if column.null_count:
        raise DataError(path, f"{name}: expected no nulls, got {column.null_count:,}")
    if not pa.types.is_integer(column.type):
        fix = "number the articles, as pandas.factorize(ids)[0]; the names may stay as title"
        raise DataError(path, f"{name}: expected whole numbers, got {column.type}. Fix: {fix}")
    try:
        return np.asarray(column.cast(pa.int64()).to_numpy(), np.int64)
    except pa.ArrowInvalid as error:
        raise DataError(path, f"{name}: expected numbers below 2^63, got: {error}") from error
