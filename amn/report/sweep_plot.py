"""A sweep in one picture: the lift of every point on both judged splits, with its interval."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

from amn.config import EVALUATED
from amn.errors import ArgumentError, require
from amn.storage import write_bytes
from amn.sweeps.run import find_best

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from amn.sweeps.result import PointResult

SUFFIXES = (".svg", ".png")
COLOURS = {"in_dist": "#0b6e99", "ood": "#c2570c"}  # told apart in grey and by the colour-blind
WIDTH, HEAD, LINE = 7.0, 1.2, 0.42  # inches: a point takes a line
OFFSET = 0.14  # of a line, between the two splits


def write_plot(path: Path, results: Sequence[PointResult], *, title: str) -> None:
    """Write the plot as .svg or .png, atomically.

    Raises:
        ArgumentError: If it is neither.
        MissingDependencyError: If matplotlib is not installed.
    """
    if path.suffix not in SUFFIXES:
        raise ArgumentError(f"plot: expected {' or '.join(SUFFIXES)}, got {path.name}")
    matplotlib = require("matplotlib", extra="report")
    figures = require("matplotlib.figure", extra="report")
    style = {"svg.hashsalt": "amn", "font.size": 9, "axes.spines.top": False}
    with matplotlib.rc_context({**style, "axes.spines.right": False}):
        figure = figures.Figure(
            figsize=(WIDTH, HEAD + LINE * len(results)), layout="constrained", facecolor="white"
        )
        axes = figure.subplots()
        _draw(axes, results)
        axes.set_title(title, loc="left")
        figure.legend(frameon=False, loc="outside lower center", ncols=2)
        out = io.BytesIO()
        metadata = {"Date": None} if path.suffix == ".svg" else {}
        figure.savefig(out, format=path.suffix[1:], metadata=metadata, dpi=150)
    write_bytes(path, out.getvalue())


def _draw(axes: Any, results: Sequence[PointResult]) -> None:  # noqa: ANN401 - matplotlib has no types
    best = find_best(results)
    for side, split in zip((-1, 1), EVALUATED, strict=True):
        drawn = [
            (line, lift)
            for line, result in enumerate(results)
            if (lift := result.splits[split].lift) is not None
        ]
        axes.errorbar(
            [lift.mean for _, lift in drawn],
            [line + side * OFFSET for line, _ in drawn],
            xerr=[
                [lift.mean - lift.low for _, lift in drawn],
                [lift.high - lift.mean for _, lift in drawn],
            ],
            fmt="o" if split == "in_dist" else "s",
            color=COLOURS[split],
            capsize=2,
            label=split.replace("_", "-"),
        )
    names = [result.point.name + (" *" if result is best else "") for result in results]
    axes.set_yticks(range(len(results)), names)
    axes.invert_yaxis()
    axes.axvline(0, color="#888888", linewidth=0.8)
    axes.grid(axis="x", color="#dddddd")
    axes.set_axisbelow(True)
    axes.set_xlabel("lift: cosine above the mean of the context, 95 % interval by article")
