"""`amn history`: where the results of a case went."""

from __future__ import annotations

from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING

import click
from rich.markup import escape
from rich.table import Table

from amn.case.config import EVALUATED
from amn.case.load import case_folder, load_case
from amn.cli.console import results
from amn.cli.options import FORMAT, PathName
from amn.errors import ArgumentError
from amn.golden.ledger import drifts_since_anchor, find_ledger, sparkline
from amn.report.history import file_of, read, trend_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from amn.golden.ledger import Entry
    from amn.report.history import Line

COMMIT = 10  # digits


@click.command("history")
@click.argument("case")
@click.option(
    "--from",
    "folder",
    type=PathName(file_okay=False),
    default=Path("history"),
    show_default=True,
    help="Folder that amn gate --history writes to.",
)
@click.option("--last", default=20, show_default=True, type=click.IntRange(1), help="Lines shown.")
@click.option(
    "-o", "--output", type=PathName(dir_okay=False), help="Write it as one .html page, too."
)
@FORMAT
def command(case: str, folder: Path, last: int, output: Path | None, style: str) -> None:
    """Show the results of CASE over time, who accepted what between them, and where they go.

    \b
    Examples:
      amn gate --history history          a line a case, appended
      amn history wiki-mini
      amn history wiki-mini -o history.html
    """  # noqa: D301 - \b keeps click from wrapping the examples
    place = case_folder(case)
    file = file_of(folder, place.name)
    if not file.exists():
        fix = f"amn gate {quote(case)} --history {quote(str(folder))}"
        raise ArgumentError(f"{file}: expected a history, found none. Fix: {fix}")
    lines = read(file)
    known = find_ledger(place) if place.is_dir() else None
    entries = known.entries if known else ()
    said = list(_trends(lines, entries, place))
    if style == "json":
        every = ",\n".join(one.model_dump_json(by_alias=True, exclude_none=True) for one in lines)
        click.echo(f"[\n{every}\n]")
    else:
        results().print(_table(lines[-last:], entries))
        for line in said:
            click.echo(line)
    if output:
        from amn.report.page.history import write_history  # noqa: PLC0415 - loads jinja2

        write_history(output, place.name, lines, entries, said)
        click.echo(f"wrote {output}", err=True)


def _table(lines: Sequence[Line], entries: Sequence[Entry]) -> Table:
    """Return a row a gate, and one for each golden that was accepted between them."""
    table = Table(box=None, pad_edge=False)
    for column in ("time", "commit", "in_dist", "ood", "beside the golden", "result"):
        table.add_column(column, overflow="fold")
    rows = [(line.time, _cells(line)) for line in lines]
    first = lines[0].time if lines else None
    for entry in entries:
        if first and entry.time >= first:
            what = f"golden {entry.kind} by {entry.author}: {entry.reason}"
            means = [f"{entry.mean(split):.4f}" for split in EVALUATED]
            rows.append((entry.time, [(entry.commit or "")[:COMMIT], *means, "", what]))
    for time, cells in sorted(rows, key=lambda row: row[0]):
        table.add_row(f"{time:%Y-%m-%d %H:%M}", *map(escape, cells))
    return table


def _cells(line: Line) -> list[str]:
    """Return what a row says of a gate."""
    means = [f"{line.scores[s].mean:.4f}" if s in line.scores else "-" for s in EVALUATED]
    beside = [
        f"{one.difference:+.4f}"
        for split in EVALUATED
        if (one := line.scores.get(split)) and one.difference is not None
    ]
    return [(line.commit or "-")[:COMMIT], *means, " ".join(beside) or "-", line.word]


def _trends(lines: Sequence[Line], entries: Sequence[Entry], place: Path) -> Iterator[str]:
    """Yield, a line a split, its values, the noise about one of them, and whether they creep."""
    config = load_case(place).config.golden if (place / "case.toml").is_file() else None
    for split in EVALUATED:
        trend = trend_of(lines, split)
        if not trend.values:
            continue
        low, high = min(trend.values), max(trend.values)
        line = f"{split:8} {sparkline(trend.values)}  {low:.4f} ... {high:.4f}"
        last = next(one.scores[split] for one in reversed(lines) if split in one.scores)
        if last.low is not None and last.high is not None:
            line += f", one of them is known within {(last.high - last.low) / 2:.4f}"
        if entries and config:
            drift = drifts_since_anchor(entries, config)[split]
            line += f", goldens {drift.total:+.4f} of a budget of -{drift.budget:g}"
        yield line
        if trend.creeps and trend.p is not None:
            spent = trend.steps_to(config.margin) if config else None
            rest = "" if spent is None else f"; at that rate the margin is spent in {spent} more"
            yield (
                f"{split:8} creeps: {trend.slope:+.4f} from one result to the next over "
                f"{len(trend.values)} (p {trend.p:.3f}){rest}"
            )
