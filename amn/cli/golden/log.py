"""`amn golden log`: how a golden came to be."""

from __future__ import annotations

import click
from rich.markup import escape
from rich.table import Table

from amn.case.config import EVALUATED
from amn.checks.comparison import guarded_names
from amn.cli.cases import find_case
from amn.cli.console import results
from amn.cli.options import FORMAT
from amn.errors import GoldenError
from amn.golden.ledger import LEDGER_FILE, Entry, drifts_since_anchor, read_ledger, sparkline


@click.command("log")
@click.argument("case")
@FORMAT
def command(case: str, style: str) -> None:
    """Show every acceptance of CASE: when, by whom, why, and where the values went.

    \b
    Examples:
      amn golden log wiki-mini
      amn golden log wiki-mini --format json
    """  # noqa: D301 - \b keeps click from wrapping the examples
    found = find_case(case)
    entries = read_ledger(found.folder)
    if not entries:
        raise GoldenError(
            found.folder / LEDGER_FILE,
            "expected the ledger of a golden, found none. Fix: amn golden new "
            f"{found.name} --reason TEXT, or amn golden adopt for a golden that is there",
        )
    if style == "json":
        lines = ",\n".join(entry.model_dump_json(by_alias=True) for entry in entries)
        click.echo(f"[\n{lines}\n]")
        return
    results().print(_table(entries))
    names = guarded_names(found.config.criteria.guards)
    drifts = drifts_since_anchor(entries, found.config.golden, names)
    width = max(map(len, drifts), default=0)
    for name, drift in drifts.items():
        others = [entry.other(name) for entry in entries if name not in EVALUATED]
        values = [one.mean for one in others if one] or [entry.mean(name) for entry in entries]
        click.echo(
            f"{name:{width}} {sparkline(values)}  {min(values):.4f} ... {max(values):.4f}, "
            f"{drift.total:+.4f} since entry {drift.anchor} (budget -{drift.budget:.4g})"
        )


def _table(entries: tuple[Entry, ...]) -> Table:
    """Return one row an entry."""
    table = Table(box=None, pad_edge=False)
    for column in ("#", "day", "in_dist", "ood", "what", "by", "commit", "reason"):
        table.add_column(column, overflow="fold", justify="right" if column == "#" else "left")
    for entry in entries:
        means = [f"{entry.mean(split):.4f}" for split in EVALUATED]
        what = f"{entry.kind}, a regression" if entry.accepted_regression else entry.kind
        commit = (entry.commit or "-")[:7]
        texts = [str(entry.number), f"{entry.time:%Y-%m-%d}", *means, what, entry.author, commit]
        table.add_row(*(escape(text) for text in (*texts, entry.reason)))
    return table
