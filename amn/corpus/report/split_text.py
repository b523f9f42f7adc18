"""What `amn data split` prints: the splits beside train, and what to write into case.toml."""

from __future__ import annotations

from typing import TYPE_CHECKING

from amn.case.config import EVALUATED
from amn.corpus.report.data_text import interval
from amn.report.visible import visible

if TYPE_CHECKING:
    from collections.abc import Sequence

    from amn.corpus.study.difference import Difference
    from amn.corpus.study.splitting import SplitPlan, SplitReport


def split_text(plan: SplitPlan, reports: Sequence[SplitReport], file: str) -> str:
    """Return the splits as a table, warnings, and the lines for case.toml."""
    sizes = f"{'':<9}{'articles':>8}{'rows':>11}{'windows':>10}"
    lines = [f"{sizes}  {'coherence':<17}{'mean of context':<17}ridge"]
    for r in reports:
        sizes = f"{r.name:<9}{r.articles:>8,}{r.rows:>11,}{r.windows:>10,}"
        lines.append(f"{sizes}  {_beside(r.coherence):<17}{_beside(r.ease):<17}{interval(r.ridge)}")
    if plan.moved:
        lines.append(f"{plan.moved:,} articles were moved to where their near-duplicates are")
    lines += [f"WARNING: {r.warning}" for r in reports if r.warning]
    lines += [
        "",
        "[split]                          # in case.toml, the file beside it; what is left trains",
        *(f'{name:<8}= {{ file = "{file}" }}' for name in EVALUATED),
    ]
    return visible("\n".join(lines))


def _beside(d: Difference) -> str:
    """Return a split's mean and its difference from train's, * where surely not 0."""
    mark = "*" if d.low > 0 or d.high < 0 else " "
    return f"{d.b:.4f} {d.value:+.4f}{mark}" if d.value else f"{d.b:.4f}"
