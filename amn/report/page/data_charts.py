"""How the rows of a data set hang together, as charts."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from amn.data.coherence import follows, mean_by_lag
from amn.data.scan import FAR_LAG
from amn.evaluation.distribution import distribution
from amn.report.page.plots import curves, histogram

if TYPE_CHECKING:
    from collections.abc import Iterator

    from amn.data.dataset import DataSet
    from amn.data.scan import RowScan
    from amn.report.page.charts import Chart

LAGS = np.arange(1, 9)


def data_charts(name: str, dataset: DataSet, scan: RowScan) -> Iterator[Chart]:
    """Yield how alike neighbouring rows are and rows further apart, and how fast that falls."""
    pairs = {
        "neighbours": scan.adjacent[follows(dataset, 1)],
        f"{FAR_LAG} chunks apart": scan.far[follows(dataset, FAR_LAG)],
    }
    sides = [
        (label, distribution(cosines[np.isfinite(cosines)], "cosine"))
        for label, cosines in pairs.items()
    ]
    axis = "cosine of two rows of an article"
    near = histogram(f"{name}: coherence of the rows", sides, "pairs", "", axis=axis)
    means = dict(zip(LAGS.tolist(), mean_by_lag(dataset, LAGS).tolist(), strict=True))
    falling = curves(
        f"{name}: lag curve",
        [("mean cosine", means)],
        "Rows in no order would be flat.",
        axis="chunks apart",
        within=[0.0],
    )
    yield from (chart for chart in (near, falling) if chart)
