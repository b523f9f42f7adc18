"""Tables with a column of vectors, a batch of rows in memory at a time.

A cell of that column is a vector: a list of numbers, or in text the same in brackets. Or it is a
document: a list of vectors, in their order.
"""

from __future__ import annotations

import re
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.json
import pyarrow.parquet as pq

from amn.data.imports.keys import ARTICLE_NAMES, Keys
from amn.errors import DataError
from amn.storage import parse_json, read_whole, regular

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from numpy.typing import NDArray

BATCH_ROWS = 4096
BATCH_DOCUMENTS = 64
BLOCK_BYTES = 1 << 24  # of text parsed at once; a row of 4,096 numbers in text is 90 kB
VECTOR_CELL = r"(?s)^\s*(\[.*\]|\(.*\)|[^\[\]()]+)\s*$"
VECTOR_TEXT = re.compile(r"\s*[\[(].*[\])]\s*", re.DOTALL)
WRITTEN_NUMBER = r"^(0|-?[1-9][0-9]{0,18})$"  # 007 is a name
WITH_POINT = r"^-?[0-9]+\.[0-9]*$"  # what becomes of numbers where one is missing: no ids
BETWEEN = r"[,;\s]+"
BRACKETS = "[]() \t\r\n"


@dataclass(frozen=True)
class Rows:
    """An open table.

    Attributes:
        schema: Of all its columns.
        batches: Gives some of its columns, at most so many rows at a time.
        texts: Columns of text whose first cell is a list of numbers in brackets.
    """

    schema: pa.Schema
    batches: Callable[[list[str], int], Iterator[pa.RecordBatch]]
    texts: tuple[str, ...] = ()


@dataclass(frozen=True)
class Read:
    """What was read of a table with vectors.

    Attributes:
        vectors: (N, D) memory-mapped, in the column's type of float.
        table: Its other columns that may be needed, a row for each vector.
        names: All its columns.
        documents: (N,) int64 the row of the file that each vector is in, where a row is a document.
        said: Which column it was.
    """

    vectors: NDArray[Any]
    table: pa.Table
    names: tuple[str, ...]
    documents: NDArray[np.int64] | None
    said: str


@contextmanager
def open_rows(path: Path, keys: Keys) -> Iterator[Rows]:
    """Open a table by its suffix; what arrow finds wrong with it becomes a DataError."""
    suffix = path.suffix.lower()
    try:
        with OPENERS[suffix](path if path.is_dir() else regular(path), keys) as rows:
            yield rows
    except (OSError, ValueError, pa.ArrowException) as error:  # ValueError: a name is not UTF-8
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        kind = suffix.removeprefix(".") or "datasets"
        fix = "export it again, and give it the suffix of its format"
        raise DataError(path, f"expected a whole {kind} file, got: {reason}. Fix: {fix}") from error


@contextmanager
def _parquet(path: Path, _keys: Keys) -> Iterator[Rows]:
    with pq.ParquetFile(regular(path)) as file:
        yield Rows(file.schema_arrow, lambda names, most: file.iter_batches(most, columns=names))


@contextmanager
def _arrow(path: Path, _keys: Keys) -> Iterator[Rows]:
    with pa.memory_map(str(path)) as mapped, _ipc(mapped) as reader:
        yield Rows(reader.schema, lambda names, most: _sliced(_record_batches(reader), names, most))


@contextmanager
def _datasets(path: Path, _keys: Keys) -> Iterator[Rows]:
    """Open a folder that `datasets.Dataset.save_to_disk` wrote: Arrow streams named by a file."""
    state = parse_json(read_whole(path / "state.json"))
    if state.get("_indices_files"):
        raise DataError(
            path,
            "expected rows as they are stored, got an order of them beside. "
            "Fix: dataset.flatten_indices().save_to_disk(FOLDER)",
        )
    files = [path / entry["filename"] for entry in state["_data_files"]]
    if not files:
        fix = "save the data set again, with rows"
        raise DataError(path, f"expected files of rows, got none in state.json. Fix: {fix}")
    with _arrow(files[0], _keys) as first:
        schema = first.schema

    def batches(names: list[str], most: int) -> Iterator[pa.RecordBatch]:
        for file in files:
            with _arrow(file, _keys) as rows:
                yield from rows.batches(names, most)

    yield Rows(schema, batches)


@contextmanager
def _csv(path: Path, keys: Keys) -> Iterator[Rows]:
    named = _named(keys)
    options = (
        pyarrow.csv.ReadOptions(block_size=BLOCK_BYTES),
        pyarrow.csv.ParseOptions(
            delimiter="\t" if path.suffix.lower() == ".tsv" else ",", newlines_in_values=True
        ),
        pyarrow.csv.ConvertOptions(
            column_types=dict.fromkeys(named, pa.string()),
            null_values=[""],  # NA is a name
            strings_can_be_null=True,
        ),
    )
    with pyarrow.csv.open_csv(path, *options) as reader:
        first = reader.read_next_batch().slice(0, 1).to_pylist()
    texts = tuple(
        name
        for row in first
        for name, value in row.items()
        if isinstance(value, str) and VECTOR_TEXT.fullmatch(value)
    )
    with pyarrow.csv.open_csv(path, *options) as reader:
        yield Rows(reader.schema, lambda names, most: _sliced(reader, names, most), texts)


def _named(keys: Keys) -> tuple[str, ...]:
    """Return what a column of articles may be called."""
    return (*ARTICLE_NAMES, *((keys.article_column,) if keys.article_column else ()))


@contextmanager
def _json_lines(path: Path, _keys: Keys) -> Iterator[Rows]:
    options = pyarrow.json.ReadOptions(block_size=BLOCK_BYTES)
    if hasattr(pyarrow.json, "open_json"):
        reader = pyarrow.json.open_json(path, options)
        yield Rows(reader.schema, lambda names, most: _sliced(reader, names, most))
    else:  # before pyarrow 20: all at once
        table = pyarrow.json.read_json(path, options)
        yield Rows(table.schema, lambda names, most: _sliced(table.to_batches(), names, most))


OPENERS: dict[str, Any] = {
    ".parquet": _parquet,
    ".arrow": _arrow,
    ".feather": _arrow,
    ".ipc": _arrow,
    "": _datasets,
    ".csv": _csv,
    ".tsv": _csv,
    ".jsonl": _json_lines,
    ".ndjson": _json_lines,
}


def _ipc(mapped: pa.MemoryMappedFile) -> Any:  # noqa: ANN401 - one of two readers
    """Open Arrow's file format, or its stream."""
    try:
        return pa.ipc.open_file(mapped)
    except pa.ArrowInvalid:
        mapped.seek(0)
        return pa.ipc.open_stream(mapped)


def _record_batches(reader: Any) -> Iterator[pa.RecordBatch]:  # noqa: ANN401 - as `_ipc`
    count = getattr(reader, "num_record_batches", None)
    if count is None:
        return iter(reader)
    return (reader.get_batch(number) for number in range(count))


def _sliced(batches: Any, names: list[str], most: int) -> Iterator[pa.RecordBatch]:  # noqa: ANN401 - iterable
    """Yield some columns of batches, at most so many rows at a time."""
    for batch in batches:
        for start in range(0, batch.num_rows, most):
            yield batch.select(names).slice(start, most)


def read_columns(path: Path, keys: Keys) -> tuple[pa.Table, tuple[str, ...]]:
    """Read the columns that keys need, and the names of all.

    Raises:
        DataError: If the file is broken.
    """
    with open_rows(path, keys) as rows:
        names = tuple(rows.schema.names)
        wanted = [name for name in names if name in keys.wanted]
        schema = pa.schema([rows.schema.field(name) for name in wanted])
        batches = list(rows.batches(wanted, 1 << 30)) if wanted else []
    return _with_numbers(pa.Table.from_batches(batches, schema), path, keys), names


def read_vectors(path: Path, scratch: Path, keys: Keys, name: str | None) -> Read:
    """Read a table with vectors.

    Args:
        scratch: Existing folder for the vectors.
        name: Column of vectors; None takes the only one.

    Raises:
        DataError: If the file is broken, lacks the column, or has a null or odd-sized vector.
    """
    with open_rows(path, keys) as rows:
        names = tuple(rows.schema.names)
        column = _vector_column(path, rows, name)
        wanted = [n for n in names if n in keys.wanted and n != column]
        kind = rows.schema.field(column).type
        schema = pa.schema([rows.schema.field(n) for n in wanted])
        are_documents = _is_list(kind) and _is_list(kind.value_type)
        most = BATCH_DOCUMENTS if are_documents else BATCH_ROWS
        dim, n_rows, at, dtype = None, 0, 0, np.dtype(np.float64)
        others: list[pa.RecordBatch] = []
        sizes: list[NDArray[np.int64]] = []
        with (scratch / "vectors.bin").open("wb") as out:
            for batch in rows.batches([column, *wanted], most):
                lists: Any = batch.column(0)
                if are_documents:
                    sizes.append(_sizes(path, column, at, lists))
                    lists = lists.flatten()
                elif _is_text(kind):
                    lists = _parsed(path, column, at, lists)
                block = _matrix(path, n_rows, lists, dim)
                if len(block):
                    dim, dtype = block.shape[1], block.dtype
                    out.write(np.ascontiguousarray(block).data)
                n_rows += len(block)
                at += batch.num_rows
                others.append(batch.select(wanted))
    if not n_rows or dim is None:
        raise DataError(path, f"{column}: expected rows, got none. Fix: export it again")
    vectors = np.memmap(scratch / "vectors.bin", dtype, "r", shape=(n_rows, dim))
    table = _with_numbers(pa.Table.from_batches(others, schema), path, keys)
    documents = None
    if are_documents:
        counts = np.concatenate(sizes)
        documents = np.repeat(np.arange(len(counts)), counts)
        table = table.take(documents)
    return Read(vectors, table, names, documents, f"column {column} ({kind})")


def _with_numbers(table: pa.Table, path: Path, keys: Keys) -> pa.Table:
    """Return a table in which ids of articles that are all written as numbers are numbers."""
    if path.suffix.lower() not in (".csv", ".tsv"):
        return table
    for name in set(_named(keys)) & set(table.column_names):
        column, at = table[name], table.column_names.index(name)
        for pattern, kind in ((WRITTEN_NUMBER, pa.int64()), (WITH_POINT, pa.float64())):
            if len(column) and pc.all(pc.match_substring_regex(column, pattern)).as_py():
                with suppress(pa.ArrowInvalid):  # beyond int64: a name
                    table = table.set_column(at, name, column.cast(kind))
    return table


def _is_text(kind: Any) -> bool:  # noqa: ANN401 - any arrow type
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind))


def _is_list(kind: Any) -> bool:  # noqa: ANN401 - any arrow type
    """Tell whether a column of this type holds lists."""
    return bool(
        pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind)
    )


def _is_vector(kind: Any) -> bool:  # noqa: ANN401 - any arrow type
    """Tell whether a column of this type holds lists of floats, or lists of these."""
    if not _is_list(kind):
        return False
    inner = kind.value_type
    return bool(pa.types.is_floating(inner) or _is_vector(inner))


def _vector_column(path: Path, rows: Rows, name: str | None) -> str:
    """Return the column to read."""
    schema = rows.schema
    found = [*(field.name for field in schema if _is_vector(field.type)), *rows.texts]
    if name is None and len(found) == 1:
        return found[0]
    if name is not None and name in schema.names:
        kind = schema.field(name).type
        if name in found or _is_text(kind) or _is_json_vector(kind):
            return name
    columns = ", ".join(f"{field.name} ({field.type})" for field in schema)
    if name is not None:
        raise DataError(
            path,
            f"{name}: expected a column of lists of floats, got the columns {columns}. "
            "Fix: --vector-column NAME",
        )
    can_be = found or any(_is_json_vector(field.type) for field in schema)
    fix = "--vector-column NAME" if can_be else "save each vector as a list in one column"
    message = f"expected one column of lists of floats, got {len(found)} among {columns}"
    raise DataError(path, f"{message}. Fix: {fix}")


def _is_json_vector(kind: Any) -> bool:  # noqa: ANN401 - any arrow type
    """Tell whether a column holds lists of int64: JSON writes 1.0 as 1. Narrower ones are codes."""
    return _is_list(kind) and bool(pa.types.is_int64(kind.value_type))


def _sizes(path: Path, column: str, at: int, documents: Any) -> NDArray[np.int64]:  # noqa: ANN401 - arrow lists
    """Return the number of vectors in each document; `at` is the row of the first."""
    if documents.null_count:
        row = at + int(np.flatnonzero(np.asarray(documents.is_null()))[0])
        fix = "drop the rows without vectors"
        raise DataError(
            path, f"{column}: row {row}: expected a list of vectors, got null. Fix: {fix}"
        )
    return np.asarray(pc.list_value_length(documents), np.int64)


def _parsed(path: Path, column: str, at: int, texts: Any) -> Any:  # noqa: ANN401 - arrow arrays
    """Return texts such as `[0.1, 0.2]` as lists of float64; `at` is the row of the first."""
    fix = "Fix: write each vector as [0.1, 0.2, ...]"
    whole = np.asarray(pc.match_substring_regex(texts, VECTOR_CELL).fill_null(False))  # noqa: FBT003 - null is none
    if not whole.all():
        row = int(np.flatnonzero(~whole)[0])
        got = str(texts[row].as_py())[-40:]
        raise DataError(
            path,
            f"{column}: row {at + row}: expected a list in brackets, got one that ends {got!r}: "
            f"cut off? {fix}",
        )
    parts = pc.split_pattern_regex(pc.utf8_trim(texts, BRACKETS), BETWEEN)
    try:
        return parts.cast(pa.list_(pa.float64()))
    except pa.ArrowInvalid as error:
        raise DataError(
            path,
            f"{column}: expected lists of numbers in rows {at} to {at + len(texts) - 1}, got: "
            f"{error}. {fix}",
        ) from error


def _matrix(path: Path, first: int, lists: Any, dim: int | None) -> NDArray[Any]:  # noqa: ANN401 - arrow lists
    """Return a batch of lists as (n, D); `first` is the row of the file that it begins with."""
    if not len(lists):
        return np.empty((0, dim or 0))
    lengths = pc.list_value_length(lists).to_numpy(zero_copy_only=False)  # NaN where it is null
    dim = int(np.nan_to_num(lengths[0])) if dim is None else dim
    odd = np.flatnonzero((lengths != dim) | (lengths == 0))
    if len(odd):
        got = "null" if np.isnan(lengths[odd[0]]) else f"{lengths[odd[0]]:.0f}"
        raise DataError(
            path,
            f"row {first + odd[0]}: expected a vector of {dim or 'some'} numbers, got {got}. "
            "Fix: drop that row, or encode it again",
        )
    values = lists.flatten()
    if values.null_count:
        row = first + int(np.flatnonzero(values.is_null().to_numpy(zero_copy_only=False))[0]) // dim
        raise DataError(
            path,
            f"row {row}: expected {dim} numbers, got a null among them. "
            "Fix: drop that row, or encode it again",
        )
    if pa.types.is_integer(values.type):
        values = values.cast(pa.float64())
    return np.asarray(values.to_numpy(zero_copy_only=False)).reshape(len(lists), dim)
