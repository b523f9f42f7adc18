"""What a gate has seen, as charts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from amn.report.page.data_charts import data_charts
from amn.report.page.score_charts import by_article, distributions, offset_curves, split_views
from amn.report.page.training_charts import training_charts

if TYPE_CHECKING:
    from collections.abc import Iterator

    from amn.gate.seen import Seen
    from amn.report.page.charts import Chart


def draw(seen: Seen) -> Iterator[Chart]:
    """Yield a chart of everything that was seen; what was not looked at is not drawn."""
    views = split_views(seen)
    yield from filter(None, map(distributions, views))
    for view in views:
        yield by_article(view, seen.margin)
    yield from training_charts(seen.candidates)
    yield from offset_curves(seen)
    for name, dataset, scan in seen.scans:
        yield from data_charts(name, dataset, scan)
