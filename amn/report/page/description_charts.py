"""What is in a data set, or in two side by side, as charts."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from amn.report.page.charts import CHARACTER, WIDTH, Chart, Scale, rectangle, text
from amn.report.page.plots import COLOURS, curves, histogram, intervals, legend

if TYPE_CHECKING:
    from collections.abc import Sequence

    from amn.curation.describe import Description

BAR, GAP, NAMES = 14.0, 10.0, 110.0
NUMBER = 7 * CHARACTER  # room for `100.0%`
HISTOGRAMS = (  # title, field, what is counted, note
    ("Words an article", "article_words", "articles", "Below 500 is a stub."),
    ("Rows an article", "article_rows", "articles", "At most {context} rows give no window."),
    ("Characters a chunk", "chunk_chars", "chunks", ""),
    ("Cosine of neighbours", "coherence", "pairs", "A bump near 1 is text next to its own copy."),
    ("Coherence of an article", "article_coherence", "articles", "Short ones scatter."),
)


def description_charts(sides: Sequence[Description]) -> list[Chart]:
    """Return every chart that the descriptions, one or two, have numbers for."""
    drawn = [_kinds(sides)]
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


def _kinds(sides: Sequence[Description]) -> Chart | None:
    """Draw the share of each kind of page, a bar a side."""
    if any(s.kinds is None for s in sides):
        return None
    shares = [(s.label, {k.kind: k.articles / s.articles for k in s.kinds or ()}) for s in sides]
    names = list(dict.fromkeys(name for _, side in shares for name in side))
    at = Scale(0, 1, NAMES, WIDTH - NUMBER)
    marks, y = [], GAP
    for name in names:
        marks.append(text(NAMES - 6, y + BAR * len(sides) / 2 + 4, name, "tick end"))
        for css, (_, side) in zip(COLOURS, shares, strict=False):
            share = side.get(name, 0.0)
            marks.append(rectangle(at(0), y, at(share) - at(0), BAR - 2, f"box {css}"))
            marks.append(text(at(share) + 5, y + BAR - 3, f"{share:.1%}", "tick"))
            y += BAR
        y += GAP
    rows = [(name, *(f"{side.get(name, 0.0):.1%}" for _, side in shares)) for name in names]
    return Chart(
        title="Kinds of pages",
        description="; ".join(" ".join(row) for row in rows),
        marks=tuple(marks),
        keys=legend(shares, "box"),
        header=("kind", *(s.label for s in sides)),
        rows=tuple(rows),
        height=y,
        note="Share of articles.",
    )


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
