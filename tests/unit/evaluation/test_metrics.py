from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from amn.evaluation.metrics import effective_rank

D = 8
SCALES = st.floats(1e-3, 1e3)


def rows(n: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal((n, D))


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
