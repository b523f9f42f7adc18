"""A sweep for people and for programs: one table, and its best point against the golden."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rich.markup import escape
from rich.table import Table

from amn.case.config import EVALUATED
from amn.prove.sweep import find_best
from amn.report import markdown
from amn.report.page.plots import intervals
from amn.report.page.template import render
from amn.storage import finite, write_bytes

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from amn.evaluation.statistics import Interval
    from amn.prove.sweep_config import SweepConfig
    from amn.prove.sweep_result import PointResult

BEST = "*"
NAME_WIDTH = 30  # with the figures, a line of 100 columns; longer names are folded


def sweep_table(results: Sequence[PointResult]) -> Table:
    """Return a line a point: validation cosine, scores, lift with its 95 % interval."""
    best = find_best(results)
    table = Table(box=None, pad_edge=False)
    table.add_column("point", max_width=NAME_WIDTH, overflow="fold")
    for column in ("seeds", "val", "in_dist", "lift [95 %]", "ood", "lift [95 %]"):
        table.add_column(column, justify="right", no_wrap=True)
    for result in results:
        cells = [f"{len(result.seeds)}", _cosine(result.val_cosine)]
        for split in EVALUATED:
            summary = result.splits[split]
            cells += [_cosine(summary.mean), _short(summary.lift)]
        name = escape(result.point.name) + (f" {BEST}" if result is best else "")
        table.add_row(name, *cells, style=None if result.has_finished else "red")
    return table


def sweep_lines(
    results: Sequence[PointResult], *, show: Callable[[str], str] = str
) -> Iterator[str]:
    """Yield what is said under the table: what did not finish, and the best against the golden.

    Args:
        show: Makes a point's name fit what the lines are written in.
    """
    for result in results:
        if not result.has_finished:
            ended = ", ".join(
                f"seed {seed} {status} after epoch {epochs}"
                for seed, status, epochs in zip(
                    result.seeds, result.statuses, result.epochs, strict=True
                )
                if status != "finished"
            )
            yield f"{show(result.point.name)}: {ended}"
    best = find_best(results)
    if best is None:
        yield "best: none, no point finished"
        return
    yield f"{BEST} best by validation cosine, {best.val_cosine:.4f}: {show(best.point.name)}"
    for split, gain in best.against_golden.items():
        against = "not comparable, other windows" if gain is None else _long(gain)
        yield f"  against the golden, {split}: {against}"


def sweep_json(case: str, sweep: SweepConfig, results: Sequence[PointResult]) -> dict[str, Any]:
    """Return a sweep as plain JSON data; numbers that are not finite are null."""
    best = find_best(results)
    facts: dict[str, Any] = finite(
        {
            "schema": 1,
            "case": case,
            "title": sweep.title,
            "best": best and best.point.name,
            "points": [result.to_json() for result in results],
        }
    )
    return facts


def sweep_markdown(sweep: SweepConfig, results: Sequence[PointResult]) -> str:
    """Return a sweep as a markdown table with parameters and speed, and what is said under it."""
    head = ["", "val", "in-dist", "lift", "OOD", "lift", "parameters", "windows/s"]
    rows = [head, ["---", *["---:"] * (len(head) - 1)]]
    best = find_best(results)
    for result in results:
        figures: list[str] = []
        for split in EVALUATED:
            summary = result.splits[split]
            figures += [_cosine(summary.mean), _long(summary.lift)]
        name = markdown.escape(result.point.name)
        rows.append(
            [
                f"**{name}**" if result is best else name,
                _cosine(result.val_cosine),
                *figures,
                f"{result.n_parameters:,}",
                f"{result.windows_per_second:,.0f}",
            ]
        )
    table = "\n".join(f"| {' | '.join(row)} |" for row in rows)
    said = "\n".join(f"- {line.strip(' *')}" for line in sweep_lines(results, show=markdown.escape))
    title = f"### {markdown.escape(sweep.title)}\n\n" if sweep.title else ""
    return f"{title}{table}\n\n{said}\n"


def _cosine(value: float) -> str:
    return f"{value:.4f}"


def _short(interval: Interval | None) -> str:
    """Return `+.0181 [.0149, .0214]`."""
    if interval is None:
        return ""
    mean, low, high = (f"{v:+.4f}" for v in (interval.mean, interval.low, interval.high))
    bounds = ", ".join(bound.removeprefix("+").replace("0.", ".", 1) for bound in (low, high))
    return f"{mean.replace('0.', '.', 1)} [{bounds}]"


def _long(interval: Interval | None) -> str:
    """Return `+0.0181 [+0.0149, +0.0214]`."""
    if interval is None:
        return ""
    return f"{interval.mean:+.4f} [{interval.low:+.4f}, {interval.high:+.4f}]"


def write_plot(path: Path, results: Sequence[PointResult], *, title: str) -> None:
    """Write the lift of every point on both judged splits as one HTML file, atomically.

    Raises:
        MissingDependencyError: If jinja2 is not installed.
    """
    best = find_best(results)
    sides = [
        (
            split.replace("_", "-"),
            {
                one.point.name + (" *" if one is best else ""): (lift.low, lift.mean, lift.high)
                for one in results
                if (lift := one.splits[split].lift) is not None
            },
        )
        for split in EVALUATED
    ]
    note = "Lift: cosine above the mean of the context, 95 % interval by article. *: the best."
    chart = intervals(title, sides, note, axis="lift")
    write_bytes(path, render("chart.html", title=title, chart=chart).encode())
