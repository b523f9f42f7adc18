"""What is in a data set, or in two side by side, as charts."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from amn.report.page.plots import curves, histogram, intervals

if TYPE_CHECKING:
    from collections.abc import Sequence

    from amn.corpus.study.describe import Description
    from amn.report.page.charts import Chart

HISTOGRAMS = (  # title, field, what is counted, note
    ("Words an article", "article_words", "articles", "Below 500 is a stub."),
    ("Rows an article", "article_rows", "articles", "At most {context} rows give no window."),
    ("Characters a chunk", "chunk_chars", "chunks", ""),
    ("Cosine of neighbours", "coherence", "pairs", "A bump near 1 is text next to its own copy."),
    ("Coherence of an article", "article_coherence", "articles", "Short ones scatter."),
)


def description_charts(sides: Sequence[Description]) -> list[Chart]:
    """Return every chart that the descriptions, one or two, have numbers for."""
    drawn: list[Chart | None] = []
    for title, field, counted, note in HISTOGRAMS:
        values = [(s.label, getattr(s, field)) for s in sides]
        read = note.format(context=sides[0].context)
        drawn.append(histogram(title, values, counted, read, axis=title.lower()))
    drawn.append(
        curves(
            "Coherence by distance",
            [(s.label, dict(s.lags)) for s in sides],
            "Falls where rows follow the text, flat where scrambled. Dashed: random pairs.",
            axis="chunks apart",
            levels=[s.geometry.random_pair for s in sides],
            within=[0.0],
        )
    )
    drawn.append(_blocks(sides))
    references = [
        (s.label, {n.replace("_", " "): (r.low, r.mean, r.high) for n, r in s.references.items()})
        for s in sides
    ]
    note = "On held-out articles, each fitted on its own data."
    axis = "cosine, 95 % interval by article"
    drawn.append(intervals("Reference predictors", references, note, axis=axis))
    return [chart for chart in drawn if chart]


def _blocks(sides: Sequence[Description]) -> Chart | None:
    """Draw coherence by block of ids."""
    values = [(s.label, dict(enumerate((b.coherence for b in s.blocks), 1))) for s in sides]
    known = [v for _, side in values for v in side.values() if math.isfinite(v)] or [0.0]
    room = 0.4 * (max(known) - min(known))  # noise does not fill the chart
    return curves(
        "Coherence by id",
        values,
        "Ten blocks of articles, lowest ids first. Dashed: all of them.",
        axis="block of articles",
        levels=[s.coherence.mean for s in sides],
        within=[min(known) - room, max(known) + room],
    )
