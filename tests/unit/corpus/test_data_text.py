from __future__ import annotations

import math

import numpy as np
import pytest

from amn.corpus.report.data_text import bounds, interval, spark
from amn.evaluation.statistics import cluster_interval
from amn.report.page.plots import number


@pytest.mark.parametrize(
    ("value", "style", "text"),
    [
        (0.50967, "cosine", "0.5097"),
        (0.315, "share", "31.5 %"),
        (0.0014, "share", "0.14 %"),
        (12.72, "count", "12.7"),
        (1625.8, "count", "1,626"),
        (float("nan"), "cosine", "-"),
    ],
)
def test_numbers_are_written_for_people(value: float, style: str, text: str) -> None:
    assert number(value, style) == text


def test_any_value_shows_as_a_bar_and_none_as_a_blank() -> None:
    assert spark([0, 1, 50, 100], bins=4) == " ▁▄█"
    assert spark([0, 0], bins=2) == "  "


def test_an_interval_without_ends_says_why() -> None:
    rng = np.random.default_rng(0)
    two = cluster_interval(rng.normal(size=8), np.repeat([1, 2], 4), seed=0)
    many = cluster_interval(rng.normal(size=80), np.repeat(np.arange(20), 4), seed=0)

    assert (math.isinf(two.low), bounds(two)) == (True, "too few articles")
    assert interval(two) == f"{two.mean:.4f} (too few articles)"
    assert bounds(many) == f"{many.low:+.4f} … {many.high:+.4f}"
