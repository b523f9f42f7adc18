"""An .npz file as memory-mapped arrays: no pickle, no member held in memory whole."""

from __future__ import annotations

import math
import shutil
import struct
import zipfile
from contextlib import contextmanager
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, Any

import numpy as np

from amn.data.vectors import NPY_ERRORS
from amn.errors import DataError
from amn.storage import BLOCK_BYTES, ZIP_ERRORS, regular, require_no_bomb

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from numpy.typing import NDArray

LOCAL_HEADER_BYTES = 30  # a zip member's own header, before its name and extra field
MEMBER_ERRORS = (*NPY_ERRORS, *ZIP_ERRORS)
HEADER_READERS = {
    (1, 0): np.lib.format.read_array_header_1_0,
    (2, 0): np.lib.format.read_array_header_2_0,
}


@dataclass(frozen=True)
class Archive:
    """An open .npz file.

    Attributes:
        scratch: Existing folder for members that have to be decompressed.
    """

    path: Path
    zip: zipfile.ZipFile
    scratch: Path

    @property
    def members(self) -> tuple[str, ...]:
        """Names of its arrays."""
        names = (name for name in self.zip.namelist() if name.endswith(".npy"))
        return tuple(name.removesuffix(".npy") for name in names)

    def read(self, name: str) -> NDArray[Any]:
        """Return one array, read-only; its checksum has been verified.

        A member that is stored uncompressed is mapped where it lies in the archive.

        Raises:
            DataError: If the member needs pickle, is truncated or damaged.
        """
        info = self.zip.getinfo(f"{name}.npy")
        stored = info.compress_type == zipfile.ZIP_STORED
        target = self.path if stored else self.scratch / f"{name}.bin"
        try:
            with self.zip.open(info) as file:
                dtype, shape, order = self._header(name, file)
                header_bytes = file.tell()
                if stored:
                    while file.read(BLOCK_BYTES):  # zipfile compares the CRC at the end
                        pass
                else:
                    with target.open("wb") as out:
                        shutil.copyfileobj(file, out, BLOCK_BYTES)
        except MEMBER_ERRORS as error:
            raise DataError(self.path, f"{name}: expected a whole array, got: {error}") from error
        wanted, got = math.prod(shape) * dtype.itemsize, info.file_size - header_bytes
        if got != wanted:
            raise DataError(self.path, f"{name}: expected {wanted:,} bytes of {shape}, got {got:,}")
        if not wanted:
            return np.empty(shape, dtype)
        start = self._payload(info) + header_bytes if stored else 0
        return np.memmap(target, dtype, "r", offset=start, shape=shape, order=order)

    def _header(self, name: str, file: IO[bytes]) -> tuple[np.dtype[Any], tuple[int, ...], Any]:
        """Read the header of a member: dtype, shape, and order `C` or `F`."""
        version = np.lib.format.read_magic(file)
        if version not in HEADER_READERS:
            raise ValueError(f".npy version {version}")
        shape, fortran, dtype = HEADER_READERS[version](file)
        if dtype.hasobject:
            raise DataError(
                self.path,
                f"{name}: expected plain numbers or text, got Python objects that only pickle can "
                "read. Fix: re-save it without pickle, as numpy.savez(path, name=array.astype"
                "('float32')), or leave it out",
            )
        return dtype, shape, "F" if fortran else "C"

    def _payload(self, info: zipfile.ZipInfo) -> int:
        """Return where in the archive the bytes of a member begin."""
        with self.path.open("rb") as file:
            file.seek(info.header_offset)
            name_bytes, extra_bytes = struct.unpack("<26x2H", file.read(LOCAL_HEADER_BYTES))
        return int(info.header_offset + LOCAL_HEADER_BYTES + name_bytes + extra_bytes)


@contextmanager
def open_archive(path: Path, scratch: Path) -> Iterator[Archive]:
    """Open an .npz file.

    Raises:
        DataError: If it is missing, truncated, or no zip archive.
    """
    try:
        archive = zipfile.ZipFile(regular(path))
    except FileNotFoundError as error:
        raise DataError(path, "expected an .npz file, found none") from error
    except MEMBER_ERRORS as error:
        size = path.stat().st_size
        raise DataError(
            path, f"expected a whole .npz file, got {size:,} bytes ({error})"
        ) from error
    with archive:
        require_no_bomb(path, archive)
        yield Archive(path, archive, scratch)
