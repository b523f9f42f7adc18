"""The terminal: results as wide as it is, and what others wrote shown as it is."""

from __future__ import annotations

import os
import shutil
from typing import TYPE_CHECKING, Any

from rich.console import Console

from amn.report.visible import visible
from amn.verdict import Status, Verdict

if TYPE_CHECKING:
    from rich.text import Text

WIDTH = 100  # columns that every table fits, in a log; COLUMNS says another number, from LEAST on
LEAST = 72
STYLES = {
    Status.PASS: "green",
    Status.WARN: "yellow",
    Status.INCONCLUSIVE: "yellow",
    Status.LOOSENED: "bold red",
    Status.FAIL: "bold red",
    Status.HARNESS: "bold magenta",
    Status.NOT_RUN: "dim",
    Status.ERROR: "bold red",
}
VERDICT_STYLES = {
    Verdict.PASS: "bold green",
    Verdict.PARTIAL: "bold yellow",
    Verdict.INCONCLUSIVE: "bold yellow",
    Verdict.LOOSENED: "bold red",
    Verdict.FAIL: "bold red",
    Verdict.HARNESS: "bold magenta",
    Verdict.ERROR: "bold red",
}


class VisibleConsole(Console):
    """A console that obeys its own markup only: no control characters and no emoji codes."""

    def on_broken_pipe(self) -> None:
        """Leave the exit code to the command: rich's own is 1, which means FAIL here."""
        raise BrokenPipeError

    def render_str(self, text: str, **options: Any) -> Text:  # noqa: ANN401 - passed on
        """Return text with its markup rendered."""
        return super().render_str(visible(text), **(options | {"emoji": False}))


def results() -> Console:
    """Return the console for results on stdout; rich respects NO_COLOR and pipes."""
    console = VisibleConsole(width=WIDTH, highlight=False)
    columns = shutil.get_terminal_size((WIDTH, 24)).columns  # COLUMNS first, where it is a number
    if os.environ.get("COLUMNS", "").isdigit():
        console.width = max(LEAST, columns)
    elif console.is_terminal:
        console.width = min(WIDTH, columns)
    return console
