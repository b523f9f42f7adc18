"""Plots of one data set, or of two side by side, as SVG that takes its colours from the page."""

from __future__ import annotations

import io
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from amn.curation.distribution import BINS
from amn.errors import require

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from amn.curation.describe import Description
    from amn.curation.distribution import Distribution

LEAST_SHOWN = 5e-4  # bins with less do not widen the axis
SIZE = (5.2, 3.1)  # inches at 72 points: a page shows two or three beside each other
# Colours that stand for variables of the page's style sheet, so that light and dark both work.
INK, GRID, SIDES = "#0a0a01", "#0a0a02", ("#0a0a03", "#0a0a04")
VARIABLES = {INK: "var(--ink)", GRID: "var(--grid)", SIDES[0]: "var(--a)", SIDES[1]: "var(--b)"}
XML_HEAD = re.compile(r"^.*?(?=<svg)", re.DOTALL)
REFERENCE_LABELS = {"weighted_mean": "weighted mean"}


@dataclass(frozen=True)
class Figure:
    """One plot.

    Attributes:
        caption: What to look for.
        svg: The drawing, without an XML header.
    """

    title: str
    caption: str
    svg: str


def figures(sides: Sequence[Description]) -> list[Figure]:
    """Return every plot that the descriptions, one or two, have numbers for.

    Raises:
        MissingDependencyError: If matplotlib is not installed.
    """
    drawn: list[tuple[str, str, Callable[[Any], None] | None]] = [
        ("Kinds of pages", "Share of articles.", _kinds(sides)),
        (
            "Words an article",
            "Below 500 is a stub. Share of articles, logarithmic bins.",
            _histogram([s.article_words for s in sides], log=True),
        ),
        (
            "Rows an article",
            f"At most {sides[0].context} rows give no window. Share of articles.",
            _histogram([s.article_rows for s in sides], log=True),
        ),
        (
            "Characters a chunk",
            "Share of chunks.",
            _histogram([s.chunk_chars for s in sides], log=True),
        ),
        (
            "Cosine of neighbours",
            "Share of pairs. A bump near 1 is text next to its own copy.",
            _histogram([s.coherence for s in sides], log=False),
        ),
        (
            "Coherence of an article",
            "Share of articles; short ones scatter.",
            _histogram([s.article_coherence for s in sides], log=False),
        ),
        (
            "Coherence by distance",
            "Falls where rows follow the text, flat where scrambled. Dashed: random pairs.",
            _lags(sides),
        ),
        ("Coherence by id", "Ten blocks of articles, lowest ids first.", _blocks(sides)),
        (
            "Reference predictors",
            "Cosine on held-out articles with 95 % intervals, each fitted on its own data.",
            _references(sides),
        ),
    ]
    return [Figure(title, note, _draw(title, plot)) for title, note, plot in drawn if plot]


def _draw(title: str, plot: Callable[[Any], None]) -> str:
    """Return a plot as SVG; the same numbers give the same bytes."""
    matplotlib = require("matplotlib", extra="report")
    figure_module = require("matplotlib.figure", extra="report")
    style = {
        "svg.fonttype": "none",
        "svg.hashsalt": title,
        "font.family": "sans-serif",
        "font.size": 9,
        "text.color": INK,
        "axes.labelcolor": INK,
        "axes.edgecolor": GRID,
        "xtick.color": INK,
        "ytick.color": INK,
        "grid.color": GRID,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "legend.frameon": False,
    }
    with matplotlib.rc_context(style):
        figure = figure_module.Figure(figsize=SIZE, layout="constrained")
        axes = figure.subplots()
        plot(axes)
        axes.set_axisbelow(True)
        out = io.StringIO()
        figure.savefig(out, format="svg", transparent=True, metadata={"Date": None})
    svg = XML_HEAD.sub("", out.getvalue())
    for colour, variable in VARIABLES.items():
        svg = svg.replace(colour, variable)
    return svg.replace("<svg ", f'<svg role="img" aria-label="{title}" ', 1)


def _histogram(sides: Sequence[Distribution | None], *, log: bool) -> Callable[[Any], None] | None:
    """Draw shares by bin, a filled step for each side."""
    known = [(k, d) for k, d in enumerate(sides) if d is not None and d.n]
    if not known:
        return None

    def plot(axes: Any) -> None:  # noqa: ANN401 - matplotlib has no types
        ends: list[float] = []
        for k, d in known:
            edges, shares = BINS[d.bins], np.asarray(d.counts) / d.n
            axes.stairs(shares, edges, color=SIDES[k], fill=True, alpha=0.25)
            axes.stairs(shares, edges, color=SIDES[k], linewidth=1.4)
            axes.axvline(d.median, color=SIDES[k], linewidth=1, linestyle=":")
            some = np.flatnonzero(shares >= LEAST_SHOWN)
            ends += [edges[some[0]], edges[some[-1] + 1]]
        if log:
            axes.set_xscale("log")
            axes.xaxis.set_major_formatter(lambda value, _: f"{value:,.0f}")
            axes.xaxis.set_minor_formatter(lambda *_: "")
        axes.set_xlim(min(ends), max(ends))
        axes.yaxis.set_major_formatter(lambda value, _: f"{100 * value:.0f} %")
        axes.grid(axis="y", linewidth=0.5)

    return plot


def _kinds(sides: Sequence[Description]) -> Callable[[Any], None] | None:
    """Draw the share of each kind, a bar for each side."""
    if any(s.kinds is None for s in sides):
        return None
    names = list(dict.fromkeys(k.kind for s in sides for k in s.kinds or ()))

    def plot(axes: Any) -> None:  # noqa: ANN401 - untyped library
        height = 0.8 / len(sides)
        for k, side in enumerate(sides):
            counts = {kind.kind: kind.articles / side.articles for kind in side.kinds or ()}
            shares = [counts.get(name, 0.0) for name in names]
            places = np.arange(len(names)) + (k - (len(sides) - 1) / 2) * height
            bars = axes.barh(places, shares, height * 0.9, color=SIDES[k])
            axes.bar_label(bars, [f"{100 * s:.1f} %" for s in shares], padding=3, color=INK)
        axes.set_yticks(np.arange(len(names)), names)
        axes.invert_yaxis()
        axes.set_xlim(0, 1.18)
        axes.xaxis.set_visible(False)  # the bars have their numbers
        axes.spines["bottom"].set_visible(False)

    return plot


def _lags(sides: Sequence[Description]) -> Callable[[Any], None] | None:
    """Draw the mean cosine by lag, and the level of random pairs."""
    if not any(s.lags for s in sides):
        return None

    def plot(axes: Any) -> None:  # noqa: ANN401 - untyped library
        for k, side in enumerate(sides):
            lags = np.array(side.lags).reshape(-1, 2)
            axes.plot(lags[:, 0], lags[:, 1], color=SIDES[k], marker="o", markersize=3.5)
            axes.axhline(side.geometry.random_pair, color=SIDES[k], linewidth=1, linestyle="--")
        axes.set_ylim(bottom=0)
        axes.set_xlabel("chunks apart")
        axes.grid(axis="y", linewidth=0.5)

    return plot


def _blocks(sides: Sequence[Description]) -> Callable[[Any], None] | None:
    """Draw coherence by block of ids."""
    if not any(len(s.blocks) > 1 for s in sides):
        return None

    def plot(axes: Any) -> None:  # noqa: ANN401 - untyped library
        for k, side in enumerate(sides):
            values = [block.coherence for block in side.blocks]
            axes.plot(range(1, len(values) + 1), values, color=SIDES[k], marker="o", markersize=3.5)
            axes.axhline(side.coherence.mean, color=SIDES[k], linewidth=1, linestyle=":")
        axes.set_xlabel("block of articles")
        axes.margins(y=0.4)
        axes.grid(axis="y", linewidth=0.5)

    return plot


def _references(sides: Sequence[Description]) -> Callable[[Any], None] | None:
    """Draw reference predictors with their intervals."""
    names = list(dict.fromkeys(name for s in sides for name in s.references))
    if not names:
        return None

    def plot(axes: Any) -> None:  # noqa: ANN401 - untyped library
        for k, side in enumerate(sides):
            for place, name in enumerate(names):
                if name in side.references:
                    found = side.references[name]
                    at = place + (k - (len(sides) - 1) / 2) * 0.25
                    axes.plot([found.low, found.high], [at, at], color=SIDES[k], linewidth=2)
                    axes.plot(found.mean, at, color=SIDES[k], marker="o", markersize=5)
        axes.set_yticks(range(len(names)), [REFERENCE_LABELS.get(name, name) for name in names])
        axes.invert_yaxis()
        axes.grid(axis="x", linewidth=0.5)

    return plot
