"""`amn golden adopt`: a ledger for a golden that was there before it."""

from __future__ import annotations

from shlex import quote

import click

from amn.cli.golden import acceptance
from amn.errors import ArgumentError
from amn.golden.ledger import LEDGER_FILE


@click.command("adopt")
@click.argument("case")
@acceptance.REASON
@acceptance.AUTHOR
def command(case: str, reason: str, author: str | None) -> None:
    """Begin the ledger of CASE with the golden that is there; a ledger is never overwritten.

    \b
    Examples:
      amn golden adopt wiki-mini --reason "accepted before there were ledgers"
    """  # noqa: D301 - \b keeps click from wrapping the examples
    acceptance.refuse_machines()
    (found,) = acceptance.mend_all([case])
    path = found.folder / LEDGER_FILE
    if path.exists():
        fix = f"amn golden log {quote(found.name)} shows it"
        raise ArgumentError(f"{path}: expected no ledger, found one: it exists. Fix: {fix}")
    acceptance.enter_as("adopted", found, reason, author)
    click.echo(f"wrote {path}: commit it")
    click.echo(f"next: amn golden verify {quote(found.name)}")
