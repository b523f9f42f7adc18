"""A description or a comparison as one HTML file that needs nothing else."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from amn.corpus.report.charts import description_charts
from amn.corpus.report.data_text import effect_word, interval, warning_text
from amn.report.page.plots import number
from amn.report.page.template import render
from amn.storage import write_bytes

if TYPE_CHECKING:
    from pathlib import Path

    from amn.corpus.study.compare import Comparison
    from amn.corpus.study.describe import Description


def write_description(description: Description, path: Path) -> None:
    """Write the page of one data set, whole or not at all.

    Raises:
        MissingDependencyError: If jinja2 is not installed.
    """
    _write(path, description.label, sides=[description], comparison=None, warning="")


def write_comparison(comparison: Comparison, path: Path) -> None:
    """Write the page of two data sets, whole or not at all.

    Raises:
        MissingDependencyError: If jinja2 is not installed.
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
    known = all(side.kinds is not None for side in sides)
    shares = [{k.kind: k.articles / s.articles for k in s.kinds or ()} for s in sides]
    names = dict.fromkeys(name for side in shares for name in side) if known else ()
    page = render(
        "data_page.html",
        title=title,
        sides=sides,
        charts=description_charts(sides),
        kinds={n: [number(side.get(n, 0.0), "share") for side in shares] for n in names},
        number=number,
        interval=interval,
        effect_word=effect_word,
        **values,
    )
    write_bytes(path, page.encode())
