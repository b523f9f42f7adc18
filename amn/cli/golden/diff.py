"""`amn golden diff`: what an update would change."""

from __future__ import annotations

from shlex import quote
from typing import TYPE_CHECKING

import click

from amn.cli.cases import find_case
from amn.cli.golden import acceptance
from amn.cli.options import CACHE
from amn.golden.compare import diff_golden
from amn.golden.store import read_golden
from amn.verdict import count_of

if TYPE_CHECKING:
    from pathlib import Path

NOT_ACCEPTED = "not accepted: amn golden diff"


@click.command("diff")
@click.argument("case")
@acceptance.SEEDS
@CACHE
def command(case: str, seeds: int, cache: Path) -> None:
    """Show what an update of CASE would change; nothing is written.

    \b
    Examples:
      amn golden diff wiki-mini
    """  # noqa: D301 - \b keeps click from wrapping the examples
    found = find_case(case)
    old = read_golden(found.folder)
    # Shown also where an update would be refused: that is when one wants to see it.
    accepted = acceptance.make(
        found, NOT_ACCEPTED, seeds, cache, previous=old, accept_regression=True
    )
    changes = diff_golden(old.record, accepted.golden.record)
    acceptance.print_changes(old, accepted.golden)
    for failure in accepted.failures:
        click.echo(f"an update would be refused: {failure}")
    count = count_of(len(changes), "change")
    update = f"amn golden update {quote(case)} --reason TEXT"
    if accepted.failures:
        for_ever = "mend it, or accept it for ever on record"
        click.echo(f"{count}, refused: {for_ever}: {update} --accept-regression")
    else:
        click.echo(f"{count}. Accept them: {update}")
