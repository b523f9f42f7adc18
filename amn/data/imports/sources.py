"""Which kind of file a source is, and its rows."""

from __future__ import annotations

import inspect
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from amn.data.imports.archive import Archive, open_archive
from amn.data.imports.keys import (
    ARTICLE_NAMES,
    CHUNK_NAMES,
    WANTED,
    chunks_from_arrays,
    first_of,
    read_ids,
    whole_numbers,
)
from amn.data.imports.parquet import read_table_ids, read_vector_column
from amn.data.imports.unwindow import recover_rows
from amn.data.manifest import Stage
from amn.data.vectors import open_npy
from amn.data.writer import Chunks
from amn.errors import ArgumentError, DataError
from amn.registry import Registry

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from numpy.typing import NDArray

WINDOW_DIALECTS = (("context_sequences", "target_vectors"), ("contexts", "targets"))
DIALECTS = (
    "context_sequences with target_vectors; contexts with targets; "
    "vectors with article_indices and chunk_indices"
)
FLOATS = (np.float16, np.float32, np.float64)


@dataclass(frozen=True)
class Source:
    """The rows of a source as they are: not sorted, not checked.

    Attributes:
        vectors: (N, D) float16, float32 or float64, memory-mapped.
        chunks: N rows.
        stage: How they were read.
    """

    vectors: NDArray[Any]
    chunks: Chunks
    stage: Stage


# Functions by suffix: each takes what its parameters name of path, scratch, ids, vector_column.
IMPORTERS: Registry[Callable[..., Source]] = Registry(
    "amn.importers",
    {
        ".npz": "amn.data.imports.sources:read_npz",
        ".npy": "amn.data.imports.sources:read_npy",
        ".parquet": "amn.data.imports.sources:read_parquet",
    },
)


def read_source(
    path: Path, scratch: Path, *, ids: Path | None = None, vector_column: str | None = None
) -> Source:
    """Read the rows of a file, by the importer of its suffix.

    Args:
        scratch: Existing folder for what has to be decompressed or put together.
        ids: File with article_id and chunk_index, for vectors that come without.
        vector_column: Column of a parquet file; None takes its only column of lists of floats.

    Raises:
        ArgumentError: If an option does not fit the kind of file.
        DataError: If a file is missing, broken, needs pickle, or is of no known dialect.
    """
    suffix = path.suffix.lower()
    if suffix not in IMPORTERS:
        raise DataError(
            path,
            f"expected a file of {', '.join(IMPORTERS)}, got {suffix or path.name!r}. "
            "Fix: numpy.save, and --ids FILE beside it",
        )
    if not path.is_file():
        raise DataError(path, f"expected a file, found {'a folder' if path.is_dir() else 'none'}")
    importer = IMPORTERS[suffix]
    taken = inspect.signature(importer).parameters
    options = {"ids": ids, "vector_column": vector_column}
    for option, value in options.items():
        if value is not None and option not in taken:
            flag = f"--{option.replace('_', '-')}"
            raise ArgumentError(f"{flag}: expected with another kind of file, got {suffix}")
    given = {"path": path, "scratch": scratch, **options}
    return importer(**{name: given[name] for name in taken})


def read_npz(path: Path, scratch: Path, ids: Path | None) -> Source:
    """Read an archive of arrays, of any dialect."""
    with open_archive(path, scratch) as archive:
        return _read_archive(archive, ids)


def read_parquet(path: Path, scratch: Path, ids: Path | None, vector_column: str | None) -> Source:
    """Read a column of lists of floats, and the ids beside it or in a file of their own."""
    vectors = read_vector_column(path, scratch / "vectors.npy", vector_column)
    return _direct(path, vectors, read_table_ids(path) if ids is None else read_ids(ids, scratch))


def read_npy(path: Path, scratch: Path, ids: Path | None) -> Source:
    """Read one matrix; its ids are in a file of their own."""
    vectors = open_npy(path, rows=None, dim=None, dtypes=FLOATS)
    if ids is None:
        raise DataError(
            path,
            "expected ids beside the vectors, got none. Fix: --ids FILE (.parquet, .csv, .npz)",
        )
    return _direct(path, vectors, read_ids(ids, scratch))


def _direct(path: Path, vectors: NDArray[Any], chunks: Chunks) -> Source:
    """Return vectors with their ids; lengths have to agree."""
    n_rows, n_ids = len(vectors), len(chunks.article_ids)
    if n_rows != n_ids:
        raise DataError(path, f"expected an id for each of {n_rows:,} vectors, got {n_ids:,}")
    stage = Stage(name=f"read {path.name}", rows_in=n_rows, rows_out=n_rows)
    return Source(vectors, chunks, stage)


def _read_archive(archive: Archive, ids: Path | None) -> Source:
    """Read an .npz file of any dialect."""
    found = archive.members
    for names in WINDOW_DIALECTS:
        if set(names) <= set(found):
            if ids is not None:
                raise ArgumentError(
                    "--ids: expected with a file of rows, got windows: their article ids "
                    f"have to be in the file, as {ARTICLE_NAMES[1]}"
                )
            return _read_windows(archive, *names)
    if "vectors" not in found:
        listed = ", ".join(found) or "none"
        raise DataError(
            archive.path,
            f"expected one of: {DIALECTS}; got the members: {listed}. Fix: save it again under "
            "such names, or its vectors alone as .npy and their ids beside them: --ids FILE",
        )
    vectors = _floats(archive, "vectors", ndim=2)
    if ids is not None:
        return _direct(archive.path, vectors, read_ids(ids, archive.scratch))
    if not (first_of(ARTICLE_NAMES, found) and first_of(CHUNK_NAMES, found)):
        raise DataError(
            archive.path,
            "vectors: expected article_indices and chunk_indices beside them, got the members: "
            f"{', '.join(found)}. Fix: --ids FILE",
        )
    columns = {name: archive.read(name) for name in found if name in WANTED}
    return _direct(archive.path, vectors, chunks_from_arrays(archive.path, columns))


def _read_windows(archive: Archive, context_name: str, target_name: str) -> Source:
    """Recover the rows of an .npz file of windows."""
    contexts = _floats(archive, context_name, ndim=3)
    targets = _floats(archive, target_name, ndim=2)
    n_windows, context, dim = contexts.shape
    if targets.shape != (n_windows, dim) or targets.dtype != contexts.dtype:
        raise DataError(
            archive.path,
            f"{target_name}: expected {contexts.dtype} of shape {(n_windows, dim)} as in "
            f"{context_name}, got {targets.dtype} of shape {targets.shape}",
        )
    articles = None
    if name := first_of(ARTICLE_NAMES, archive.members):
        column = archive.read(name)
        if column.shape != (n_windows,):
            raise DataError(
                archive.path, f"{name}: expected one id for each of {n_windows:,} windows, "
                f"got shape {column.shape}"
            )  # fmt: skip
        articles = whole_numbers(archive.path, name, pa.array(np.asarray(column)))
    rows = recover_rows(contexts, targets, articles, archive.scratch / "rows.npy")
    note = "no article ids: each run is an article" if articles is None else f"articles by {name}"
    seen = n_windows * (context + 1)
    stage = Stage(
        name=f"recover rows of {archive.path.name}: {n_windows:,} windows of context {context} in "
        f"{rows.n_runs:,} runs ({note})",
        rows_in=seen,
        rows_out=len(rows.vectors),
        dropped={"repeated in overlapping windows": seen - len(rows.vectors)},
    )
    chunks = Chunks(article_ids=rows.article_ids, chunk_index=rows.chunk_index)
    return Source(rows.vectors, chunks, stage)


def _floats(archive: Archive, name: str, *, ndim: int) -> NDArray[Any]:
    """Return a member that has to be a filled array of floats with `ndim` dimensions."""
    array = archive.read(name)
    shape = "(N, D)" if ndim == 2 else "(N, T, D)"  # noqa: PLR2004 - rows, or windows
    if array.ndim != ndim or array.dtype not in FLOATS or 0 in array.shape:
        raise DataError(
            archive.path,
            f"{name}: expected float16, float32 or float64 of shape {shape}, none 0, "
            f"got {array.dtype} of shape {array.shape}",
        )
    return array
