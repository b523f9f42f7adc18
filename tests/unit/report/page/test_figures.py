from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from amn.gate.seen import Seen
from amn.report.page.figures import by_article, draw, split_views


def test_nothing_seen_draws_nothing() -> None:
    assert list(draw(Seen())) == []


def test_everything_that_a_gate_saw_is_drawn(gated: Any) -> None:
    _, seen = gated()

    titles = [chart.title for chart in draw(seen)]

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
    _, seen = gated()

    for chart in draw(seen):
        assert chart.description.endswith(".")
        assert "nan" not in chart.description
        assert {len(row) for row in chart.rows} == {len(chart.header)}
        assert all("nan" not in str(mark.values) for mark in chart.marks)


def test_the_golden_is_joined_by_window_and_not_by_row(gated: Any) -> None:
    _, seen = gated()
    before = split_views(seen)[0]
    order = np.random.default_rng(0).permutation(len(before.candidate))
    split = seen.golden.splits["in_dist"]
    shuffled = replace(
        split,
        cosines=split.cosines[:, order],
        article_ids=split.article_ids[order],
        target_chunks=split.target_chunks[order],
    )
    golden = replace(seen.golden, splits={**seen.golden.splits, "in_dist": shuffled})

    after = split_views(replace(seen, golden=golden))[0]

    assert before.golden is not None
    np.testing.assert_array_equal(after.golden, before.golden)


def test_a_golden_of_other_windows_is_not_drawn(gated: Any) -> None:
    _, seen = gated()
    split = seen.golden.splits["ood"]
    other = replace(split, article_ids=split.article_ids + 1)
    golden = replace(seen.golden, splits={**seen.golden.splits, "ood": other})

    in_dist, ood = split_views(replace(seen, golden=golden))

    assert in_dist.golden is not None
    assert ood.golden is None
    assert "against the mean of the context" in by_article(ood, 0.01).title


def test_the_articles_are_sorted_and_the_worst_is_named(gated: Any) -> None:
    _, seen = gated()
    view = split_views(seen)[0]
    assert view.golden is not None
    worst = int(view.article_ids[0])
    falls = np.where(view.article_ids == worst, -0.5, 0.0)

    chart = by_article(replace(view, candidate=view.golden + falls), 0.01)

    assert chart.rows[0] == (str(worst), "13", "-0.5000")
    assert f"the lowest is article {worst} with -0.5000" in chart.description
    assert "1 of 12 are below 0" in chart.description


@pytest.mark.parametrize("value", [np.nan, 0.0])
def test_broken_cosines_are_drawn_without_a_crash(gated: Any, value: float) -> None:
    _, seen = gated()
    first = seen.candidates[0]
    scores = {
        name: replace(score, cosines=np.full_like(score.cosines, value))
        for name, score in first.evaluation.scores.items()
    }
    broken = replace(first, evaluation=replace(first.evaluation, scores=scores))

    charts = list(draw(replace(seen, candidates=(broken,))))

    assert all("nan" not in str(mark.values) for chart in charts for mark in chart.marks)
