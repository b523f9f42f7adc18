"""Sketches: exact, the same for the same numbers, and as far apart as the rows are."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from amn.data.sketch import PARTS, STEP, from_text, sketch_articles, sketch_rows, to_text
from amn.data.vectors import unit_rows

STARTS = np.arange(0, 2000, 20)


def rows(seed: int, dim: int = 96) -> np.ndarray:
    return unit_rows(np.random.default_rng(seed).standard_normal((2000, dim))).astype(np.float32)


def sketch(vectors: np.ndarray) -> np.ndarray:
    return sketch_articles(sketch_rows(vectors.astype(np.float32)), STARTS)


def test_sums_are_exact_in_any_order_of_their_terms() -> None:
    vectors = rows(0, 768)

    one_by_one = np.concatenate([sketch_rows(vectors[i : i + 1]) for i in range(200)])

    np.testing.assert_array_equal(one_by_one, sketch_rows(vectors)[:200])
    assert np.all(sketch_rows(vectors) == np.rint(sketch_rows(vectors)))


def test_the_same_numbers_have_the_same_sketch_whatever_their_type() -> None:
    stored = rows(1).astype(np.float16)

    np.testing.assert_array_equal(sketch(stored), sketch(stored.astype(np.float64)))


@pytest.mark.parametrize("length", [1e-3, 1e-2, 0.3])
def test_a_sketch_is_off_by_the_length_by_which_rows_are_off(length: float) -> None:
    vectors = rows(2).astype(np.float64)
    noise = unit_rows(np.random.default_rng(3).standard_normal(vectors.shape))

    error = sketch(vectors + length * noise) - sketch(vectors)

    assert np.sqrt(np.mean(error**2)) == pytest.approx(length, rel=0.15)


@pytest.mark.parametrize("change", [np.negative, np.flipud])
def test_turned_and_reversed_articles_have_another_sketch(change: object) -> None:
    vectors = rows(4)
    changed = vectors.copy()
    changed[:20] = change(vectors[:20])  # type: ignore[operator]

    error = np.abs(sketch(changed) - sketch(vectors))

    assert error[0].max() > 0.1
    assert not error[1:].any()


@given(st.lists(st.floats(-15, 15), min_size=PARTS, max_size=PARTS))
def test_a_text_of_eight_characters_holds_it_to_a_step(numbers: list[float]) -> None:
    text = to_text(np.array(numbers))

    assert len(text) == 8
    np.testing.assert_allclose(from_text(text), numbers, rtol=0, atol=STEP / 2)
    assert to_text(from_text(text)) == text
