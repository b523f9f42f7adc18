from __future__ import annotations

import io
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from amn.errors import DataError
from amn.evaluation.storage import pack_arrays, unpack_arrays

PATH = Path("cosines.npz")
ARRAYS = {"a": np.arange(5.0), "b": np.arange(6, dtype=np.int32).reshape(2, 3)}
DTYPES = st.sampled_from([np.dtype(name) for name in ("f8", "f4", "i8", "i4", "u8", "bool")])


@given(hnp.arrays(DTYPES, hnp.array_shapes(min_dims=1, min_side=0, max_side=4)))
@settings(deadline=None, derandomize=True, max_examples=50)
def test_arrays_survive_a_round_trip(array: Any) -> None:
    (got,) = unpack_arrays(pack_arrays({"x": array}), PATH).values()

    assert got.dtype == array.dtype
    assert got.shape == array.shape
    assert got.tobytes() == array.tobytes()


def test_equal_arrays_give_equal_bytes_whatever_their_layout() -> None:
    transposed = {"a": ARRAYS["a"], "b": np.asfortranarray(ARRAYS["b"])}

    assert pack_arrays(transposed) == pack_arrays(ARRAYS)


def test_numpy_reads_what_was_packed() -> None:
    with np.load(io.BytesIO(pack_arrays(ARRAYS)), allow_pickle=False) as archive:
        assert archive.files == ["a", "b"]
        assert np.array_equal(archive["b"], ARRAYS["b"])


def test_objects_are_neither_packed_nor_unpacked() -> None:
    objects = np.array([{}], dtype=object)
    buffer = io.BytesIO()
    np.savez(buffer, a=objects)

    with pytest.raises(ValueError, match="allow_pickle=False"):
        pack_arrays({"a": objects})
    with pytest.raises(DataError, match=r"cosines\.npz: expected an \.npz of plain numbers"):
        unpack_arrays(buffer.getvalue(), PATH)


def test_every_truncation_is_refused_with_the_files_name() -> None:
    content = pack_arrays(ARRAYS)
    for length in range(len(content)):
        with pytest.raises(DataError) as caught:
            unpack_arrays(content[:length], PATH)
        assert caught.value.path == PATH


def test_a_flipped_bit_raises_nothing_but_a_data_error() -> None:
    content, refused = pack_arrays(ARRAYS), 0
    for position in range(len(content)):
        damaged = bytearray(content)
        damaged[position] ^= 1 << position % 8
        try:
            unpack_arrays(bytes(damaged), PATH)
        except DataError:
            refused += 1
    assert refused > len(content) / 2


@pytest.mark.parametrize("kind", ["npy", "text", "zip"])
def test_another_kind_of_file_is_refused(kind: str) -> None:
    buffer = io.BytesIO()
    if kind == "npy":
        np.save(buffer, np.arange(3))
    elif kind == "text":
        buffer.write(b"hello")
    else:
        with zipfile.ZipFile(buffer, "w") as archive:
            archive.writestr("a.npy", b"no array")

    with pytest.raises(DataError):
        unpack_arrays(buffer.getvalue(), PATH)
