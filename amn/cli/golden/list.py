"""`amn golden list`: every case with its golden."""

from __future__ import annotations

from shlex import quote

import click
from rich.markup import escape
from rich.table import Table

from amn.cli.cases import find_cases
from amn.cli.console import results
from amn.golden.store import GOLDEN_FILE, read_golden


@click.command("list")
def command() -> None:
    """List every case under golden/ with its golden.

    \b
    Examples:
      amn golden list
    """  # noqa: D301 - \b keeps click from wrapping the examples
    table = Table(box=None, pad_edge=False)
    for column in ("case", "in_dist", "ood", "seeds", "accepted", "by", "reason"):
        table.add_column(column, overflow="fold")
    missing = []
    for case in find_cases(()):
        path = case.folder / GOLDEN_FILE
        if not (path.exists() or path.is_symlink()):
            missing.append(case.name)
            continue
        record = read_golden(case.folder).record
        metrics = [f"{record.metrics[split].mean:.4f}" for split in ("in_dist", "ood")]
        texts = [record.case, *metrics, str(len(record.seeds)), str(record.accepted.created)]
        table.add_row(
            *(escape(t) for t in (*texts, record.accepted.author, record.accepted.reason))
        )
    results().print(table)
    for name in missing:
        click.echo(f"{name}: no golden. Fix: amn golden new {quote(name)} --reason TEXT")
