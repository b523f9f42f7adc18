"""Files of predictions: a window's name and a vector a row, read piece by piece.

Letters: N rows, B at a time, D numbers in a vector.
"""

from __future__ import annotations

import zipfile
from contextlib import contextmanager
from csv import reader
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import csv, parquet

from amn.data.vectors import NPY_ERRORS, release
from amn.errors import AmnError, DataError
from amn.registry import Registry
from amn.storage import ZIP_ERRORS, regular, require_no_bomb

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from numpy.typing import NDArray

    Source = tuple[pa.StringArray, Iterator[NDArray[Any]]]  # names (N,), vectors (B, D) in order

BATCH_ROWS = 1024  # 3 MB of float32 at D = 768
BUFFER_BYTES = 1 << 20  # of a column's pages: a file may be one group of rows
WINDOW, PREDICTION = "window", "prediction"  # columns, or arrays of an .npz
NAMED = 3  # lengths of lists in a message
SAVE = "np.savez(FILE, window=names, prediction=vectors)"
READERS: Registry[Callable[[Path], Source]] = Registry(
    "amn.predictions",
    {
        ".parquet": "amn.evaluation.prediction_files:read_parquet",
        ".npz": "amn.evaluation.prediction_files:read_npz",
        ".npy": "amn.evaluation.prediction_files:read_npy",
        ".csv": "amn.evaluation.prediction_files:read_csv",
    },
)


def read_predictions(path: Path, dim: int) -> Source:
    """Return the names of windows in a file, and their vectors, (B, D) floating-point.

    Raises:
        DataError: If the file is of no known kind, damaged, or has vectors of another dimension;
            of vectors when they are read.
    """
    read = READERS.require(path.suffix, f"--predictions {path}")
    with _reading(path):
        given, batches = read(path)
    return given, _checked(path, batches, dim)


def no_rows() -> Source:
    """Return what a file without any prediction has."""
    return pa.array([], pa.string()), iter(())


@contextmanager
def _reading(path: Path) -> Iterator[None]:
    """Turn what a damaged file raises into a DataError."""
    try:
        yield
    except AmnError:
        raise
    except (pa.ArrowException, *NPY_ERRORS, *ZIP_ERRORS, KeyError) as error:
        text = " ".join(str(error).split())
        message = f"expected a whole file of predictions, got: {text}. Fix: write it again"
        raise DataError(path, message) from error


def _checked(
    path: Path, batches: Iterator[NDArray[Any]], dim: int
) -> Iterator[NDArray[np.floating]]:
    """Yield the batches of a file, each (B, D) floating-point."""
    with _reading(path):
        for vectors in batches:
            if vectors.ndim != 2 or vectors.shape[1] != dim:  # noqa: PLR2004 - a matrix
                got = " x ".join(map(str, vectors.shape[1:])) or "single"
                fix = "predict rows of this data set"
                raise DataError(path, f"expected vectors of {dim} numbers, got {got}. Fix: {fix}")
            if not np.issubdtype(vectors.dtype, np.floating):
                message = f"expected floating-point numbers, got {vectors.dtype}"
                raise DataError(path, f"{message}. Fix: write float32")
            yield vectors


def read_parquet(path: Path) -> Source:
    """Rows of a .parquet file: `window` string, `prediction` a list of floats of one length."""
    # Not read ahead: pyarrow would hold what it has read until the end, the whole column.
    file = parquet.ParquetFile(regular(path), pre_buffer=False, buffer_size=BUFFER_BYTES)
    columns = file.schema_arrow.names
    if missing := [name for name in (WINDOW, PREDICTION) if name not in columns]:
        raise DataError(
            path,
            f"expected the columns {WINDOW} and {PREDICTION}, got {', '.join(columns) or 'none'}: "
            f"no {' and no '.join(missing)}. Fix: take {WINDOW} from amn windows CASE -o FILE",
        )
    return _names(file.read([WINDOW])[WINDOW].combine_chunks()), _lists_of(path, file)


def _lists_of(path: Path, file: parquet.ParquetFile) -> Iterator[NDArray[Any]]:
    """Yield the vectors of a .parquet file."""
    for batch in file.iter_batches(batch_size=BATCH_ROWS, columns=[PREDICTION]):
        lists: Any = batch.column(PREDICTION)  # a list or a fixed-size list
        sizes = pc.unique(pc.list_value_length(lists)).to_pylist() if len(lists) else [0]
        if len(sizes) != 1 or sizes[0] is None:
            message = f"{PREDICTION}: expected lists of one length, got {sizes[:NAMED]}"
            message += ". Fix: write as many numbers for each window as its vectors have"
            raise DataError(path, message)
        yield lists.flatten().to_numpy(zero_copy_only=False).reshape(len(lists), sizes[0])


def read_npz(path: Path) -> Source:
    """Rows of an .npz: `window` (N,) of text and `prediction` (N, D), read piece by piece."""
    with zipfile.ZipFile(regular(path)) as archive:
        require_no_bomb(path, archive)
        members = archive.namelist()
        for name in (WINDOW, PREDICTION):
            if f"{name}.npy" not in members:
                got = ", ".join(member.removesuffix(".npy") for member in members) or "none"
                message = f"expected the arrays {WINDOW} and {PREDICTION}, got {got}"
                raise DataError(path, f"{message}. Fix: {SAVE}")
        with _array(archive, WINDOW) as (shape, dtype, pieces):
            names = _texts(path, np.concatenate([np.empty((0, *shape[1:]), dtype), *pieces]))
        with _array(archive, PREDICTION) as (shape, _, _):
            _require_as_many(path, len(names), shape)
    return names, _pieces(path)


def _pieces(path: Path) -> Iterator[NDArray[Any]]:
    """Yield the vectors of an .npz."""
    with (
        zipfile.ZipFile(regular(path)) as archive,
        _array(archive, PREDICTION) as (_, _, pieces),
    ):
        yield from pieces


@contextmanager
def _array(
    archive: zipfile.ZipFile, name: str
) -> Iterator[tuple[tuple[int, ...], np.dtype[Any], Iterator[NDArray[Any]]]]:
    """Open an array of an .npz: shape, dtype, and its rows, some at a time; never unpickled."""
    with archive.open(f"{name}.npy") as stream:
        version = np.lib.format.read_magic(stream)
        read = (
            np.lib.format.read_array_header_1_0
            if version == (1, 0)
            else np.lib.format.read_array_header_2_0
        )
        shape, is_fortran, dtype = read(stream)
        if dtype.hasobject or is_fortran or not shape:
            raise ValueError(f"{name}: expected plain rows, got {dtype} in another order")
        row = dtype.itemsize * int(np.prod(shape[1:], dtype=np.int64))

        def pieces() -> Iterator[NDArray[Any]]:
            for start in range(0, shape[0], BATCH_ROWS):
                n = min(BATCH_ROWS, shape[0] - start)
                content = stream.read(n * row)
                if len(content) != n * row:
                    raise EOFError(f"{name}: expected {shape[0]:,} rows, got fewer")
                yield np.frombuffer(content, dtype).reshape(n, *shape[1:])

        yield shape, dtype, pieces()


def read_npy(path: Path) -> Source:
    """Rows of an .npy (N, D), mapped, with names (N,) of text in `NAME.windows.npy` beside it."""
    beside = path.with_suffix(".windows.npy")
    if not beside.is_file():
        raise DataError(
            path,
            f"expected the names of its windows in {beside.name} beside it, found none. "
            f"Fix: np.save({beside.name!r}, names), names from amn windows CASE -o FILE",
        )
    names = _texts(beside, np.load(regular(beside), allow_pickle=False))
    vectors = np.load(regular(path), mmap_mode="r", allow_pickle=False)
    _require_as_many(path, len(names), vectors.shape)
    return names, _mapped(vectors)


def _mapped(vectors: NDArray[Any]) -> Iterator[NDArray[Any]]:
    """Yield mapped vectors, some at a time, and give the pages back."""
    for start in range(0, len(vectors), BATCH_ROWS):
        yield np.asarray(vectors[start : start + BATCH_ROWS])
        release(vectors)


def read_csv(path: Path) -> Source:
    """Rows of a .csv with a header: `window`, then a number a column."""
    with regular(path).open(encoding="utf-8") as file:
        first, *numbers = next(reader(file), [""])
    if first != WINDOW:
        message = f"expected {WINDOW} as the first column, got {first or 'none'}"
        raise DataError(path, f"{message}. Fix: write the line {WINDOW},p0,p1,... first")
    types = {WINDOW: pa.string(), **dict.fromkeys(numbers, pa.float64())}
    only = csv.ConvertOptions(column_types=types, include_columns=[WINDOW])
    names = csv.read_csv(path, convert_options=only)[WINDOW].combine_chunks()
    return _names(names), _numbers_of(path, csv.ConvertOptions(column_types=types))


def _numbers_of(path: Path, options: csv.ConvertOptions) -> Iterator[NDArray[Any]]:
    """Yield the numbers of a .csv, some rows at a time."""
    with csv.open_csv(path, convert_options=options) as batches:
        for batch in batches:
            columns = [one.to_numpy(zero_copy_only=False) for one in batch.columns[1:]]
            yield np.column_stack([np.empty((len(batch), 0)), *columns])


def _texts(path: Path, names: NDArray[Any]) -> pa.StringArray:
    """Return names of windows as Arrow strings."""
    if names.dtype.kind not in "US" or names.ndim != 1:
        message = f"{WINDOW}: expected (N,) text, got {names.dtype} {names.shape}"
        raise DataError(path, f"{message}. Fix: take {WINDOW} from amn windows CASE -o FILE")
    return _names(pa.array(names.astype(str)))


def _names(column: pa.Array[Any]) -> pa.StringArray:
    """Return a column of names as plain strings, whatever kind of text it is stored as."""
    return cast("pa.StringArray", column.cast(pa.string()))


def _require_as_many(path: Path, n: int, shape: tuple[int, ...]) -> None:
    """Raise DataError unless there is a vector for every name."""
    if not shape or shape[0] != n:
        got = f"{shape[0]:,}" if shape else "a single number"
        message = f"expected {n:,} vectors, one a window, got {got}"
        raise DataError(path, f"{message}. Fix: write one row for each name")
