"""What a gate has seen, as charts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from amn.report.page.data_charts import coherence, lag_curve
from amn.report.page.score_charts import by_article, distributions, offset_curves, split_views
from amn.report.page.training_charts import cosine_by_epoch, loss_by_epoch

if TYPE_CHECKING:
    from collections.abc import Iterator

    from amn.gate.result import GateResult
    from amn.report.page.charts import Chart


def draw(result: GateResult) -> Iterator[Chart]:
    """Yield a chart of everything that was seen; what was not looked at is not drawn."""
    views = split_views(result)
    for view in views:
        yield distributions(view)
    for view in views:
        yield by_article(view, result.config.golden.margin if result.config else 0.0)
    trained = [c for c in result.candidates if c.record and c.record.epochs]
    if trained:
        yield cosine_by_epoch(trained)
        yield loss_by_epoch(trained)
    yield from offset_curves(result)
    for one in result.made.get("scanned", ()):
        yield coherence(one.folder.name, one.dataset, one.scan)
        yield lag_curve(one.folder.name, one.dataset)
