from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from amn.gate.result import GateResult
from amn.report.page.figures import draw


def test_nothing_seen_draws_nothing() -> None:
    assert list(draw(GateResult("toy", (), ()))) == []


def test_everything_that_a_gate_saw_is_drawn(gated: Any) -> None:
    titles = [chart.title for chart in draw(gated())]

    for part in (
        "in_dist: cosines of 156 windows",
        "ood: cosines of 156 windows",
        "ood: 12 articles against the golden",
        "Training: cosine by epoch",
        "Training: loss by epoch",
        "ood: offset probe",
        "coherence of the rows",
        "lag curve",
    ):
        assert any(part in title for title in titles), part


def test_every_chart_says_in_words_and_numbers_what_it_shows(gated: Any) -> None:
    for chart in draw(gated()):
        assert chart.description.endswith(".")
        assert "nan" not in chart.description
        assert {len(row) for row in chart.rows} == {len(chart.header)}
        assert all("nan" not in str(mark.values) for mark in chart.marks)


@pytest.mark.parametrize("value", [np.nan, 0.0])
def test_broken_cosines_are_drawn_without_a_crash(gated: Any, value: float) -> None:
    result = gated()
    first = result.made["evaluations"][0]
    scores = {
        name: replace(score, cosines=np.full_like(score.cosines, value))
        for name, score in first.scores.items()
    }
    broken = {
        "candidates": result.made["candidates"][:1],
        "evaluations": (replace(first, scores=scores),),
    }

    charts = list(draw(replace(result, made={**result.made, **broken})))

    assert all("nan" not in str(mark.values) for chart in charts for mark in chart.marks)
