from __future__ import annotations

import math
import re

import numpy as np
import pytest

from amn.evaluation.distribution import distribution
from amn.report.page.charts import WIDTH, Chart
from amn.report.page.plots import curves, histogram, intervals

ENDS = (0.1, 0.2, 0.3)


def interval_chart(*sides: dict[str, tuple[float, float, float]]) -> Chart:
    chart = intervals("t", [(f"side {k}", side) for k, side in enumerate(sides)], "", axis="cosine")
    assert chart is not None
    return chart


def drawn(chart: Chart, css: str) -> list[dict[str, float]]:
    """Return the geometry of the marks of a class."""
    marks = [mark.values for mark in chart.marks if mark.css == css and "d" not in mark.values]
    return [{name: float(value) for name, value in values.items()} for values in marks]


def test_a_row_has_a_name_and_an_interval_a_side_around_its_mean() -> None:
    chart = interval_chart({"x": ENDS, "y": (0.2, 0.3, 0.4)}, {"y": ENDS})

    assert [m.text for m in chart.marks if m.css == "name"] == ["x", "y"]
    (first, second), (other,) = drawn(chart, "curve a"), drawn(chart, "curve b")
    point = drawn(chart, "dot a")[0]
    assert first["x1"] < point["cx"] < first["x2"]
    assert first["y1"] < second["y1"] < other["y1"] < chart.height
    assert (second["x1"], other["x1"]) == (point["cx"], first["x1"])  # 0.2 and 0.1


def test_an_endless_interval_reaches_the_edge_and_a_mean_that_is_no_number_is_not_drawn() -> None:
    chart = interval_chart(
        {
            "x": ENDS,
            "y": (-math.inf, 0.2, math.inf),
            "z": (math.nan, math.nan, math.nan),
            "u": (math.nan, 0.2, 0.3),
        }
    )

    (short, endless) = drawn(chart, "curve a")
    assert 0 <= endless["x1"] < short["x1"] < short["x2"] < endless["x2"] <= WIDTH
    assert len(drawn(chart, "dot a")) == 3
    assert [row[0] for row in chart.rows] == ["x", "y", "z", "u"]


def test_the_words_and_the_table_name_the_sides() -> None:
    chart = interval_chart({"x": ENDS})

    assert chart.rows == (("x", "side 0", "0.1000", "0.2000", "0.3000"),)
    assert chart.description == "x, side 0: 0.2000, 0.1000 to 0.3000."


def test_two_sides_have_a_legend_and_one_has_none() -> None:
    one, two = interval_chart({"x": ENDS}), interval_chart({"x": ENDS}, {"x": ENDS})

    assert one.keys == ()
    assert [(key.css, key.label) for key in two.keys] == [
        ("line a", "side 0"),
        ("line b", "side 1"),
    ]


def test_nothing_known_is_not_drawn() -> None:
    nothing = distribution(np.array([]), "words")

    assert intervals("t", [("side", {})], "", axis="") is None
    assert curves("t", [("side", {1: 0.5})], "", axis="") is None
    assert histogram("t", [("side", None), ("other", nothing)], "articles", "", axis="") is None


def test_a_histogram_has_the_median_inside_the_bin_that_holds_it() -> None:
    values = distribution(np.array([400, 500, 500, 600, 9000]), "words")

    chart = histogram("t", [("side", values)], "articles", "", axis="words")

    assert chart is not None
    (median,) = drawn(chart, "reference a")
    steps = [m.values["d"] for m in chart.marks if m.css == "curve a"]
    xs = [float(x) for x in re.findall(r"[ML]([\d.]+),", steps[0])]
    assert min(xs) < median["x1"] < (min(xs) + max(xs)) / 2
    assert [m.text for m in chart.marks if m.css == "tick middle"] == [
        "500",
        "1,000",
        "2,000",
        "5,000",
        "10,000",
    ]


@pytest.mark.parametrize(("low", "high"), [(210, 400), (8, 32_768), (1, 1024), (90, 1100)])
def test_a_logarithmic_axis_has_two_to_six_ticks_in_its_range(low: float, high: float) -> None:
    counts = np.array([low * 1.01, high * 0.99])

    chart = histogram("t", [("s", distribution(counts, "words"))], "articles", "", axis="words")

    assert chart is not None
    assert 2 <= sum(m.css == "tick middle" for m in chart.marks) <= 6


def test_a_point_that_is_no_number_is_a_gap_in_a_curve() -> None:
    chart = curves("t", [("s", {1: 0.5, 2: math.nan, 3: 0.4})], "", axis="x", levels=[math.nan])

    assert chart is not None
    assert len(drawn(chart, "dot a")) == 2
    assert "nan" not in str(chart.marks)
