"""One pass over every row of a data set: what the data checks need, at the speed of memory.

Each block is mapped, used while it is in a core's cache for the digest of its file, norms,
neighbour similarities and row digests, and given back. One worker a shard; memory does not grow
with the rows but for the results, 37 bytes a row. A file of a store's cache that was hashed to
tell that it is whole is not hashed again.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from amn.data.dataset import file_stamp
from amn.data.sketch import PARTS, sketch_rows
from amn.data.vectors import (
    FLOAT16_LIMIT,
    KNOWN,
    FileDigest,
    RowHasher,
    digest_file,
    widen,
)
from amn.errors import DataError
from amn.storage import regular
from amn.system import available_cores

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from numpy.typing import NDArray

    from amn.data.dataset import DataSet, Shard
    from amn.data.manifest import FileEntry

FAR_LAG = 5  # neighbours this far apart are clearly less alike than adjacent ones in running text
RELEASED_BLOCKS = 128  # after so many the mapped pages go back: 50 MB at D = 768
BLOCK_ROWS = 256  # 0.4 MB stored and 0.8 MB widened at D = 768: in a core's own cache


@dataclass(frozen=True)
class RowScan:
    """What one pass saw, a value for each row.

    Attributes:
        norms: (N,) float32 length of the row; infinite when it holds infinity or NaN.
        constant: (N,) bool, whether the row repeats one number throughout.
        adjacent: (N,) float32 dot product with the next row, its cosine where rows have lengths of
            their own; 0 in the last row of a shard.
        far: (N,) float32, the same with the row `FAR_LAG` further; 0 where the shard has none.
        hashes: (N,) uint64, see `RowHasher`.
        sketches: (N, P) float32, see `sketch_rows`.
        file_digests: sha256 of every file in the manifest, by name.
    """

    norms: NDArray[np.float32]
    constant: NDArray[np.bool_]
    adjacent: NDArray[np.float32]
    far: NDArray[np.float32]
    hashes: NDArray[np.uint64]
    sketches: NDArray[np.float32]
    file_digests: dict[str, str]


@dataclass(frozen=True)
class Scanned:
    """A data set, and what one pass over its rows saw."""

    dataset: DataSet
    scan: RowScan

    @property
    def folder(self) -> Path:
        """Folder of the data set."""
        return self.dataset.path


def scan_rows(
    dataset: DataSet,
    *,
    workers: int | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> RowScan:
    """Read every row and every file of a data set once.

    Args:
        workers: Threads; None takes one for each core.
        progress: Called with (rows done, rows in all), from the workers.

    Raises:
        DataError: If a file of vectors changed, or is another one, since it was opened.
    """
    n_rows = len(dataset)
    scan = RowScan(
        norms=np.empty(n_rows, np.float32),
        constant=np.empty(n_rows, np.bool_),
        adjacent=np.zeros(n_rows, np.float32),
        far=np.zeros(n_rows, np.float32),
        hashes=np.empty(n_rows, np.uint64),
        sketches=np.empty((n_rows, PARTS), np.float32),
        file_digests={},
    )
    done = [0] * len(dataset.shards)

    def advance(shard: int, rows: int) -> None:
        done[shard] = rows
        if progress:
            progress(sum(done), n_rows)

    entries = {dataset.path / entry.path: entry for entry in dataset.manifest.files}
    vector_files = {shard.path for shard in dataset.shards}
    with ThreadPoolExecutor(workers or available_cores()) as pool:
        parts = {
            shard.path: pool.submit(
                _scan_shard, scan, shard, entries[shard.path], partial(advance, k)
            )
            for k, shard in enumerate(dataset.shards)
        }
        parts |= {
            path: pool.submit(digest_file, path, entry)
            for path, entry in entries.items()
            if path not in vector_files
        }
        for path, part in parts.items():
            scan.file_digests[path.name] = part.result()
    if not dataset.normalised:
        _to_cosines(scan)
    return scan


def _to_cosines(scan: RowScan) -> None:
    """Divide dot products of rows of any length by their lengths; a zero row keeps 0."""
    norms = np.where(scan.norms > 0, scan.norms, np.float32(1))
    for lag, products in ((1, scan.adjacent), (FAR_LAG, scan.far)):
        products[:-lag] /= norms[:-lag] * norms[lag:]


def _scan_shard(
    scan: RowScan, shard: Shard, entry: FileEntry, advance: Callable[[int], None]
) -> str:
    """Fill the rows of one shard; return the sha256 of its file."""
    vectors: NDArray[Any] = np.asarray(shard.vectors)
    (n_rows, dim), dtype = vectors.shape, vectors.dtype
    hasher = RowHasher(dim, dtype)
    widened, scratch = np.empty((2, FAR_LAG + BLOCK_ROWS, dim), np.float32)
    digest = FileDigest(shard.path, entry, KNOWN.get(shard.path, shard.stamp))
    digest.update(_header(shard))
    # Rows that overflow are D001's and D002's to report.
    with np.errstate(over="ignore", invalid="ignore"):
        for first in range(0, n_rows, BLOCK_ROWS):
            last = min(first + BLOCK_ROWS, n_rows)
            # Each row meets the rows before it: the last FAR_LAG of a block are widened again.
            kept = min(first, FAR_LAG)
            new = vectors[first:last]
            digest.update(new.view(np.uint8).data)
            both = vectors[first - kept : last]
            rows = both if dtype == np.float32 else widen(both, widened)
            _measure(scan, hasher, new, rows, scratch, shard.start + first - kept)
            if first // BLOCK_ROWS % RELEASED_BLOCKS == 0:
                shard.release()
            advance(last)
    shard.release()
    sha256 = digest.sha256()
    _expect_same_file(shard)
    norms = scan.norms[shard.start : shard.stop]
    np.sqrt(norms, out=norms)
    norms[~(norms <= FLOAT16_LIMIT)] = np.inf
    return sha256


def _measure(
    scan: RowScan,
    hasher: RowHasher,
    new: NDArray[Any],
    rows: NDArray[np.float32],
    scratch: NDArray[np.float32],
    at: int,
) -> None:
    """Write one block's results.

    Args:
        new: (n, D) the block's rows as stored.
        rows: (kept + n, D) the last rows of the block before, then the block's, widened.
        scratch: (m, D) overwritten, m >= n.
        at: Row of the data set that rows[0] is.
    """
    kept = len(rows) - len(new)
    here = slice(at + kept, at + len(rows))
    fresh = rows[kept:]
    scan.hashes[here] = hasher(new)
    scan.sketches[here] = sketch_rows(fresh, scratch[: len(new)])
    scan.constant[here] = hasher.constant(new, scan.hashes[here])
    np.vecdot(fresh, fresh, out=scan.norms[here])
    for lag, result in ((1, scan.adjacent), (FAR_LAG, scan.far)):
        first = max(kept - lag, 0)  # pairs that end before `kept` were written with their block
        left = rows[first : max(len(rows) - lag, first)]
        np.vecdot(left, rows[first + lag :], out=result[at + first : at + first + len(left)])


def _header(shard: Shard) -> bytes:
    """Return what stands before the vectors in the shard's file."""
    with regular(shard.path).open("rb") as file:
        return file.read(shard.vectors.offset)  # type: ignore[attr-defined]  # a memmap


def _expect_same_file(shard: Shard) -> None:
    """Raise DataError if the file is no longer the one that was mapped when it was opened.

    A process that opens it later would read other rows than those that were looked at here.
    """
    if file_stamp(shard.path) != shard.stamp:
        raise DataError(
            shard.path,
            "expected the file that was opened, got another one, or a change to it since. "
            "Fix: try again when nobody writes to it",
        )
