from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from amn.errors import ArgumentError
from amn.evaluation.metrics import cosine_rows, effective_rank

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


def test_the_effective_rank_of_a_line_is_one_and_of_equal_axes_is_their_number() -> None:
    line = np.outer(np.linspace(-1, 1, 9), rows(1)[0])
    axes = np.concatenate([np.eye(D)[:3], -np.eye(D)[:3]])

    assert effective_rank(line) == pytest.approx(1)
    assert effective_rank(axes) == pytest.approx(3)


def test_the_effective_rank_equals_its_definition_with_few_and_with_many_rows() -> None:
    for n in (5, 50):
        values = np.linalg.eigvalsh(np.cov(rows(n).T))
        shares = values[values > 1e-12] / values[values > 1e-12].sum()

        expected = np.exp(-(shares * np.log(shares)).sum())

        assert effective_rank(rows(n)) == pytest.approx(expected, rel=1e-6)


def test_the_effective_rank_of_a_ball_comes_close_to_its_dimension() -> None:
    assert D - 1 < effective_rank(rows(50)) < effective_rank(rows(5000)) <= D + 1e-9


@given(scale=SCALES, shift=SCALES)
@settings(deadline=None, derandomize=True, max_examples=25)
def test_the_effective_rank_does_not_depend_on_scale_or_place(scale: float, shift: float) -> None:
    got = effective_rank(scale * rows(20) + shift)

    assert got == pytest.approx(effective_rank(rows(20)), rel=1e-6)


def test_the_effective_rank_of_one_repeated_row_is_zero() -> None:
    assert effective_rank(np.ones((4, D))) == 0.0


def test_the_effective_rank_of_no_rows_is_not_a_number() -> None:
    assert np.isnan(effective_rank(rows(0)))
