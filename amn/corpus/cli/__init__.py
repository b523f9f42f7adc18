"""`amn data`: data sets, a module a sub-command."""

from __future__ import annotations

import click

from amn.cli.lazy import LazyGroup

COMMANDS = {
    "import": "Make a data set from vectors in a file.",
    "build": "Make a data set from articles: read, cut, encode.",
    "describe": "What a data set is made of.",
    "compare": "What differs between two data sets, or two parts of one.",
    "filter": "Drop articles by rules, for counted reasons.",
    "split": "Divide articles into train, in-dist and OOD.",
}


@click.group("data", cls=LazyGroup, package="amn.corpus.cli", summaries=COMMANDS)
def command() -> None:
    """Data sets: make them, look at them, change them."""
