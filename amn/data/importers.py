"""Importing vectors that were made elsewhere: a data set whose rows have all been looked at."""

from __future__ import annotations

import tempfile
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from amn.data.imports.sources import Source, read_source
from amn.data.manifest import EncoderInfo, Stage
from amn.data.vectors import lengths, unit_rows
from amn.data.writer import write_dataset
from amn.errors import ArgumentError, DataError
from amn.storage import beside
from amn.verdict import count_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

    from amn.data.dataset import DataSet
    from amn.data.imports.keys import Keys

BLOCK_ROWS = 2048  # 13 MB widened to float64 at D = 768
NORM_ATOL = 1e-3  # float16 keeps unit norms within 5e-4
ZERO_NORM = 1e-6  # below it a row has no direction worth the name
SHOWN_ROWS = 5
PREVIEW_ROWS = 10
PREVIEW_NUMBERS = 4


def import_vectors(  # noqa: PLR0913 - one keyword an option of `amn data import`
    source: Path,
    destination: Path,
    *,
    name: str | None = None,
    keys: Keys | None = None,
    vector_column: str | None = None,
    numbers: Literal["bfloat16"] | None = None,
    dtype: Literal["float16", "float32"] = "float16",
    normalise: bool = False,
    keep_length: bool = False,
    drop_bad: bool = False,
    encoder: EncoderInfo | None = None,
    source_note: str = "",
    licence: str = "",
    progress: Callable[[int, int], None] | None = None,
) -> DataSet:
    """Turn a file of vectors, or of windows over them, into a new data set.

    Rows are sorted by (article, chunk). The folder appears whole or not at all.

    Args:
        source: A file or folder, see `IMPORTERS`.
        name: Name of the data set; None takes the folder's.
        keys: What is said of articles and places; None takes the usual columns.
        vector_column: Column or array of vectors; None takes the only one.
        numbers: What 16 bits without a type are.
        dtype: How vectors are stored.
        normalise: Scale every row to length 1; without it another length is refused.
        keep_length: Take rows of any length as they are; the data set is not `normalised`.
        drop_bad: Leave out rows that are zero or not finite; without it they are refused.
        source_note: Where the vectors come from, for people.
        progress: Called with (rows checked, rows in all).

    Raises:
        ArgumentError: If an option does not fit the source.
        DataError: If the source is broken, of no known dialect, has a key twice, or rows that are
            zero, not finite, or not of length 1.
        FileExistsError: If `destination` exists.
    """
    if dtype not in ("float16", "float32"):
        raise ArgumentError(f"dtype: expected float16 or float32, got {dtype!r}")
    if normalise and keep_length:
        raise ArgumentError("normalise, keep_length: expected one of them, got both")
    if destination.exists():
        raise FileExistsError(destination)
    with _scratch_folder(destination) as scratch:
        rows = read_source(source, scratch, keys=keys, vector_column=vector_column, numbers=numbers)
        order = _sorted_order(source, rows)
        scaled = None
        if normalise or rows.vectors.dtype == np.float64:
            scaled = np.lib.format.open_memmap(
                scratch / "scaled.npy", mode="w+", dtype=np.dtype(dtype), shape=rows.vectors.shape
            )
        norms = _measure(rows.vectors, scaled, normalise=normalise, progress=progress)
        bad = _bad_rows(norms)
        if not drop_bad:
            _refuse_bad_rows(source, rows, norms, bad)
        if not normalise and not keep_length:
            _refuse_lengths(source, rows, norms, bad)
        kept = order[~np.logical_or.reduce(list(bad.values()))[order]]
        if not len(kept):
            fix = "encode the rows again"
            raise DataError(
                source, f"expected rows to keep, got none of {len(order):,}. Fix: {fix}"
            )
        return write_dataset(
            destination,
            rows.vectors if scaled is None else scaled,
            rows.chunks,
            name=destination.name if name is None else name,
            dtype=dtype,
            encoder=(encoder or EncoderInfo()).model_copy(update={"normalised": not keep_length}),
            source=source_note,
            licence=licence,
            stages=_stages(rows, order, bad, normalise=normalise),
            order=kept,
        )


@dataclass(frozen=True)
class Preview:
    """What an import understood of a source, and its first rows.

    Attributes:
        said: Where vectors, articles and places come from.
        rows: Of each row: its article, its place, its length, and its first numbers.
    """

    shape: tuple[int, int]
    dtype: str
    n_articles: int
    said: tuple[str, ...]
    rows: tuple[tuple[str, int, float, tuple[float, ...]], ...]


def preview_vectors(
    source: Path,
    *,
    keys: Keys | None = None,
    vector_column: str | None = None,
    numbers: Literal["bfloat16"] | None = None,
) -> Preview:
    """Read a source as `import_vectors` does, and write nothing.

    Raises:
        ArgumentError: If an option does not fit the source.
        DataError: If the source is broken, of no known dialect, or has a key twice.
    """
    with tempfile.TemporaryDirectory() as folder:
        options: dict[str, Any] = {"vector_column": vector_column, "numbers": numbers}
        rows = read_source(source, Path(folder), keys=keys, **options)
        _sorted_order(source, rows)
        first = np.asarray(rows.vectors[:PREVIEW_ROWS], np.float64)
        ids, places = rows.chunks.article_ids, rows.chunks.chunk_index
        return Preview(
            shape=rows.vectors.shape,
            dtype=str(rows.vectors.dtype),
            n_articles=len(np.unique(ids)),
            said=rows.said,
            rows=tuple(
                (str(ids[k]), int(places[k]), float(norm), tuple(row[:PREVIEW_NUMBERS].tolist()))
                for k, (row, norm) in enumerate(zip(first, lengths(first), strict=True))
            ),
        )


@contextmanager
def _scratch_folder(destination: Path) -> Iterator[Path]:
    """Yield a temporary folder on the destination's disk; it is gone afterwards, come what may."""
    parent = next(folder for folder in destination.absolute().parents if folder.is_dir())
    with tempfile.TemporaryDirectory(
        dir=parent, prefix=beside(parent / destination.name)
    ) as folder:
        yield Path(folder)


def _sorted_order(path: Path, rows: Source) -> NDArray[np.int64]:
    """Return the rows in (article, chunk) order, (N,) int64; a key that repeats is refused."""
    articles, chunks = rows.chunks.article_ids, rows.chunks.chunk_index
    codes = np.unique(articles, return_inverse=True)[1]
    order = np.lexsort((chunks, codes))
    repeats = (np.diff(codes[order]) == 0) & (np.diff(chunks[order]) == 0)
    if repeats.any():
        row = order[np.flatnonzero(repeats)[0]]
        article, chunk = articles[row], chunks[row]
        same = np.flatnonzero((articles == article) & (chunks == chunk))
        raise DataError(
            path,
            f"article {article}, chunk {chunk}: expected one row, got {_few(same)}; "
            f"{count_of(int(repeats.sum()), 'row')} too many. Fix: import each chunk once",
        )
    return order


def _measure(
    vectors: NDArray[Any],
    scaled: NDArray[Any] | None,
    *,
    normalise: bool,
    progress: Callable[[int, int], None] | None,
) -> NDArray[np.float64]:
    """Return the length of every row, (N,) float64; write the rows to store to `scaled`."""
    norms = np.empty(len(vectors), np.float64)
    # Bad rows are judged by their length afterwards; numpy need not warn of each.
    with np.errstate(over="ignore", invalid="ignore"):
        for start in range(0, len(vectors), BLOCK_ROWS):
            here = slice(start, start + BLOCK_ROWS)
            wide = vectors[here].astype(np.float64)
            norms[here] = lengths(wide)
            if scaled is not None:
                scaled[here] = unit_rows(wide) if normalise else wide
            if progress:
                progress(min(here.stop, len(vectors)), len(vectors))
    return norms


def _bad_rows(norms: NDArray[np.float64]) -> dict[str, NDArray[np.bool_]]:
    """Tell by reason which rows are no vectors: (N,) bool each; a row has one reason at most."""
    return {"not finite": ~np.isfinite(norms), "zero": norms < ZERO_NORM}


def _refuse_bad_rows(
    path: Path, rows: Source, norms: NDArray[np.float64], bad: dict[str, NDArray[np.bool_]]
) -> None:
    """Raise DataError if a row is zero or not finite."""
    for reason, found in bad.items():
        if found.any():
            at = np.flatnonzero(found)
            raise DataError(
                path,
                f"{_where(rows, at[0])}: expected a finite vector that is not zero, got length "
                f"{norms[at[0]]}; {reason}: {_few(at)}. "
                "Fix: --drop-bad, or encode these rows again",
            )


def _refuse_lengths(
    path: Path, rows: Source, norms: NDArray[np.float64], bad: dict[str, NDArray[np.bool_]]
) -> None:
    """Raise DataError if a row that is kept has another length than 1."""
    other = ~(np.abs(norms - 1) <= NORM_ATOL) & ~bad["not finite"] & ~bad["zero"]
    if other.any():
        at = np.flatnonzero(other)
        raise DataError(
            path,
            f"{_where(rows, at[0])}: expected norm 1 within {NORM_ATOL}, got {norms[at[0]]:.4f}; "
            f"of another length: {_few(at)}. "
            "Fix: --normalise, or --keep-length to judge by l2 or mse",
        )


def _stages(
    rows: Source, order: NDArray[np.int64], bad: dict[str, NDArray[np.bool_]], *, normalise: bool
) -> list[Stage]:
    """Return what was done to the rows, one stage after the other."""
    n_rows = len(order)
    dropped = {reason: n for reason, found in bad.items() if (n := int(np.count_nonzero(found)))}
    left = n_rows - sum(dropped.values())
    stages = [rows.stage]
    if dropped:
        stages.append(Stage(name="drop bad rows", rows_in=n_rows, rows_out=left, dropped=dropped))
    if normalise:
        stages.append(Stage(name="normalise", rows_in=left, rows_out=left))
    if (np.diff(order) != 1).any():
        stages.append(Stage(name="sort by article and chunk", rows_in=left, rows_out=left))
    return stages


def _where(rows: Source, row: int) -> str:
    """Return a row's address for people."""
    chunks = rows.chunks
    return f"row {row} (article {chunks.article_ids[row]}, chunk {chunks.chunk_index[row]})"


def _few(rows: NDArray[np.int64]) -> str:
    """Return the first rows, and how many there are: `rows 3, 9, ... (40 in all)`, or `row 7`."""
    shown = ", ".join(str(row) for row in rows[:SHOWN_ROWS])
    shown = f"row {shown}" if len(rows) == 1 else f"rows {shown}"
    return shown if len(rows) <= SHOWN_ROWS else f"{shown}, ... ({len(rows):,} in all)"
