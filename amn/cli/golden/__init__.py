"""`amn golden`: the accepted results of cases, a module a sub-command."""

from __future__ import annotations

import click

from amn.cli.lazy import LazyGroup

COMMANDS = {
    "new": "Accept the first golden of a case.",
    "update": "Replace a golden, with a reason.",
    "diff": "What an update would change.",
    "list": "Every case with its golden.",
    "log": "How a golden came to be: values over time, reasons.",
    "verify": "Is every golden what its ledger says, and is nothing loosened?",
    "headroom": "Which limits are too far below what is measured, or within its noise.",
    "adopt": "Begin the ledger of a golden that has none.",
    "anchor": "Name the golden that later ones must not drift away from: a release.",
    "prune": "Remove goldens whose case is gone.",
}


@click.group("golden", cls=LazyGroup, package="amn.cli.golden", summaries=COMMANDS)
def command() -> None:
    """Goldens: the accepted result of a case, that a candidate must not be worse than.

    \b
    Examples:
      amn golden new wiki-mini --reason "first accepted result"
      amn golden diff wiki-mini
      amn golden update wiki-mini --reason "800 more articles, +0.004 OOD"
      amn golden log wiki-mini
      amn golden verify
    """  # noqa: D301 - \b keeps click from wrapping the examples
