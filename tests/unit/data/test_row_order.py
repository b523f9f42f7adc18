from __future__ import annotations

from itertools import combinations, permutations
from typing import Any

import numpy as np
import pytest

from amn.data.articles import ArticleSample
from amn.data.row_order import row_order
from amn.data.vectors import unit_rows


@pytest.mark.parametrize(
    ("score", "weight"),
    [("scores", lambda step: float(step == 1)), ("fading", lambda step: 1 / step)],
)
def test_exact_moments_are_those_of_all_permutations(score: str, weight: Any) -> None:
    rng = np.random.default_rng(0)
    rows = unit_rows(rng.standard_normal((6, 5))).astype(np.float32)
    sample = ArticleSample(rows, np.array([0]), np.array([1]))
    unit = unit_rows(sample.centred)
    products = (unit @ unit.T).astype(np.float64)
    pairs = list(combinations(range(6), 2))
    sums = [
        sum(weight(b - a) * products[p[a], p[b]] for a, b in pairs) for p in permutations(range(6))
    ]

    expected = (sums[0] - np.mean(sums)) / np.std(sums)

    assert getattr(row_order(sample), score)[0] == pytest.approx(expected, abs=1e-4)
