from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from amn.data.vectors import FLOAT16_LIMIT, RowHasher, open_npy, widen
from amn.errors import DataError
from tests.strategies import float16_bits, unit_rows

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

DIGESTS_OF_ARANGE = [8562193524065637376, 12470203811099707904]
EVERY_FLOAT16 = np.arange(2**16, dtype=np.uint32).astype(np.uint16).view(np.float16)


def test_widening_equals_numpys_conversion_for_every_finite_float16() -> None:
    finite = EVERY_FLOAT16[np.isfinite(EVERY_FLOAT16)].reshape(-1, 8)
    assert finite.size == 2**16 - 2 * 2**10  # one exponent, both signs, is not finite

    wide = widen(finite, np.empty(finite.shape, np.float32))

    np.testing.assert_array_equal(wide.view(np.uint32), finite.astype(np.float32).view(np.uint32))


def test_what_is_not_finite_widens_to_numbers_beyond_the_largest_float16() -> None:
    bad = EVERY_FLOAT16[~np.isfinite(EVERY_FLOAT16)].reshape(-1, 8)
    assert bad.size == 2 * 2**10

    wide = widen(bad, np.empty(bad.shape, np.float32))

    assert (np.abs(wide) > FLOAT16_LIMIT).all()


def test_widening_float32_copies() -> None:
    rows = unit_rows(3, dtype=np.float32)

    np.testing.assert_array_equal(widen(rows, np.empty((3, 8), np.float32)), rows)


def test_widening_writes_into_the_first_rows_of_out() -> None:
    out = np.full((5, 8), 7, np.float32)

    wide = widen(unit_rows(3), out)

    assert wide.shape == (3, 8)
    assert np.shares_memory(wide, out)
    assert (out[3:] == 7).all()


@pytest.mark.parametrize("dtype", [np.float16, np.float32])
@pytest.mark.parametrize("dim", [1, 3, 4, 8, 9, 32])
def test_equal_rows_have_equal_digests_wherever_they_are(dim: int, dtype: Any) -> None:
    rows = unit_rows(6, dim=dim, dtype=dtype)
    rows[4] = rows[1]
    hasher = RowHasher(dim, np.dtype(dtype))

    digests = hasher(rows)

    assert digests.dtype == np.uint64
    assert digests[4] == digests[1]
    np.testing.assert_array_equal(digests, [hasher(rows[k : k + 1])[0] for k in range(6)])


@given(
    dim=st.integers(1, 17),
    at=st.integers(0, 16),
    old=float16_bits(),
    new=float16_bits(),
    seed=st.integers(0, 9),
)
def test_any_single_changed_element_changes_the_digest(
    dim: int, at: int, old: np.float16, new: np.float16, seed: int
) -> None:
    rows = unit_rows(2, dim=dim, seed=seed)
    rows[1] = rows[0]
    rows[:, at % dim] = [old, new]

    digests = RowHasher(dim, np.dtype(np.float16))(rows)

    assert (digests[0] == digests[1]) == (old.tobytes() == new.tobytes())


def test_swapped_elements_change_the_digest() -> None:
    rows = unit_rows(2, dim=32)
    rows[1] = rows[0][::-1]

    digests = RowHasher(32, np.dtype(np.float16))(rows)

    assert digests[0] != digests[1]


def test_digests_are_the_same_for_ever() -> None:
    rows = np.arange(16, dtype=np.float16).reshape(2, 8)

    digests = RowHasher(8, np.dtype(np.float16))(rows)

    assert digests.tolist() == DIGESTS_OF_ARANGE


@pytest.mark.parametrize("dim", [1, 3, 8, 9])
def test_constant_rows_are_told_from_others(dim: int) -> None:
    rows = unit_rows(5, dim=dim)
    rows[1] = 0
    rows[3] = 0.25
    hasher = RowHasher(dim, rows.dtype)

    found = hasher.constant(rows, hasher(rows))

    assert found.tolist() == [dim == 1, True, dim == 1, True, dim == 1]


def test_a_row_that_repeats_a_pattern_of_four_is_not_constant() -> None:
    rows = np.tile(np.array([1, 2, 3, 4], np.float16), (1, 2))
    hasher = RowHasher(8, rows.dtype)

    assert not hasher.constant(rows, hasher(rows)).any()


def saved(path: Path, array: NDArray[Any]) -> Path:
    np.save(path, array)
    return path


def test_a_matrix_is_mapped_not_read(tmp_path: Path) -> None:
    rows = unit_rows(5)

    array = open_npy(saved(tmp_path / "v.npy", rows), rows=5, dim=8)

    assert isinstance(array, np.memmap)
    np.testing.assert_array_equal(array, rows)


def test_a_missing_file_is_refused_with_its_name(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"v\.npy: expected a file of vectors, found none$"):
        open_npy(tmp_path / "v.npy", rows=None, dim=None)


def test_a_truncated_file_is_refused_with_its_name_and_size(tmp_path: Path) -> None:
    path = saved(tmp_path / "v.npy", unit_rows(5))
    path.write_bytes(path.read_bytes()[:-1])

    with pytest.raises(DataError, match=r"v\.npy: expected a whole \.npy file, got 207 bytes"):
        open_npy(path, rows=5, dim=8)


def test_an_empty_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "v.npy").touch()

    with pytest.raises(DataError, match=r"v\.npy: expected a whole \.npy file, got 0 bytes"):
        open_npy(tmp_path / "v.npy", rows=None, dim=None)


def test_objects_are_refused_with_the_way_out(tmp_path: Path) -> None:
    path = tmp_path / "v.npy"
    np.save(path, np.array([{"a": 1}], dtype=object), allow_pickle=True)

    with pytest.raises(DataError, match=r"only pickle can read\. Fix: re-save it with numpy\.save"):
        open_npy(path, rows=None, dim=None)


def test_an_archive_named_npy_is_refused(tmp_path: Path) -> None:
    with (tmp_path / "v.npy").open("wb") as file:
        np.savez(file, a=unit_rows(2))

    with pytest.raises(DataError, match=r"expected a \.npy file with one array, got an archive"):
        open_npy(tmp_path / "v.npy", rows=None, dim=None)


@pytest.mark.parametrize(
    ("array", "message"),
    [
        (
            np.zeros(4, np.float16),
            "expected a float16 or float32 matrix, got float16 of shape (4,)",
        ),
        (np.zeros((2, 2)), "expected a float16 or float32 matrix, got float64 of shape (2, 2)"),
        (np.zeros((2, 2), ">f4"), "expected a float16 or float32 matrix, got >f4 of shape (2, 2)"),
        (np.zeros((3, 2), np.float16, "F"), "expected C order, got Fortran order"),
        (np.zeros((5, 9), np.float16), "expected shape (5, 8), got (5, 9)"),
        (np.zeros((4, 8), np.float16), "expected shape (5, 8), got (4, 8)"),
    ],
)
def test_another_kind_of_array_is_refused(
    tmp_path: Path, array: NDArray[Any], message: str
) -> None:
    with pytest.raises(DataError, match=re.escape(message)):
        open_npy(saved(tmp_path / "v.npy", array), rows=5, dim=8)


def test_float64_is_accepted_where_it_is_asked_for(tmp_path: Path) -> None:
    path = saved(tmp_path / "v.npy", np.eye(3))

    assert open_npy(path, rows=None, dim=None, dtypes=(np.float64,)).dtype == np.float64


def test_bytes_after_the_matrix_are_refused_with_both_sizes(tmp_path: Path) -> None:
    path = saved(tmp_path / "v.npy", unit_rows(5))
    path.write_bytes(path.read_bytes() + b"tail")

    with pytest.raises(DataError, match=r"v\.npy: expected 208 bytes of \(5, 8\), got 212$"):
        open_npy(path, rows=None, dim=None)


def test_a_header_that_ends_early_is_refused(tmp_path: Path) -> None:
    path = saved(tmp_path / "v.npy", unit_rows(5))
    content = bytearray(path.read_bytes())
    content[8] = 59  # length of the header: the padding after it would be read as vectors
    path.write_bytes(content)

    with pytest.raises(DataError, match=r"v\.npy: expected 149 bytes of \(5, 8\), got 208$"):
        open_npy(path, rows=None, dim=None)
