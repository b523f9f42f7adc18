"""Named arrays in one .npz whose bytes depend on nothing but the arrays; read without pickle."""

from __future__ import annotations

import io
import zipfile
from typing import TYPE_CHECKING, Any

import numpy as np

from amn.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from numpy.typing import NDArray

# What zipfile and numpy raise on damaged bytes; a plain .npy has no context manager: TypeError.
DAMAGED = (
    zipfile.BadZipFile,
    ValueError,
    EOFError,
    OSError,
    TypeError,
    AttributeError,
    NotImplementedError,
    RuntimeError,
)
EPOCH = (1980, 1, 1, 0, 0, 0)  # the earliest time a zip can hold: equal arrays give equal bytes


def pack_arrays(arrays: Mapping[str, NDArray[Any]]) -> bytes:
    """Return the bytes of an .npz with these arrays, in the order given: the same everywhere.

    Stored, not compressed: cosines hardly compress, and zlib's versions differ in their output.
    """
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        for name, array in arrays.items():
            member = io.BytesIO()
            plain = np.ascontiguousarray(array)
            np.lib.format.write_array(member, plain, version=(1, 0), allow_pickle=False)
            info = zipfile.ZipInfo(f"{name}.npy", EPOCH)
            info.create_system = 3  # Unix, on every system
            archive.writestr(info, member.getvalue())
    return buffer.getvalue()


def unpack_arrays(content: bytes, path: Path) -> dict[str, NDArray[Any]]:
    """Return the arrays of an .npz.

    Args:
        path: Where the bytes came from, for messages.

    Raises:
        DataError: If it is not a whole .npz of plain numbers.
    """
    try:
        with np.load(io.BytesIO(content), allow_pickle=False) as archive:
            arrays = {name: archive[name] for name in archive.files}
    except DAMAGED as error:
        raise DataError(path, f"expected an .npz of plain numbers, got: {error}") from error
    for name, array in arrays.items():
        if not isinstance(array, np.ndarray):  # the bytes of a member without header
            raise DataError(path, f"{name}: expected an array, got {type(array).__name__}")
    return arrays
