"""Rows of vectors as bytes and numbers: exact widening of float16, and a digest for every row."""

from __future__ import annotations

import hashlib
import mmap
from tokenize import TokenError
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
from blake3 import blake3

from amn.data.manifest import FileEntry
from amn.errors import ArgumentError, DataError
from amn.storage import BLOCK_BYTES, regular, sha256_file

if TYPE_CHECKING:
    from pathlib import Path

    from _typeshed import ReadableBuffer
    from numpy.typing import NDArray


STORED = (np.float16, np.float32)  # what a data set may hold
# What numpy raises on a damaged .npy file; the last two come from parsing its header.
ROUNDED_TWICE = 2e-5  # 1 - cosine of float16 rows that were rounded twice: of copies, at most
NPY_ERRORS = (ValueError, EOFError, OSError, SyntaxError, TokenError)
FLOAT16_SHIFT = 13  # float32 has 13 more bits of fraction
FLOAT16_KEEP = np.uint32(0x8FFFE000)  # sign, exponent and fraction after the shift
FLOAT16_REBIAS = np.float32(2.0**112)  # exponent bias 127 - 15
FLOAT16_LIMIT = 65504.0  # the largest finite float16: what is larger was infinite or NaN


def widen(block: NDArray[Any], out: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return `block` as float32, written into `out`.

    For float16 this moves bits, which is six times as fast as numpy's conversion and exact for
    every finite value; infinities and NaN come out as numbers above `FLOAT16_LIMIT`, which no norm
    hides.

    Args:
        block: (n, D) float16 or float32.
        out: (m, D) float32, m >= n; its first n rows are overwritten and returned.
    """
    rows = out[: len(block)]
    if block.dtype != np.float16:
        np.copyto(rows, block)
        return rows
    bits = rows.view(np.uint32)
    np.copyto(bits, block.view(np.int16), casting="unsafe")  # sign-extends: the sign is in bit 31
    np.left_shift(bits, FLOAT16_SHIFT, out=bits)
    np.bitwise_and(bits, FLOAT16_KEEP, out=bits)
    np.multiply(rows, FLOAT16_REBIAS, out=rows)
    return rows


def _odd_weights(n: int) -> NDArray[np.uint64]:
    """Return n odd 64-bit numbers: splitmix64 of 1..n, the same on every machine for ever."""
    with np.errstate(over="ignore"):
        z = np.arange(1, n + 1, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        return (z ^ (z >> np.uint64(31))) | np.uint64(1)


class RowHasher:
    """A 64-bit digest of each row's bytes: tells which rows changed, moved or repeat.

    Multilinear over 64-bit words, h = sum(odd_i * w_i) mod 2^64. Any change within one word changes
    h; other changes go unseen with probability near 2^-64, but for flips of nothing except an even
    number of words' top bits. It names rows; what guards the file is its sha256.

    Args:
        dim: Numbers in a row.
        dtype: Their type.
    """

    def __init__(self, dim: int, dtype: np.dtype[Any]) -> None:
        row_bytes = dim * dtype.itemsize
        self._word = np.dtype(np.uint64 if row_bytes % 8 == 0 else np.uint16)
        self._weights = _odd_weights(row_bytes // self._word.itemsize)
        self._total = self._weights.sum(dtype=np.uint64)

    def __call__(self, block: NDArray[Any]) -> NDArray[np.uint64]:
        """Return one digest a row, (n,) uint64, for a C-ordered (n, D) block."""
        # Twice as fast as matmul, which has no library to call for integers.
        words = block.view(self._word)
        return np.asarray(np.einsum("nw,w->n", words, self._weights, dtype=np.uint64))

    def constant(self, block: NDArray[Any], hashes: NDArray[np.uint64]) -> NDArray[np.bool_]:
        """Tell which rows repeat one number throughout, given their digests: (n,) bool.

        A row of equal words w has h = w * sum(odd_i); only rows that do are looked at in full.
        """
        first = block.view(self._word)[:, 0].astype(np.uint64)
        found: NDArray[np.bool_] = np.equal(hashes, first * self._total)
        for row in np.flatnonzero(found):
            found[row] = bool((block[row] == block[row, 0]).all())
        return found


def open_npy(
    path: Path,
    *,
    rows: int | None,
    dim: int | None,
    dtypes: tuple[type | np.dtype[Any], ...] = STORED,
) -> NDArray[Any]:
    """Map a .npy file of vectors into memory, read-only.

    Args:
        rows: Expected rows; None takes any number.
        dim: Expected numbers a row; None takes any number.
        dtypes: Accepted types of numbers.

    Raises:
        DataError: If the file is missing, truncated, needs pickle, or is not a matrix as expected.
    """
    try:
        array = np.load(regular(path), mmap_mode="r", allow_pickle=False)
    except FileNotFoundError as error:
        raise DataError(path, "expected a file of vectors, found none") from error
    except NPY_ERRORS as error:
        if "allow_pickle" in str(error) or "Python objects" in str(error):
            raise DataError(
                path,
                "expected plain numbers, got an array that only pickle can read. Fix: re-save it "
                "with numpy.save(path, array.astype('float32'), allow_pickle=False)",
            ) from error
        size = path.stat().st_size
        raise DataError(
            path, f"expected a whole .npy file, got {size:,} bytes ({error})"
        ) from error
    if not isinstance(array, np.memmap):
        raise DataError(path, "expected a .npy file with one array, got an archive")
    if array.ndim != 2 or array.dtype not in dtypes:  # noqa: PLR2004 - a matrix
        accepted = " or ".join(dict.fromkeys(np.dtype(t).name for t in dtypes))
        raise DataError(
            path, f"expected a {accepted} matrix, got {array.dtype} of shape {array.shape}"
        )
    if not array.flags.c_contiguous:
        raise DataError(path, "expected C order, got Fortran order. Fix: numpy.ascontiguousarray")
    size, used = path.stat().st_size, array.offset + array.nbytes
    if size != used:  # a damaged header can end early: what follows it would be read as vectors
        raise DataError(path, f"expected {used:,} bytes of {array.shape}, got {size:,}")
    wanted = (array.shape[0] if rows is None else rows, array.shape[1] if dim is None else dim)
    if array.shape != wanted:
        raise DataError(path, f"expected shape {wanted}, got {array.shape}")
    return array


def release(vectors: NDArray[Any]) -> None:
    """Give the pages of a mapped array back; they stay in the system's cache, and come again."""
    mapped: object = vectors.base
    if isinstance(mapped, mmap.mmap) and hasattr(mmap, "MADV_DONTNEED"):
        mapped.madvise(mmap.MADV_DONTNEED)


def seal_file(path: Path, rows: int) -> FileEntry:
    """Return the entry of a file for dataset.json, with sha256 and seal."""
    digest, seal = hashlib.sha256(), blake3()
    with regular(path).open("rb") as file:
        while block := file.read(BLOCK_BYTES):
            digest.update(block)
            seal.update(block)
    seal.update(digest.digest())
    return FileEntry(path=path.name, rows=rows, sha256=digest.hexdigest(), seal=seal.hexdigest())


class FileDigest:
    """Takes the bytes of a file in order, and tells their sha256.

    Args:
        path: The file, read once more if its seal does not hold.
        entry: What the manifest declares of it.
        known: Its sha256 where this process has found it already: the bytes are then passed over.
    """

    def __init__(self, path: Path, entry: FileEntry, known: str | None = None) -> None:
        self._path = path
        self._entry = entry
        self._known = known
        self._hash = hashlib.sha256() if entry.seal is None else blake3()

    def update(self, data: ReadableBuffer) -> None:
        """Take the next bytes."""
        if self._known is None:
            self._hash.update(data)

    def sha256(self) -> str:
        """Return the sha256 of the bytes taken, in hex; call it once, at the end."""
        if self._known is not None:
            return self._known
        if self._entry.seal is None:
            return self._hash.hexdigest()
        self._hash.update(bytes.fromhex(self._entry.sha256))
        holds = self._hash.hexdigest() == self._entry.seal
        return self._entry.sha256 if holds else sha256_file(self._path)


def digest_file(path: Path, entry: FileEntry) -> str:
    """Return the sha256 of a file, in hex, by its seal where that holds."""
    digest = FileDigest(path, entry)
    with regular(path).open("rb") as file:
        while block := file.read(BLOCK_BYTES):
            digest.update(block)
    return digest.sha256()


class KnownDigests:
    """The sha256 of files that this process has read whole, for as long as nobody changes them.

    Whoever takes a data set from the cache of a store hashes it to know that it is whole; who scans
    it need not do so again. A file that changed has another stamp, see `file_stamp`.
    """

    def __init__(self) -> None:
        self._of: dict[tuple[Path, tuple[int, ...]], str] = {}

    def get(self, path: Path, stamp: tuple[int, ...]) -> str | None:
        """Return the sha256 of a file, None where it was not read."""
        return self._of.get((path, stamp))

    def keep(self, path: Path, stamp: tuple[int, ...], sha256: str) -> str:
        """Remember the sha256 of a file, and return it."""
        return self._of.setdefault((path, stamp), sha256)


KNOWN = KnownDigests()

F = TypeVar("F", bound=np.floating)


def lengths(rows: NDArray[F]) -> NDArray[F]:
    """Lengths of rows, (...) for (..., D), summed in the rows' own type.

    float32 errs by about 1e-7 and underflows to 0 below 1e-22; give float64 where that matters.
    """
    return np.asarray(np.sqrt(np.vecdot(rows, rows)))


def unit_rows(rows: NDArray[F], *, out: NDArray[F] | None = None) -> NDArray[F]:
    """Rows scaled to length 1, in their own type; a zero row stays zero, NaN stays NaN.

    Args:
        rows: (..., D).
        out: Where to write them; `rows` itself scales in place.
    """
    norms = lengths(rows)
    divisors = np.where(norms == 0, norms.dtype.type(1), norms)
    return np.asarray(np.divide(rows, divisors[..., None], out=out))


def cosine_rows(left: NDArray[np.floating], right: NDArray[np.floating]) -> NDArray[np.float64]:
    """Cosine of each pair of rows, (...) float64 in [-1, 1], higher is more alike.

    Computed in float64 from the inputs' own lengths. A zero row has cosine NaN with everything, so
    that no check mistakes it for a score; unrelated rows of sentence encoders score 0.04 to 0.5.

    Args:
        left: (..., D).
        right: (..., D), of the same shape.
    """
    if left.shape != right.shape:
        raise ArgumentError(f"right: expected shape {left.shape} as in left, got {right.shape}")
    a, b = np.asarray(left, np.float64), np.asarray(right, np.float64)
    with np.errstate(invalid="ignore", divide="ignore"):
        cosines = np.vecdot(a, b) / np.sqrt(np.vecdot(a, a) * np.vecdot(b, b))
    return np.asarray(np.clip(cosines, -1.0, 1.0))
