"""Files as streams, compressed or not; a stream that breaks off is an error with its place."""

from __future__ import annotations

import io
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from amn.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

CODECS = {".bz2": "bz2", ".gz": "gzip", ".zst": "zstd"}
MAGIC = {b"BZh": "bz2", b"\x1f\x8b": "gzip", b"\x28\xb5\x2f\xfd": "zstd"}
MAGIC_BYTES = 4
BLOCK_BYTES = 1 << 16  # a stream that breaks off loses at most this much of what stood before
MAX_RECORD_BYTES = 1 << 28  # 256 MB in one page or line: not a page, a file of another kind
BOM = b"\xef\xbb\xbf"


@contextmanager
def _opened(file: Path) -> Iterator[io.BufferedReader]:
    """Open a file and decompress it, by its last suffix or by its first bytes."""
    try:
        codec: Any = CODECS.get(file.suffix) or _codec_of(file)
        raw: Any = pa.input_stream(str(file), compression=codec)
    except OSError as error:
        raise DataError(file, f"expected a file that can be read, got: {error}") from error
    with io.BufferedReader(raw, BLOCK_BYTES) as stream:
        _refuse_utf16(file, stream)
        yield stream


def _codec_of(file: Path) -> str | None:
    """Return how a file whose name does not tell is compressed."""
    with file.open("rb") as stream:
        start = stream.read(MAGIC_BYTES)
    return next((codec for magic, codec in MAGIC.items() if start.startswith(magic)), None)


def _refuse_utf16(file: Path, stream: io.BufferedReader) -> None:
    """Raise for a file whose first bytes are a UTF-16 or UTF-32 byte order mark."""
    try:
        mark = stream.peek(2)[:2]
    except OSError as error:
        raise _broken(file, 0, error) from error
    if mark in {b"\xff\xfe", b"\xfe\xff"}:
        raise DataError(file, "expected UTF-8, got UTF-16. Fix: iconv -f UTF-16 -t UTF-8")


def _broken(file: Path, done: int, error: OSError) -> DataError:
    """Return the error of a stream that cannot be read past `done` decompressed bytes."""
    return DataError(
        file,
        f"expected a whole file, got one that breaks off or is damaged after {done:,}"
        f" decompressed bytes ({error}). Fix: fetch it again and compare its checksum",
    )


def read_blocks(file: Path) -> Iterator[bytes]:
    """Yield the decompressed bytes of a file, at most `BLOCK_BYTES` at a time.

    Raises:
        DataError: If the file cannot be read to its end; what stood before has been yielded.
    """
    done = 0
    with _opened(file) as stream:
        while True:
            try:
                block = stream.read(BLOCK_BYTES)
            except OSError as error:
                raise _broken(file, done, error) from error
            if not block:
                return
            done += len(block)
            yield block


def read_lines(file: Path) -> Iterator[bytes]:
    """Yield the decompressed lines of a file with their line ends, without a byte order mark.

    Raises:
        DataError: As `read_blocks`, and for a line of `MAX_RECORD_BYTES` or more.
    """
    done = number = 0
    with _opened(file) as stream:
        while True:
            try:
                line = stream.readline(MAX_RECORD_BYTES)
            except OSError as error:
                raise _broken(file, done, error) from error
            if not line:
                return
            number += 1
            if len(line) == MAX_RECORD_BYTES:
                raise DataError(
                    file,
                    f"line {number}: expected fewer than {MAX_RECORD_BYTES:,} bytes in a line, got"
                    f" more. Fix: one article a line, not one array of all",
                )
            yield line.removeprefix(BOM) if done == 0 else line
            done += len(line)
