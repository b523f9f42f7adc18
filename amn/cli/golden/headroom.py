"""`amn golden headroom`: can the limits still catch anything?"""

from __future__ import annotations

from dataclasses import asdict

import click
from rich.table import Table

from amn.cli.cases import find_cases
from amn.cli.console import results
from amn.cli.options import FORMAT
from amn.golden.headroom import Headroom, headrooms
from amn.golden.store import read_golden
from amn.report.json import dumps


@click.command("headroom")
@click.argument("cases", nargs=-1)
@FORMAT
def command(cases: tuple[str, ...], style: str) -> None:
    """Show how far each limit is from what the golden measured.

    `too far`: a fall of three margins passes it; `within noise`: a sound retraining may fail it.

    \b
    Examples:
      amn golden headroom
      amn golden headroom wiki-mini --format json
    """  # noqa: D301 - \b keeps click from wrapping the examples
    found = {
        case.name: list(headrooms(case.config, read_golden(case.folder).record))
        for case in find_cases(cases)
    }
    if style == "json":
        click.echo(dumps({n: [asdict(row) for row in rows] for n, rows in found.items()}))
        return
    for name, rows in found.items():
        results().print(_table(name, rows))


def _table(name: str, rows: list[Headroom]) -> Table:
    """Return one line a limit."""
    table = Table(box=None, pad_edge=False)
    for column in (name, "measured", "limit", "distance", "in noise", "", "consider"):
        table.add_column(column, justify="left" if column in (name, "") else "right")
    for row in rows:
        sigmas = f"{row.sigmas:.1f} sd" if row.noise > 0 else "unknown"
        consider = "" if row.proposal is None else f"{row.proposal:.3f}"
        figures = (f"{row.value:.4f}", f"{row.bound:.4f}", f"{row.distance:+.4f}", sigmas)
        table.add_row(row.limit, *figures, f"[yellow]{row.note}[/]" if row.note else "", consider)
    return table
