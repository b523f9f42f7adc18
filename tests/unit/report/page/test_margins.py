from __future__ import annotations

import math
from typing import Any

import pytest

from amn.evaluation.summary import Summary
from amn.golden.compare import Moved
from amn.golden.schema import Profiled
from amn.report.page.charts import WIDTH
from amn.report.page.margins import beside_golden, margins
from amn.verdict import Outcome, Standing, Status


def outcome(number: float | None, standing: Standing | None, **changes: Any) -> Outcome:
    values = {"check": "C002", "name": "ood", "status": Status.PASS, "value": f"{number}"}
    return Outcome(**(values | {"number": number, "standing": standing, "limit": "x"} | changes))


def places(marks: Any, css: str) -> list[float]:
    return [float(m.values["x1"]) for m in marks if m.tag == "line" and m.css == css]


def test_checks_without_a_number_and_a_limit_have_no_bullet() -> None:
    outcomes = [
        outcome(0.6, None),
        outcome(None, Standing(least=0.6)),
        outcome(math.nan, Standing(least=0.6)),
    ]

    assert margins(outcomes) is None


def test_a_number_is_on_the_right_side_of_its_limit() -> None:
    above = margins([outcome(0.61, Standing(0.60, 0.62, least=0.6))])
    below = margins([outcome(0.59, Standing(0.58, 0.60, least=0.6), status=Status.FAIL)])

    assert above is not None
    assert below is not None
    assert places(above.marks, "value") > places(above.marks, "limit")
    assert places(below.marks, "value") < places(below.marks, "limit")
    assert below.rows == (("C002 ood", "0.59", "x", "0.5800 ... 0.6000", "FAIL"),)


def test_both_limits_of_a_range_are_drawn() -> None:
    chart = margins([outcome(0.0, Standing(least=-0.03, most=0.03), check="C003")])

    assert chart is not None
    low, high = places(chart.marks, "limit")
    assert low < places(chart.marks, "value")[0] < high
    assert sum(m.css == "forbidden" for m in chart.marks) == 2


def test_the_reference_predictors_stand_beside_a_score() -> None:
    found = Summary(0.61, references={"mean": 0.59, "ridge": 0.6, "last": math.nan})
    chart = margins([outcome(0.61, Standing(0.6, 0.62, least=0.6), data=found)])

    assert chart is not None
    titles = [m.title for m in chart.marks if m.css == "reference mean"]
    assert titles == ["mean 0.5900", "ridge 0.6000"]


@pytest.mark.parametrize("low", [-math.inf, 0.6])
@pytest.mark.parametrize("high", [math.inf, 0.62])
def test_an_endless_interval_reaches_the_edge_and_no_further(low: float, high: float) -> None:
    chart = margins([outcome(0.61, Standing(low, high, least=0.6))])

    assert chart is not None
    for mark in chart.marks:
        if mark.tag == "rect":
            start, width = float(mark.values["x"]), float(mark.values["width"])
            assert 0 <= start <= start + width <= WIDTH


def test_a_statistic_of_the_data_stands_in_the_range_around_the_goldens() -> None:
    moved = [
        Moved("neighbours", "ood", Profiled(0.40), Profiled(0.55), reach=0.05),
        Moved("norm", "train", Profiled(0.40), Profiled(0.42), reach=0.05),
        Moved("gone", "train", Profiled(0.40), None, reach=0.05),
    ]

    chart = beside_golden(moved)

    assert chart is not None
    assert [row[0] for row in chart.rows] == ["neighbours ood", "norm train"]
    assert chart.rows[0][1:3] == ("0.55", "0.4 in the golden, within 0.05")
    left, inside = places(chart.marks, "value")
    lowest, highest = places(chart.marks, "limit")[:2]
    assert left > highest
    assert places(chart.marks, "limit")[2] < inside < places(chart.marks, "limit")[3]
    assert lowest < highest
    assert beside_golden(moved[2:]) is None
