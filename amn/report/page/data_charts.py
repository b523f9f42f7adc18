"""How the rows of a data set hang together, as charts. K lags."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from amn.data.coherence import follows, mean_by_lag
from amn.data.scan import FAR_LAG
from amn.report.page.charts import BINS, Chart, Frame, Key, step_edges, steps

if TYPE_CHECKING:
    from amn.data.dataset import DataSet
    from amn.data.scan import RowScan

LAGS = np.arange(1, 9)


def coherence(name: str, dataset: DataSet, scan: RowScan) -> Chart:
    """Draw how alike neighbouring rows are, and rows further apart."""
    sides = {
        "neighbours": np.asarray(scan.adjacent[follows(dataset, 1)], np.float64),
        f"{FAR_LAG} apart": np.asarray(scan.far[follows(dataset, FAR_LAG)], np.float64),
    }
    sides = {label: values[np.isfinite(values)] for label, values in sides.items()}
    edges = np.linspace(-0.2, 1.0, BINS + 1)
    heights = {label: steps(np.clip(v, -0.2, 1), edges) for label, v in sides.items()}
    frame = Frame.over(edges, [0, *(h.max() for h in heights.values())], x_pad=0)
    frame.axes("cosine of two rows of an article", y_label="share of pairs")
    near, far = heights.values()
    frame.area(step_edges(edges), far, "far")
    frame.curve(step_edges(edges), near, "candidate")
    rows = [
        (
            label,
            f"{len(v):,}",
            f"{v.mean():.4f}",
            *(f"{q:.4f}" for q in np.quantile(v, (0.05, 0.5, 0.95))),
        )
        for label, v in sides.items()
        if len(v)
    ]
    shown = "; ".join(f"{label}: mean {mean} over {n} pairs" for label, n, mean, *_ in rows)
    return Chart(
        title=f"{name}: coherence of the rows",
        description=f"Cosines of rows of one article. {shown}.",
        marks=tuple(frame.marks),
        keys=(Key("line candidate", "neighbours"), Key("box far", f"{FAR_LAG} chunks apart")),
        header=("", "pairs", "mean", "5%", "50%", "95%"),
        rows=tuple(rows),
    )


def lag_curve(name: str, dataset: DataSet) -> Chart:
    """Draw how fast an article's rows grow apart."""
    means = mean_by_lag(dataset, LAGS)
    frame = Frame.over(LAGS, [*means, 0])
    frame.axes("chunks apart", y_label="mean cosine", x_ticks=LAGS.tolist())
    frame.curve(LAGS, means, "candidate")
    frame.dots(
        LAGS,
        means,
        "candidate",
        [f"{lag} apart: {m:.4f}" for lag, m in zip(LAGS, means, strict=True)],
    )
    shown = [f"{m:.3f}" for m in means]
    return Chart(
        title=f"{name}: lag curve",
        description=(
            f"Mean cosine of two rows of an article: {shown[0]} next to each other, {shown[-1]} "
            f"{LAGS[-1]} chunks apart. Rows in no order would be flat."
        ),
        marks=tuple(frame.marks),
        header=("chunks apart", *map(str, LAGS)),
        rows=(("mean cosine", *shown),),
    )
