"""Rows recovered from windows that were written out in full.

Letters: N windows, T context length, D numbers in a vector, R rows.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from amn.data.ids import Ids

BLOCK_WINDOWS = 1024  # 16 MB at T = 5, D = 768, float32


@dataclass(frozen=True)
class Recovered:
    """What windows were made from.

    Attributes:
        vectors: (R, D) memory-mapped, in the windows' dtype.
        article_ids: (R,) int64 or str.
        chunk_index: (R,) int32.
        n_runs: Runs of windows that overlap.
    """

    vectors: NDArray[Any]
    article_ids: Ids
    chunk_index: NDArray[np.int32]
    n_runs: int


def recover_rows(
    contexts: NDArray[Any], targets: NDArray[Any], articles: Ids | None, file: Path
) -> Recovered:
    """Recover the rows of windows: a run of n windows that overlap has n + T rows.

    A window goes on with the run before it when its context is that of the window before, moved on
    by one row, bit for bit. Where it does not, a hole is left in the article, so that no new window
    appears across the break.

    Args:
        contexts: (N, T, D), N >= 1, T >= 1.
        targets: (N, D), dtype of `contexts`.
        articles: (N,) article of each window; None makes an article of every run, numbered from 0.
        file: Where the rows are written, as .npy.
    """
    n_windows, context, dim = contexts.shape
    begins = _run_begins(contexts, targets)
    if articles is not None:
        begins[1:] |= articles[1:] != articles[:-1]
    first = np.flatnonzero(begins)  # (runs,) first window of each run
    lengths = np.diff(np.append(first, n_windows)) + context  # (runs,) rows of each run
    names: Ids = np.arange(len(first)) if articles is None else articles[first]
    names, owners = np.unique(names, return_inverse=True)
    offsets = np.repeat(_first_chunks(owners, lengths), lengths)
    within = np.arange(lengths.sum()) - np.repeat(np.cumsum(lengths) - lengths, lengths)
    vectors = np.lib.format.open_memmap(
        file, mode="w+", dtype=contexts.dtype, shape=(int(lengths.sum()), dim)
    )
    _write_rows(contexts, targets, begins, vectors)
    return Recovered(
        vectors=vectors,
        article_ids=np.repeat(names[owners], lengths),
        chunk_index=(offsets + within).astype(np.int32),
        n_runs=len(first),
    )


def _run_begins(contexts: NDArray[Any], targets: NDArray[Any]) -> NDArray[np.bool_]:
    """Tell which windows do not go on where the window before ended: (N,) bool."""
    bits = np.dtype(f"u{contexts.dtype.itemsize}")  # so that NaN equals its own copy
    begins = np.ones(len(contexts), np.bool_)
    for start in range(1, len(contexts), BLOCK_WINDOWS):
        here = slice(start, start + BLOCK_WINDOWS)
        block = np.asarray(contexts[start - 1 : here.stop]).view(bits)
        newest = np.asarray(targets[start - 1 : here.stop]).view(bits)[:-1]
        moved = (block[1:, :-1] == block[:-1, 1:]).all(axis=(1, 2))
        begins[here] = ~(moved & (block[1:, -1] == newest).all(axis=1))
    return begins


def _first_chunks(owners: NDArray[np.int64], lengths: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the chunk index of each run's first row: (runs,) int64.

    The runs of an article follow each other with one index left out between them.
    """
    order = np.argsort(owners, kind="stable")
    taken = lengths[order] + 1
    before = np.cumsum(taken) - taken
    is_first = np.append(True, np.diff(owners[order]) != 0)
    base = np.maximum.accumulate(np.where(is_first, before, 0))
    chunks = np.empty_like(before)
    chunks[order] = before - base
    return chunks


def _write_rows(
    contexts: NDArray[Any], targets: NDArray[Any], begins: NDArray[np.bool_], out: NDArray[Any]
) -> None:
    """Write every run's first context, then the target of each of its windows."""
    context = contexts.shape[1]
    target_rows = np.cumsum(1 + context * begins) - 1  # (N,) row of each window's target
    for start in range(0, len(contexts), BLOCK_WINDOWS):
        here = slice(start, start + BLOCK_WINDOWS)
        out[target_rows[here]] = targets[here]
        first = start + np.flatnonzero(begins[here])
        out[target_rows[first, None] - context + np.arange(context)] = contexts[first]
