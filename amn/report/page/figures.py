"""What a gate has seen, as charts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from amn.report.page.data_charts import data_charts
from amn.report.page.score_charts import by_article, distributions, offset_curves, split_views
from amn.report.page.training_charts import training_charts

if TYPE_CHECKING:
    from collections.abc import Iterator

    from amn.gate.result import GateResult
    from amn.report.page.charts import Chart


def draw(result: GateResult) -> Iterator[Chart]:
    """Yield a chart of everything that was seen; what was not looked at is not drawn."""
    views = split_views(result)
    yield from filter(None, map(distributions, views))
    for view in views:
        yield by_article(view, result.config.golden.margin if result.config else 0.0)
    yield from training_charts(result.candidates)
    yield from offset_curves(result)
    for one in result.made.get("scanned", ()):
        yield from data_charts(one.folder.name, one.dataset, one.scan)
