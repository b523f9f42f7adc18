"""Results over time as one HTML file that needs nothing else."""

from __future__ import annotations

from typing import TYPE_CHECKING

from amn.case.config import EVALUATED
from amn.report.page.plots import curves
from amn.report.page.template import render
from amn.storage import write_bytes

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from amn.golden.ledger import Entry
    from amn.report.history import Line


def write_history(
    path: Path, case: str, lines: Sequence[Line], entries: Sequence[Entry], said: Sequence[str]
) -> None:
    """Write the page of a case's history, whole or not at all.

    Args:
        said: What is said of the trend, a line each.

    Raises:
        MissingDependencyError: If jinja2 is not installed.
    """
    sides = [
        (
            split,
            {i: one.scores[split].mean for i, one in enumerate(lines, 1) if split in one.scores},
        )
        for split in EVALUATED
    ]
    last = [next((c[i] for i in reversed(c)), float("nan")) for _, c in sides if c]
    chart = curves(
        "Mean cosine of each gate", sides, "Dashed: the last result.", axis="gate", levels=last
    )
    page = render(
        "history.html",
        title=f"{case}: results over time",
        lines=list(enumerate(lines, 1)),
        entries=entries,
        charts=[chart] if chart else [],
        said=said,
        splits=EVALUATED,
    )
    write_bytes(path, page.encode())
