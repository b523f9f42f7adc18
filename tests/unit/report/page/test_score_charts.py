from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from amn.report.page.score_charts import by_article, split_views


def test_a_golden_of_other_windows_is_not_drawn(gated: Any) -> None:
    result = gated()
    table = result.golden.tables["ood"]
    other = replace(table, articles=table.articles + 1)
    golden = replace(result.golden, tables={**result.golden.tables, "ood": other})

    in_dist, ood = split_views(replace(result, made={**result.made, "golden": golden}))

    assert in_dist.beside is not None
    assert ood.beside is None
    assert "against the mean of the context" in by_article(ood, 0.01).title


def test_the_articles_are_sorted_and_the_worst_is_named(gated: Any) -> None:
    view = split_views(gated())[0]
    assert view.beside is not None
    worst = int(view.article_ids[0])
    golden = view.beside.sides[1]
    falls = np.where(view.beside.labels == worst, -0.5, 0.0) * view.beside.sizes
    fallen = replace(view.beside, sides=(golden.mean(axis=0)[None] + falls, golden))

    chart = by_article(replace(view, beside=fallen), 0.01)

    assert chart.rows[0] == (str(worst), "13", "-0.5000")
    assert f"the lowest is article {worst} with -0.5000" in chart.description
    assert "1 of 12 are below 0" in chart.description
