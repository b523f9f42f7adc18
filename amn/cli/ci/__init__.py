"""`amn ci`: ready workflows, and what their final job requires."""

from __future__ import annotations

import click

from amn.cli.lazy import LazyGroup

COMMANDS = {
    "init": "Write a ready workflow for GitHub, GitLab or Jenkins.",
    "require": "Fail unless every case was judged and every declared check ran.",
}


@click.group("ci", cls=LazyGroup, package="amn.cli.ci", summaries=COMMANDS)
def command() -> None:
    """Ready workflows for CI, and what their final job requires.

    \b
    Examples:
      amn ci init github
      amn ci require verdict.json
    """  # noqa: D301 - \b keeps click from wrapping the examples
