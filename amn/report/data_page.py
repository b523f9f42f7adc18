"""A description or a comparison as one HTML file that needs nothing else."""

from __future__ import annotations

from importlib.resources import files
from typing import TYPE_CHECKING, Any

from amn.errors import require
from amn.report.data_figures import figures
from amn.report.data_text import effect_word, interval, number, warning_text
from amn.report.visible import visible_value
from amn.storage import write_bytes

if TYPE_CHECKING:
    from pathlib import Path

    from amn.curation.compare import Comparison
    from amn.curation.describe import Description

TEMPLATE = "data_page.html"


def write_description(description: Description, path: Path) -> None:
    """Write the page of one data set, whole or not at all.

    Raises:
        MissingDependencyError: If jinja2 or matplotlib is not installed.
    """
    _write(path, description.label, sides=[description], comparison=None, warning="")


def write_comparison(comparison: Comparison, path: Path) -> None:
    """Write the page of two data sets, whole or not at all.

    Raises:
        MissingDependencyError: If jinja2 or matplotlib is not installed.
    """
    _write(
        path,
        f"{comparison.b.label} against {comparison.a.label}",
        sides=[comparison.a, comparison.b],
        comparison=comparison,
        warning=warning_text(comparison) if comparison.circular else "",
    )


def _write(path: Path, title: str, *, sides: list[Description], **values: Any) -> None:  # noqa: ANN401 - what the template shows
    """Fill the template."""
    jinja2 = require("jinja2", extra="report")
    environment = jinja2.Environment(
        autoescape=True, trim_blocks=True, lstrip_blocks=True, finalize=visible_value
    )
    environment.filters["number"] = number
    environment.filters["interval"] = interval
    environment.filters["effect_word"] = effect_word
    source = files("amn.report").joinpath("templates", TEMPLATE).read_text("utf-8")
    page = environment.from_string(source).render(
        title=title, sides=sides, figures=figures(sides), **values
    )
    write_bytes(path, page.encode())
