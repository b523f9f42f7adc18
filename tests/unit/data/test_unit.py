from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from amn.data.vectors import cosine_rows, lengths, unit_rows
from amn.errors import ArgumentError

D = 8
SCALES = st.floats(1e-3, 1e3)


def rows(n: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal((n, D))


def test_a_cosine_equals_its_definition() -> None:
    left, right = rows(5), rows(5, 1)

    expected = [
        float(a @ b) / (np.linalg.norm(a) * np.linalg.norm(b))
        for a, b in zip(left, right, strict=True)
    ]

    np.testing.assert_allclose(cosine_rows(left, right), expected, atol=1e-12)


def test_a_cosine_is_computed_in_float64_from_float16() -> None:
    left, right = rows(5).astype(np.float16), rows(5, 1).astype(np.float16)

    got = cosine_rows(left, right)

    assert got.dtype == np.float64
    assert np.array_equal(got, cosine_rows(left.astype(np.float64), right.astype(np.float64)))


@given(left=SCALES, right=SCALES)
@settings(deadline=None, derandomize=True, max_examples=25)
def test_a_cosine_does_not_depend_on_lengths(left: float, right: float) -> None:
    a, b = rows(4), rows(4, 1)

    np.testing.assert_allclose(cosine_rows(left * a, right * b), cosine_rows(a, b), atol=1e-12)


def test_a_cosine_is_symmetric_one_with_itself_and_minus_one_with_its_opposite() -> None:
    a, b = rows(50), rows(50, 1)

    assert np.array_equal(cosine_rows(a, b), cosine_rows(b, a))
    assert cosine_rows(a, a).max() <= 1.0
    np.testing.assert_allclose(cosine_rows(a, a), 1)
    np.testing.assert_allclose(cosine_rows(a, -a), -1)


def test_a_zero_row_scores_nan_alone() -> None:
    left = rows(3)
    left[1] = 0

    assert np.isnan(cosine_rows(left, rows(3, 1))).tolist() == [False, True, False]


def test_a_nan_row_scores_nan() -> None:
    left = rows(2)
    left[0, 0] = np.nan

    assert np.isnan(cosine_rows(left, rows(2, 1))).tolist() == [True, False]


def test_other_shapes_are_refused_with_both() -> None:
    with pytest.raises(
        ArgumentError, match=r"^right: expected shape \(3, 8\) as in left, got \(2, 8\)$"
    ):
        cosine_rows(rows(3), rows(2))


def test_no_rows_have_no_cosines() -> None:
    assert cosine_rows(rows(0), rows(0)).shape == (0,)


def test_two_single_rows_have_one_cosine() -> None:
    assert cosine_rows(rows(1)[0], rows(1, 1)[0]) == cosine_rows(rows(1), rows(1, 1))[0]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("shape", [(D,), (5, D), (5, 3, D)])
def test_unit_rows_have_length_one_and_keep_direction_type_and_shape(
    dtype: type, shape: tuple[int, ...]
) -> None:
    given_rows = np.random.default_rng(0).standard_normal(shape).astype(dtype)

    unit = unit_rows(given_rows)

    assert (unit.dtype, unit.shape) == (dtype, shape)
    np.testing.assert_allclose(lengths(unit), 1, atol=1e-6)
    np.testing.assert_allclose(cosine_rows(unit, given_rows), 1, atol=1e-6)


@given(SCALES)
@settings(deadline=None, derandomize=True, max_examples=25)
def test_unit_rows_do_not_depend_on_lengths(scale: float) -> None:
    np.testing.assert_allclose(unit_rows(rows(3) * scale), unit_rows(rows(3)), atol=1e-12)


def test_a_zero_row_stays_zero_and_nan_stays_nan() -> None:
    given_rows = rows(3)
    given_rows[1], given_rows[2, 0] = 0, np.nan

    unit = unit_rows(given_rows)

    assert not unit[1].any()
    assert np.isnan(unit).any(axis=1).tolist() == [False, False, True]


def test_rows_are_scaled_in_place_only_when_asked() -> None:
    given_rows = rows(3)

    unit = unit_rows(given_rows)
    assert np.array_equal(given_rows, rows(3))

    assert unit_rows(given_rows, out=given_rows) is given_rows
    assert np.array_equal(given_rows, unit)
