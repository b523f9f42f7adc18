"""Vectors in a column of a parquet file, read one row group at a time."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from amn.data.imports.keys import WANTED, chunks_from_table
from amn.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from numpy.typing import NDArray

    from amn.data.writer import Chunks

BATCH_ROWS = 4096


@contextmanager
def _open_parquet(path: Path) -> Iterator[pq.ParquetFile]:
    """Open a parquet file; what arrow finds wrong with it becomes a DataError."""
    try:
        with pq.ParquetFile(path) as file:
            yield file
    except (OSError, ValueError, pa.ArrowException) as error:  # ValueError: a name is not UTF-8
        raise DataError(path, f"expected a whole parquet file, got: {error}") from error


def read_table_ids(path: Path) -> Chunks:
    """Return the ids that a parquet file has beside its vectors.

    Raises:
        DataError: If the file is broken, or its ids are missing or unusable.
    """
    with _open_parquet(path) as file:
        names = file.schema_arrow.names
        table = file.read(columns=[name for name in names if name in WANTED])
    return chunks_from_table(path, table, names)


def read_vector_column(path: Path, out: Path, name: str | None) -> NDArray[Any]:
    """Copy a column of vectors into a .npy file and map it.

    Args:
        out: File to write.
        name: Column of lists of floats; None takes the only one.

    Returns:
        (N, D) memory-mapped, in the column's type of float.

    Raises:
        DataError: If the file is broken, lacks the column, or has a null or odd-sized vector.
    """
    with _open_parquet(path) as file:
        column = _vector_column(path, file.schema_arrow, name)
        rows = file.metadata.num_rows
        if not rows:
            raise DataError(path, "expected rows, got none")
        result: NDArray[Any] | None = None
        first = 0
        for batch in file.iter_batches(BATCH_ROWS, columns=[column]):
            block = _matrix(
                path, first, batch.column(0), None if result is None else result.shape[1]
            )
            if result is None:
                shape = (rows, block.shape[1])
                result = np.lib.format.open_memmap(out, mode="w+", dtype=block.dtype, shape=shape)
            result[first : first + len(block)] = block
            first += len(block)
    if result is None or first != rows:
        raise DataError(path, f"{column}: expected {rows:,} vectors, got {first:,}")
    return result


def _is_vector(kind: Any) -> bool:  # noqa: ANN401 - any arrow type
    """Tell whether a column of this type holds lists of floats."""
    is_list = (
        pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind)
    )
    return is_list and pa.types.is_floating(kind.value_type)


def _vector_column(path: Path, schema: pa.Schema, name: str | None) -> str:
    """Return the column to read."""
    found = [field.name for field in schema if _is_vector(field.type)]
    if name is None and len(found) == 1:
        return found[0]
    if name is not None and name in found:
        return name
    columns = ", ".join(f"{field.name} ({field.type})" for field in schema)
    if name is None:
        fix = " Fix: --vector-column NAME" if found else ""
        raise DataError(
            path, f"expected one column of lists of floats, got {len(found)} among {columns}.{fix}"
        )
    raise DataError(
        path, f"{name}: expected a column of lists of floats, got the columns {columns}"
    )


def _matrix(path: Path, first: int, lists: Any, dim: int | None) -> NDArray[Any]:  # noqa: ANN401 - arrow lists
    """Return a batch of lists as (n, D); `first` is the row of the file that it begins with."""
    lengths = pc.list_value_length(lists).to_numpy(zero_copy_only=False)  # NaN where it is null
    dim = int(np.nan_to_num(lengths[0])) if dim is None else dim
    odd = np.flatnonzero((lengths != dim) | (lengths == 0))
    if len(odd):
        got = "null" if np.isnan(lengths[odd[0]]) else f"{lengths[odd[0]]:.0f}"
        raise DataError(
            path, f"row {first + odd[0]}: expected a vector of {dim or 'some'} numbers, got {got}"
        )
    values = lists.flatten()
    if values.null_count:
        row = first + int(np.flatnonzero(values.is_null().to_numpy(zero_copy_only=False))[0]) // dim
        raise DataError(path, f"row {row}: expected {dim} numbers, got a null among them")
    return np.asarray(values.to_numpy(zero_copy_only=False)).reshape(len(lists), dim)
