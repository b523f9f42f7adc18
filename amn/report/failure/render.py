"""The failure report as markdown, and that markdown in a terminal."""

from __future__ import annotations

import re
from importlib.resources import files
from typing import TYPE_CHECKING

from rich.markdown import Markdown

from amn.errors import require
from amn.report.failure.progress import progression
from amn.report.markdown import escape

if TYPE_CHECKING:
    from rich.console import Console

    from amn.report.failure.gather import FailureReport

MOST_WARNINGS = 8


def _cell(text: object) -> str:
    return escape(str(text))


def figure(value: float | None) -> str:
    """Return a cosine with four digits, empty where there is none."""
    return f"{value:.4f}" if isinstance(value, float) else ""


def change(value: float | None) -> str:
    """Return a difference with its sign, empty where there is none."""
    return f"{value:+.4f}" if isinstance(value, float) else ""


def to_markdown(report: FailureReport) -> str:
    """Return the report as markdown.

    Raises:
        MissingDependencyError: Without the extra `report`.
    """
    jinja2 = require("jinja2", extra="report")
    environment = jinja2.Environment(
        trim_blocks=True, lstrip_blocks=True, keep_trailing_newline=True
    )
    environment.filters |= {"cell": _cell, "figure": figure, "change": change}
    source = files("amn.report.failure").joinpath("document.md.j2").read_text("utf-8")
    text: str = environment.from_string(source).render(
        report=report, progression=progression, most_warnings=MOST_WARNINGS
    )
    return re.sub(r"\n{3,}", "\n\n", text)


def print_report(report: FailureReport, out: Console) -> None:
    """Print the report in a terminal."""
    out.print(Markdown(to_markdown(report)))
