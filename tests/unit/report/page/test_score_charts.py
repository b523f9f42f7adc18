from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from amn.report.page.score_charts import by_article, split_views

if TYPE_CHECKING:
    from amn.gate.result import GateResult


def beside(result: GateResult, **splits: Any) -> GateResult:
    """Return a result whose golden has other splits."""
    assert result.golden is not None
    golden = replace(result.golden, splits={**result.golden.splits, **splits})
    return replace(result, made={**result.made, "golden": golden})


def test_the_golden_is_joined_by_window_and_not_by_row(gated: Any) -> None:
    result = gated()
    before = split_views(result)[0]
    order = np.random.default_rng(0).permutation(len(before.candidate))
    split = result.golden.splits["in_dist"]
    shuffled = replace(
        split,
        cosines=split.cosines[:, order],
        article_ids=split.article_ids[order],
        target_chunks=split.target_chunks[order],
    )

    after = split_views(beside(result, in_dist=shuffled))[0]

    assert before.golden is not None
    np.testing.assert_array_equal(after.golden, before.golden)


def test_a_golden_of_other_windows_is_not_drawn(gated: Any) -> None:
    result = gated()
    split = result.golden.splits["ood"]
    other = replace(split, article_ids=split.article_ids + 1)

    in_dist, ood = split_views(beside(result, ood=other))

    assert in_dist.golden is not None
    assert ood.golden is None
    assert "against the mean of the context" in by_article(ood, 0.01).title


def test_the_articles_are_sorted_and_the_worst_is_named(gated: Any) -> None:
    view = split_views(gated())[0]
    assert view.golden is not None
    worst = int(view.article_ids[0])
    falls = np.where(view.article_ids == worst, -0.5, 0.0)

    chart = by_article(replace(view, candidate=view.golden + falls), 0.01)

    assert chart.rows[0] == (str(worst), "13", "-0.5000")
    assert f"the lowest is article {worst} with -0.5000" in chart.description
    assert "1 of 12 are below 0" in chart.description
