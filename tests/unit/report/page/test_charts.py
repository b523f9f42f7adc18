from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from amn.report.page.charts import (
    HEIGHT,
    WIDTH,
    Frame,
    Scale,
    labels,
    scale,
    step_edges,
)

finite = st.floats(-1e6, 1e6)


@given(st.lists(finite, min_size=1, max_size=5))
def test_every_value_lies_inside_its_scale(values: list[float]) -> None:
    over = scale(values, 0, 100)

    assert all(-1e-6 <= over(v) <= 100 + 1e-6 for v in values)


@given(finite, st.floats(1e-3, 1e6))
def test_a_scale_has_a_few_ticks_inside_its_range(low: float, extent: float) -> None:
    over = Scale(low, low + extent, 0, 100)

    assert 2 <= len(over.ticks) <= 7
    assert all(-1 <= over(tick) <= 101 for tick in over.ticks)


@pytest.mark.parametrize("values", [[], [math.nan, math.inf], [0.5, 0.5], [0.0]])
def test_a_scale_without_extent_still_has_one(values: list[float]) -> None:
    over = scale(values, 0, 100)

    assert over.low < over.high


def test_ticks_are_written_with_the_digits_that_tell_them_apart() -> None:
    assert labels([0.0, 0.005, 0.01]) == ["0.000", "0.005", "0.010"]
    assert labels([2.0, 4.0]) == ["2", "4"]
    assert labels([1000.0]) == ["1,000"]
    assert labels([]) == []


def test_a_number_that_is_not_finite_is_a_gap_in_a_line() -> None:
    frame = Frame.over([0, 3], [0, 1])

    frame.curve([0, 1, 2, 3], [0.0, math.nan, 0.5, 1.0], "candidate")
    frame.dots([0, 1], [math.nan, 0.5], "candidate")

    path, dot = frame.marks
    assert path.values["d"].count("M") == 2
    assert "nan" not in path.values["d"]
    assert dot.tag == "circle"


def test_higher_values_are_drawn_higher() -> None:
    frame = Frame.over([0, 1], [0, 1])

    assert frame.y(1) < frame.y(0)
    assert 0 <= frame.y(1) <= HEIGHT
    assert 0 <= frame.x(0) < frame.x(1) <= WIDTH


def test_a_name_beside_a_line_stays_inside_the_chart() -> None:
    frame = Frame.over([0, 1], [0, 1])

    frame.position(0.05, "mean", "a name of some length")
    frame.position(0.95, "mean", "a name of some length")

    left, right = (mark for mark in frame.marks if mark.tag == "text")
    assert left.css == "note"
    assert right.css == "note end"


def test_the_edges_of_bins_are_the_ends_of_steps() -> None:
    assert step_edges(np.array([0.0, 1.0, 2.0])).tolist() == [0.0, 1.0, 1.0, 2.0]
