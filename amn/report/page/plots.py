"""Plots of one or two sides over each other: histogram, curves, intervals.

A side is a label with its values; the first one is blue, the second orange.
"""

from __future__ import annotations

import math
from types import MappingProxyType
from typing import TYPE_CHECKING, TypeVar

import numpy as np

from amn.evaluation.distribution import BINS
from amn.report.page.charts import (
    TOP,
    WIDTH,
    Chart,
    Frame,
    Key,
    dot,
    labels,
    line,
    scale,
    step_edges,
    text,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from amn.evaluation.distribution import Distribution
    from amn.report.page.charts import Mark

    T = TypeVar("T")
    Sides = Sequence[tuple[str, T]]
    Ends = tuple[float, float, float]  # low, mean, high; low and high may be infinite

COLOURS = ("a", "b")  # classes of the style sheet
LEAST_SHOWN = 0.05  # percent: bins with less do not widen the axis
MOST_TICKS = 6
NAME, SIDE, FOOT, EDGE = 20.0, 11.0, 36.0, 10.0  # of intervals: heights, and room at both ends


def number(value: float, style: str) -> str:
    """Return a number for people.

    Args:
        style: `cosine` 0.5097, `count` 1,234 or 12.7, `share` 31.5 %.
    """
    if math.isnan(value):
        return "-"
    if style == "cosine":
        return f"{value:.4f}"
    if style == "share":
        return f"{100 * value:.2f} %" if 0 < abs(value) < 0.01 else f"{100 * value:.1f} %"  # noqa: PLR2004 - 1 %
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:,.1f}"  # noqa: PLR2004 - three digits


def _legend(sides: Sides[T]) -> tuple[Key, ...]:
    """Return what each colour stands for; one side needs no legend."""
    named = zip(COLOURS, sides, strict=False)
    keys = tuple(Key(f"line {css}", label) for css, (label, _) in named)
    return keys if len(keys) > 1 else ()


def _said(parts: Iterable[str], note: str) -> str:
    """Return the numbers of a plot and how to read it, in sentences."""
    return f"{'; '.join(parts)}. {note}".strip()


def histogram(
    title: str,
    sides: Sides[Distribution | None],
    counted: str,
    note: str,
    *,
    axis: str,
    levels: Mapping[str, float] = MappingProxyType({}),
) -> Chart | None:
    """Draw the share of each bin and the median; None where no side has values.

    Args:
        levels: Other values to mark, by name.
    """
    found = [(css, label, d) for css, (label, d) in zip(COLOURS, sides, strict=False)]
    known = [(css, label, d) for css, label, d in found if d is not None and d.n]
    if not known:
        return None
    bins = known[0][2].bins
    is_log = bins != "cosine"
    place = np.log10 if is_log else np.asarray
    shares = [100 * np.asarray(d.counts) / d.n for _, _, d in known]
    shown = np.flatnonzero(np.max(shares, axis=0) >= LEAST_SHOWN)
    first, last = shown[0], shown[-1] + 1
    steps = step_edges(place(BINS[bins][first : last + 1]))
    ticks = _log_ticks(*BINS[bins][[first, last]]) if is_log else []
    frame = Frame.over(steps, [0, np.max(shares)], x_pad=0, top=TOP + (18 if levels else 0))
    frame.axes(
        axis,
        y_label=f"% of {counted}",
        x_ticks=[float(place(tick)) for tick in ticks],
        x_names=[f"{tick:,.0f}" for tick in ticks],
    )
    for (css, _, d), share in zip(known, shares, strict=True):
        heights = np.repeat(share[first:last], 2)
        frame.area(steps, heights, css)
        frame.curve(steps, heights, css)
        frame.position(float(place(d.median)), css)
    for name, value in levels.items():
        if steps[0] < value < steps[-1]:
            frame.position(value, "mean", f"{name} {value:.4f}")
    style = "count" if is_log else "cosine"
    rows = [
        (
            label,
            f"{d.n:,}",
            *(number(v, style) for v in (d.mean, d.p5, d.p25, d.median, d.p75, d.p95)),
        )
        for _, label, d in known
    ]
    return Chart(
        title=title,
        description=_said((f"{row[0]}: mean {row[2]} of {row[1]} {counted}" for row in rows), note),
        marks=tuple(frame.marks),
        keys=_legend(sides),
        header=("", counted, "mean", "5%", "25%", "50%", "75%", "95%"),
        rows=tuple(rows),
        note=f"{note} Dashed: the median.".strip(),
    )


def _log_ticks(low: float, high: float) -> list[float]:
    """Return the round numbers of a range, fewer where there are many; its ends if it has none."""
    powers = 10.0 ** np.arange(6)
    for steps in ((1, 2, 5), (1, 3), (1,)):
        ticks = [m * p for p in powers for m in steps if low <= m * p <= high]
        if len(ticks) <= MOST_TICKS:
            break
    return ticks if len(ticks) > 1 else [low, high]


def curves(
    title: str,
    sides: Sides[Mapping[int, float]],
    note: str,
    *,
    axis: str,
    levels: Sequence[float] = (),
    within: Sequence[float] = (),
) -> Chart | None:
    """Draw a mean cosine along an axis; None where there are no two points.

    Args:
        levels: One a side, dashed.
        within: What else the chart has room for.
    """
    xs = sorted({x for _, curve in sides for x in curve})
    if len(xs) < 2:  # noqa: PLR2004 - a line has two ends
        return None
    frame = Frame.over(xs, [*(v for _, curve in sides for v in curve.values()), *levels, *within])
    frame.axes(axis, y_label="mean cosine", x_ticks=xs)
    for css, (_, curve) in zip(COLOURS, sides, strict=False):
        frame.curve(list(curve), list(curve.values()), css)
        frame.dots(list(curve), list(curve.values()), css)
    for css, level in zip(COLOURS, levels, strict=False):
        if math.isfinite(level):
            frame.level(level, css)
    rows = [
        (label, *(number(curve.get(x, math.nan), "cosine") for x in xs)) for label, curve in sides
    ]
    return Chart(
        title=title,
        description=_said((f"{label}: {', '.join(row)}" for label, *row in rows), note),
        marks=tuple(frame.marks),
        keys=_legend(sides),
        header=(axis, *map(str, xs)),
        rows=tuple(rows),
        note=note,
    )


def intervals(
    title: str, sides: Sides[Mapping[str, Ends]], note: str, *, axis: str
) -> Chart | None:
    """Draw a row a name, in it what each side knows of it; None where nothing is known."""
    names = list(dict.fromkeys(name for _, side in sides for name in side))
    if not names:
        return None
    rows = [
        (name, label, *(number(value, "cosine") for value in side[name]))
        for name in names
        for label, side in sides
        if name in side
    ]
    return Chart(
        title=title,
        description=_said(("{0}, {1}: {3}, {2} to {4}".format(*row) for row in rows), note),
        marks=tuple(_rows(names, sides, axis)),
        keys=_legend(sides),
        header=("", "", "low", "mean", "high"),
        rows=tuple(rows),
        height=(NAME + SIDE * len(sides)) * len(names) + FOOT,
        note=note,
    )


def _rows(names: Sequence[str], sides: Sides[Mapping[str, Ends]], axis: str) -> Iterator[Mark]:
    """Yield the axis, then each name with its intervals; an endless one reaches the edge."""
    values = (v for _, side in sides for ends in side.values() for v in ends)
    at = scale(values, EDGE, WIDTH - EDGE)
    bottom = (NAME + SIDE * len(sides)) * len(names)
    for tick, label in zip(at.ticks, labels(at.ticks), strict=True):
        yield line(at(tick), 0, at(tick), bottom, "axis" if tick == 0 else "grid")
        yield text(at(tick), bottom + 14, label, "tick middle")
    yield text(WIDTH / 2, bottom + 30, axis, "label middle")
    y = 0.0
    for name in names:
        yield text(EDGE, y + 14, name, "name")
        y += NAME
        for css, (_, side) in zip(COLOURS, sides, strict=False):
            if name in side and math.isfinite(side[name][1]):
                low, mean, high = (min(at.high, max(at.low, v)) for v in side[name])
                if not any(map(math.isnan, side[name])):
                    yield line(at(low), y + SIDE / 2, at(high), y + SIDE / 2, f"curve {css}")
                yield dot(at(mean), y + SIDE / 2, css)
            y += SIDE
