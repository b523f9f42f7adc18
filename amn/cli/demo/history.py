"""`amn demo history`: the failures of the earlier work, each beside its healthy version."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click
from rich.markup import escape
from rich.padding import Padding
from rich.table import Table

from amn.cli.cases import find_case
from amn.cli.console import progress_bar, results
from amn.cli.options import CACHE, FORMAT
from amn.report.json import dumps

if TYPE_CHECKING:
    from pathlib import Path

    from rich.console import Console

    from amn.prove.history import History, Played

MISNAMED = 1  # exit code: a failure got another cause than it has


@click.command("history")
@click.argument("case", default="wiki-mini")
@FORMAT
@CACHE
def command(case: str, style: str, cache: Path) -> None:
    """Do the failures of the earlier work again on a copy of CASE, and name their causes.

    Each failing version is gated and diagnosed beside the case as it is, which has to pass its
    gate; the case itself is only read. Exit code 0: every failure was named for what it is. 1: one
    was not.

    \b
    Examples:
      amn demo history
      amn demo history wiki-mini --format json
    """  # noqa: D301 - \b keeps click from wrapping the examples
    from amn.prove.history import play_history  # noqa: PLC0415 - loads torch

    with progress_bar() as progress:
        history = play_history(find_case(case), cache=cache, progress=progress)
    if style == "json":
        click.echo(dumps(history.to_json()))
    else:
        print_history(history, results())
    sys.exit(0 if history.passed else MISNAMED)


def print_history(history: History, out: Console) -> None:
    """Print every scene with both of its versions, and the verdict."""
    scores = ", ".join(f"{name} {value:.4f}" for name, value in history.scores.items())
    out.print(f"[bold]{escape(history.case)}[/]  {history.healthy}, {scores}: the healthy version")
    for number, played in enumerate(history.scenes, start=1):
        _print_scene(number, played, out)
    named = sum(played.is_named for played in history.scenes)
    early = sum(played.epochs == 0 for played in history.scenes)
    out.print(
        f"\n{'PASS' if history.passed else 'FAIL'}: {named} of {len(history.scenes)} failures "
        f"named for what they are, {early} of them before a training step; "
        f"{history.seconds:.0f} s",
        soft_wrap=True,
    )


def _print_scene(number: int, played: Played, out: Console) -> None:
    out.print(f"\n[bold]{number}. {escape(played.scene)}[/]: {escape(played.done)}")
    table = Table.grid(padding=(0, 2))
    table.add_column(no_wrap=True, style="dim")
    table.add_column(overflow="fold")
    if played.then:
        table.add_row("then", f'"{escape(played.then)}"')
    trained = f"after {played.epochs} epoch{'s' * (played.epochs != 1)}"
    when = trained if played.epochs else "before a training step"
    table.add_row("failing", f"[red]{played.verdict}[/] {when}. {escape(played.failing)}")
    table.add_row("healthy", f"[green]PASS[/] {escape(played.healthy)}")
    colour = "green" if played.is_named else "red"
    table.add_row("cause", f"[{colour}]{escape(played.title)}[/]")
    if not played.is_named:
        table.add_row("", f"expected {played.expected}, got {played.named or 'none'}")
    out.print(Padding(table, (0, 0, 0, 3)))
