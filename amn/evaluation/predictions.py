"""Predictions from anywhere: a vector a window, read from a file and joined by the window's name.

A window's name is its article and the chunk of its target, `11001/17`: see `Windows.names`.
Letters: N windows or rows, B rows at a time, D numbers in a vector.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from itertools import chain
from tempfile import TemporaryFile, gettempdir
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from amn.data.vectors import F, lengths, release
from amn.errors import DataError
from amn.evaluation.metrics import NORM_ATOL, STEP, Scoring, SplitScores
from amn.evaluation.prediction_files import BATCH_ROWS, read_predictions
from amn.system import in_threads

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from numpy.typing import NDArray

    from amn.data.windows import Windows
    from amn.evaluation.metric import Metric
    from amn.evaluation.prediction_files import Source

    Placed = tuple[
        NDArray[np.int64], NDArray[np.floating]
    ]  # places (B,) of windows, vectors (B, D)

NAMED = 3  # windows in a message


@dataclass(frozen=True)
class Joined:
    """Predictions of one file beside the windows that were asked for.

    Attributes:
        name: Of the file.
        scores: split -> scores; a window without a prediction has NaN.
        sampled: split -> (B, D) float32 predictions of the windows that were asked to be kept.
        queried: The same of those that indexes are searched for.
        faults: What is wrong with the join, one line each, with counts and names: windows missing,
            twice, foreign, or without a direction (zero, NaN, infinite). Empty when nothing is.
        rows: Rows in the file.
    """

    name: str
    scores: Mapping[str, SplitScores]
    sampled: Mapping[str, NDArray[np.float32]]
    faults: tuple[str, ...]
    rows: int
    queried: Mapping[str, NDArray[np.float32]] = field(default_factory=dict)


def join_predictions(
    path: Path,
    judged: Mapping[str, Windows],
    sampled: Mapping[str, NDArray[np.int64]],
    asked: Mapping[str, Metric] | None = None,
    queried: Mapping[str, NDArray[np.int64]] | None = None,
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
        queried: split -> positions of windows that indexes are searched for.

    Raises:
        DataError: If the file is of no known kind, damaged, or has vectors of another dimension.
    """
    dim = next(iter(judged.values())).dataset.dim
    found = join_rows(path, read_predictions(path, dim), judged, sampled, asked, queried)
    pa.default_memory_pool().release_unused()  # 0.1 GB of a million windows, which Arrow would keep
    return found


def join_rows(
    path: Path,
    source: Source,
    judged: Mapping[str, Windows],
    sampled: Mapping[str, NDArray[np.int64]],
    asked: Mapping[str, Metric] | None = None,
    queried: Mapping[str, NDArray[np.int64]] | None = None,
) -> Joined:
    """Score every window of the judged splits by names and vectors: see `join_predictions`."""
    names = {split: windows.names() for split, windows in judged.items()}
    starts = np.cumsum([0, *(len(windows) for windows in judged.values())])
    wanted = pa.chunked_array(list(names.values()), pa.string()).combine_chunks()
    others = queried or {}
    keep = {n: np.union1d(sampled[n], others.get(n, sampled[n])) for n in judged}
    parts = {n: Scoring(windows, keep=keep[n], asked=asked) for n, windows in judged.items()}
    normalised = next(iter(judged.values())).dataset.normalised
    given, batches = source
    at = pc.index_in(given, value_set=wanted).fill_null(-1).to_numpy(zero_copy_only=False)
    is_foreign = at < 0
    seen = np.bincount(at[~is_foreign], minlength=len(wanted))

    def score(placed: Placed) -> NDArray[np.int64]:
        """Score some predictions; return the places of those without a direction."""
        places, vectors = placed
        rows, has_direction = _unit(vectors, scale=normalised)
        for start, part in zip(starts, parts.values(), strict=False):
            mine = (places >= start) & (places < start + len(part.windows))
            if mine.any():
                part.add(places[mine] - start, rows[mine])
        return places[~has_direction]

    flat = np.concatenate([np.empty(0, np.int64), *in_threads(score, _in_order(path, at, batches))])
    missing, twice = np.flatnonzero(seen == 0), np.flatnonzero(seen > 1)
    faults = [
        _fault(len(missing), "windows without a prediction", wanted.take(missing[:NAMED])),
        _fault(len(twice), "windows with several", wanted.take(twice[:NAMED])),
        _fault(
            int(is_foreign.sum()),
            "rows of windows that nobody asked for",
            given.take(np.flatnonzero(is_foreign)[:NAMED]),
        ),
        _fault(
            len(flat), "rows without a direction (zero, NaN or infinite)", wanted.take(flat[:NAMED])
        ),
    ]
    return Joined(
        name=path.name,
        scores={split: part.scores() for split, part in parts.items()},
        sampled={n: part.kept[np.searchsorted(keep[n], sampled[n])] for n, part in parts.items()},
        queried={n: parts[n].kept[np.searchsorted(keep[n], at)] for n, at in others.items()},
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
        asked = slice(None) if (places >= 0).all() else places >= 0  # a slice copies nothing
        yield places[asked], vectors[asked]


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
