"""`amn demo`, shown on a case, a module a sub-command."""

from __future__ import annotations

import click

from amn.cli.lazy import LazyGroup

COMMANDS = {
    "history": "The failures of the earlier work, done again and named for what they are.",
}


@click.group("demo", cls=LazyGroup, package="amn.cli.demo", summaries=COMMANDS)
def command() -> None:
    """Demonstrations, shown on a case."""
