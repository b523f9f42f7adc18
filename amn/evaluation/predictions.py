"""Predictions from anywhere: a vector a window, read from a file and joined by the window's name.

A window's name is its article and the chunk of its target, `11001/17`: see `Windows.names`.
Letters: N windows or rows, B rows at a time, D numbers in a vector.
"""

from __future__ import annotations

import os
import zipfile
from contextlib import contextmanager
from csv import reader
from dataclasses import dataclass
from itertools import chain
from tempfile import TemporaryFile, gettempdir
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import csv, parquet

from amn.case.config import EVALUATED
from amn.data.vectors import NPY_ERRORS, F, lengths, release
from amn.errors import AmnError, ArgumentError, DataError
from amn.evaluation.metrics import NORM_ATOL, Scoring, SplitScores
from amn.registry import Registry
from amn.storage import ZIP_ERRORS, atomic_path, regular, require_no_bomb

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from numpy.typing import ArrayLike, NDArray

    from amn.data.windows import Windows
    from amn.evaluation.metric import Metric

    Source = tuple[pa.StringArray, Iterator[NDArray[Any]]]  # names (N,), vectors (B, D) in order
    Placed = tuple[
        NDArray[np.int64], NDArray[np.floating]
    ]  # places (B,) of windows, vectors (B, D)

BATCH_ROWS = 4096  # 12 MB of float32 at D = 768
STEP = 256  # windows scored at a time: what is made of them stays in a core's cache
WINDOW, PREDICTION = "window", "prediction"  # columns, or arrays of an .npz
NAMED = 3  # windows in a message
EVALUATED_ONLY = frozenset(EVALUATED)
SAVE = "np.savez(FILE, window=names, prediction=vectors)"
READERS: Registry[Callable[[Path], Source]] = Registry(
    "amn.predictions",
    {
        ".parquet": "amn.evaluation.predictions:read_parquet",
        ".npz": "amn.evaluation.predictions:read_npz",
        ".npy": "amn.evaluation.predictions:read_npy",
        ".csv": "amn.evaluation.predictions:read_csv",
    },
)


def write_windows(path: Path, chosen: Mapping[str, Windows], *, with_vectors: bool = False) -> int:
    """Write windows as a .parquet or .csv file, a row a window, and return how many.

    Columns: `window` name, `split`, `article_id`, `data_set` (the folder's name), `context_rows`
    (T row numbers in it, oldest first) and `target_row`. With vectors also `context` (T lists of D
    float32) and `target`, which is null where the split is judged.

    A .csv has a column a number instead of a list: `context_row_0`, `context_0_0` (step, number),
    `target_0`; no target at all where every split is judged.

    Args:
        chosen: split -> windows.
    """
    first = next(iter(chosen.values()))
    vector = pa.list_(pa.float32(), first.dataset.dim)
    fields: dict[str, Any] = {
        WINDOW: pa.string(),
        "split": pa.string(),
        "article_id": pa.array(first.article_ids[:0]).type,
        "data_set": pa.string(),
        "context_rows": pa.list_(pa.int64(), first.context),
        "target_row": pa.int64(),
    }
    if with_vectors:
        fields |= {"context": pa.list_(vector, first.context), "target": vector}
    schema = pa.schema(list(fields.items()))
    as_lists = path.suffix != ".csv"
    has_target = not EVALUATED_ONLY.issuperset(chosen)

    def shaped(table: pa.Table) -> pa.Table:
        if as_lists:
            return table
        return _flat(table if has_target or not with_vectors else table.drop_columns(["target"]))

    shape = shaped(schema.empty_table()).schema
    opened = parquet.ParquetWriter if as_lists else csv.CSVWriter
    with atomic_path(path) as temporary, opened(temporary, shape) as writer:
        for split, windows in chosen.items():
            for start in range(0, len(windows), BATCH_ROWS):
                part = windows.take(slice(start, start + BATCH_ROWS))
                columns = _columns(split, part, schema, with_vectors=with_vectors)
                writer.write_table(shaped(pa.table(columns, schema=schema)))
    return sum(map(len, chosen.values()))


def _flat(table: pa.Table) -> pa.Table:
    """Return a table with a column for each place of its lists of one size."""
    columns: dict[str, Any] = {}

    def add(name: str, column: Any) -> None:  # noqa: ANN401 - an Arrow array
        if not pa.types.is_fixed_size_list(column.type):
            columns[name] = column
            return
        size, n = column.type.list_size, len(column)
        is_hidden = column.null_count > 0  # all of a batch is of one split
        inner = pa.nulls(n * size, column.type.value_type) if is_hidden else column.flatten()
        for place in range(size):
            add(f"{name}_{place}", inner.take(pa.array(np.arange(place, n * size, size))))

    for name in table.column_names:
        add(name.replace("_rows", "_row"), table[name].combine_chunks())
    return pa.table(columns)


def write_predictions(
    path: Path, judged: Mapping[str, Windows], predict: Callable[[NDArray[np.float32]], ArrayLike]
) -> int:
    """Write the predictions of a function for windows as a .parquet file; return how many.

    Args:
        predict: Contexts (B, T, D) float32, oldest first -> predictions (B, D).

    Raises:
        ArgumentError: If they are not (B, D).
    """
    dim = next(iter(judged.values())).dataset.dim
    schema = pa.schema({WINDOW: pa.string(), PREDICTION: pa.list_(pa.float32(), dim)})
    with atomic_path(path) as temporary, parquet.ParquetWriter(temporary, schema) as writer:
        for windows in judged.values():
            names = windows.names()
            for start, _, made in predicted(windows, predict):
                columns = [names.slice(start, len(made)), _lists(pa.array(made.ravel()), dim)]
                writer.write_batch(pa.record_batch(columns, schema=schema))
    return sum(map(len, judged.values()))


def predicted(
    windows: Windows, predict: Callable[[NDArray[np.float32]], ArrayLike]
) -> Iterator[tuple[int, NDArray[np.float32], NDArray[np.float32]]]:
    """Yield (start, (B, T + 1, D) rows, (B, D) predictions) of a function, in window order.

    Args:
        predict: Contexts (B, T, D) float32, oldest first -> predictions (B, D).

    Raises:
        ArgumentError: If they are not (B, D).
    """
    for start in range(0, len(windows), BATCH_ROWS):
        rows = windows.gather(slice(start, start + BATCH_ROWS))
        made = np.asarray(predict(rows[:, :-1]), np.float32)
        if made.shape != rows[:, -1].shape:
            raise ArgumentError(
                f"predictions: expected {rows[:, -1].shape}, got {made.shape}. Fix: return one "
                "vector a context"
            )
        yield start, rows, made


def _columns(
    split: str, windows: Windows, schema: pa.Schema, *, with_vectors: bool
) -> dict[str, Any]:
    """Return the columns of some windows."""
    n = len(windows)
    rows = windows.rows(slice(None))
    columns: dict[str, Any] = {
        WINDOW: windows.names(),
        "split": [split] * n,
        "article_id": pa.array(windows.article_ids),
        "data_set": [windows.dataset.path.name] * n,
        "context_rows": _lists(pa.array(rows[:, :-1].ravel()), windows.context),
        "target_row": windows.targets,
    }
    if with_vectors:
        vectors = windows.gather(slice(None))
        dim = vectors.shape[-1]
        context = _lists(pa.array(vectors[:, :-1].ravel()), dim)
        columns["context"] = _lists(context, windows.context)
        target = _lists(pa.array(vectors[:, -1].ravel()), dim)
        hidden = pa.nulls(n, schema.field("target").type)
        columns["target"] = hidden if split in EVALUATED else target
    return columns


def _lists(numbers: Any, size: int) -> Any:  # noqa: ANN401 - Arrow arrays of any kind
    """Return numbers as lists of one size."""
    return pa.FixedSizeListArray.from_arrays(numbers, size)


@dataclass(frozen=True)
class Joined:
    """Predictions of one file beside the windows that were asked for.

    Attributes:
        name: Of the file.
        scores: split -> scores; a window without a prediction has NaN.
        sampled: split -> (B, D) float32 predictions of the windows that were asked to be kept.
        faults: What is wrong with the join, one line each, with counts and names: windows missing,
            twice, foreign, or without a direction (zero, NaN, infinite). Empty when nothing is.
        rows: Rows in the file.
    """

    name: str
    scores: Mapping[str, SplitScores]
    sampled: Mapping[str, NDArray[np.float32]]
    faults: tuple[str, ...]
    rows: int


def join_predictions(
    path: Path,
    judged: Mapping[str, Windows],
    sampled: Mapping[str, NDArray[np.int64]],
    asked: Mapping[str, Metric] | None = None,
) -> Joined:
    """Read a file of predictions once and score every window of the judged splits.

    Rows may come in any order; they are never joined by their place. Those that do not follow the
    windows are put in their order in a temporary file first, N x D float32, so that each row of the
    data set is read once with its neighbours. Vectors may have any length: one that is not 1 within
    1e-4 is scaled, as the cosine does, unless the rows of the data set are not of length 1.

    Args:
        judged: split -> windows.
        sampled: split -> positions of windows whose predictions are kept.
        asked: Metrics to measure beside the cosine, by name.

    Raises:
        DataError: If the file is of no known kind, damaged, or has vectors of another dimension.
    """
    read = READERS.require(path.suffix, f"--predictions {path}")
    dim = next(iter(judged.values())).dataset.dim
    with _reading(path):
        given, batches = read(path)
    return join_rows(path, (given, _checked(path, batches, dim)), judged, sampled, asked)


def no_rows() -> Source:
    """Return what a file without any prediction has."""
    return pa.array([], pa.string()), iter(())


def join_rows(
    path: Path,
    source: Source,
    judged: Mapping[str, Windows],
    sampled: Mapping[str, NDArray[np.int64]],
    asked: Mapping[str, Metric] | None = None,
) -> Joined:
    """Score every window of the judged splits by names and vectors: see `join_predictions`."""
    names = {split: windows.names() for split, windows in judged.items()}
    starts = np.cumsum([0, *(len(windows) for windows in judged.values())])
    wanted = pa.chunked_array(list(names.values()), pa.string()).combine_chunks()
    parts = {n: Scoring(windows, keep=sampled[n], asked=asked) for n, windows in judged.items()}
    normalised = next(iter(judged.values())).dataset.normalised
    flat, n_flat = list[Any](), 0
    given, batches = source
    at = pc.index_in(given, value_set=wanted).fill_null(-1).to_numpy(zero_copy_only=False)
    is_foreign = at < 0
    seen = np.bincount(at[~is_foreign], minlength=len(wanted))
    for places, vectors in _in_order(path, at, batches):
        rows, has_direction = _unit(vectors, scale=normalised)
        without = places[~has_direction]
        n_flat += len(without)
        flat += wanted.take(without[:NAMED]).to_pylist()
        for start, part in zip(starts, parts.values(), strict=False):
            mine = (places >= start) & (places < start + len(part.windows))
            if mine.any():
                part.add(places[mine] - start, rows[mine])
    missing, twice = np.flatnonzero(seen == 0), np.flatnonzero(seen > 1)
    faults = [
        _fault(len(missing), "windows without a prediction", wanted.take(missing[:NAMED])),
        _fault(len(twice), "windows with several", wanted.take(twice[:NAMED])),
        _fault(
            int(is_foreign.sum()),
            "rows of windows that nobody asked for",
            given.take(np.flatnonzero(is_foreign)[:NAMED]),
        ),
        _fault(n_flat, "rows without a direction (zero, NaN or infinite)", flat),
    ]
    return Joined(
        name=path.name,
        scores={split: part.scores() for split, part in parts.items()},
        sampled={split: part.kept for split, part in parts.items()},
        faults=tuple(fault for fault in faults if fault),
        rows=len(given),
    )


def _fault(n: int, what: str, names: Any) -> str:  # noqa: ANN401 - names: a list or an Arrow array
    """Return `windows without a prediction: 3 (11001/5, ...)`; empty for none."""
    shown = [str(name) for name in names][:NAMED]
    return f"{what}: {n:,} ({', '.join(shown)}{', ...' if n > NAMED else ''})" if n else ""


def _unit(vectors: NDArray[Any], *, scale: bool) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Return rows (B, D) float32, scaled to length 1 or not, and which have a direction.

    Those that have none are NaN.
    """
    rows = np.array(vectors, np.float32)
    with np.errstate(over="ignore", invalid="ignore"):
        norms = lengths(np.asarray(vectors, np.float64))
    has_direction = np.isfinite(norms) & (norms > 0)
    rows[~has_direction] = np.nan
    if not scale:
        return rows, has_direction
    off = has_direction & (np.abs(norms - 1) > NORM_ATOL)
    rows[off] = np.asarray(vectors, np.float64)[off] / norms[off, None]
    return rows, has_direction


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


def _in_order(path: Path, at: NDArray[np.int64], batches: Iterator[NDArray[F]]) -> Iterator[Placed]:
    """Yield (places (b,), vectors (b, D)) of the windows that were asked for, `STEP` at a time.

    Args:
        at: (N,) place of each row's window, below 0 for none.
        batches: Vectors of those rows, in their order.
    """
    steps = np.diff(at[at >= 0])
    follow = np.count_nonzero(steps < 0) * BATCH_ROWS <= len(steps)
    for places, vectors in (_as_read if follow else _sorted)(path, at, batches):
        for first in range(0, len(places), STEP):
            yield places[first : first + STEP], vectors[first : first + STEP]


def _as_read(_: Path, at: NDArray[np.int64], batches: Iterator[NDArray[F]]) -> Iterator[Placed]:
    """Yield places and vectors in the order of the file."""
    start = 0
    for vectors in batches:
        places = at[start : start + len(vectors)]
        start += len(vectors)
        yield places[places >= 0], vectors[places >= 0]


def _sorted(path: Path, at: NDArray[np.int64], batches: Iterator[NDArray[F]]) -> Iterator[Placed]:
    """Yield places and vectors in the order of places, by way of a mapped temporary file.

    Raises:
        DataError: If there is no room for it.
    """
    order = np.flatnonzero(at >= 0)
    order = order[np.argsort(at[order], kind="stable")]
    slots = np.full(len(at), -1)
    slots[order] = np.arange(len(order))
    first = next(batches)
    shape, start = (len(order), first.shape[1]), 0
    with TemporaryFile() as file:
        _reserve(path, file.fileno(), shape[0] * shape[1] * first.itemsize)
        stored = np.memmap(file, first.dtype, "r+", shape=shape)
        for vectors in chain([first], batches):
            mine = slots[start : start + len(vectors)]
            start += len(vectors)
            stored[mine[mine >= 0]] = vectors[mine >= 0]
            release(stored)
        for begin in range(0, len(order), BATCH_ROWS):
            piece = slice(begin, begin + BATCH_ROWS)
            yield at[order[piece]], stored[piece]
            release(stored)


def _reserve(path: Path, file: int, n_bytes: int) -> None:
    """Give an open file its size; writing to a map of one that has no room would end the process.

    Raises:
        DataError: If there is no room.
    """
    try:
        if hasattr(os, "posix_fallocate"):
            os.posix_fallocate(file, 0, n_bytes)
        else:
            os.truncate(file, n_bytes)
    except OSError as error:
        raise DataError(
            path,
            f"expected {n_bytes / 1e9:.1f} GB for its rows in the order of windows in "
            f"{gettempdir()}, got: {error.strerror}. Fix: export TMPDIR=FOLDER, or write the rows "
            "in the order of amn windows CASE -o FILE",
        ) from error


def read_parquet(path: Path) -> Source:
    """Rows of a .parquet file: `window` string, `prediction` a list of floats of one length."""
    file = parquet.ParquetFile(regular(path))
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
