"""Named arrays in one .npz whose bytes depend on nothing but the arrays; read without pickle."""

from __future__ import annotations

import io
import zipfile
from typing import TYPE_CHECKING, Any

import numpy as np

from amn.data.vectors import NPY_ERRORS
from amn.errors import DataError
from amn.storage import ZIP_ERRORS, stored_member

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from numpy.typing import NDArray

# A plain .npy has no context manager: TypeError.
DAMAGED = (*ZIP_ERRORS, *NPY_ERRORS, TypeError, AttributeError)


def pack_arrays(arrays: Mapping[str, NDArray[Any]]) -> bytes:
    """Return the bytes of an .npz with these arrays, in the order given: the same everywhere."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        for name, array in arrays.items():
            member = io.BytesIO()
            plain = np.ascontiguousarray(array)
            np.lib.format.write_array(member, plain, version=(1, 0), allow_pickle=False)
            archive.writestr(stored_member(f"{name}.npy"), member.getvalue())
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
