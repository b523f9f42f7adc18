"""A result without the titles and ids of articles, for places that more people read than the data.

Whatever a finding says may name an article, so what was found is counted and not shown; figures are
left out, since they are drawn article by article.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from amn.checks.check import checks
from amn.checks.comparison import Compared
from amn.gate.scope import SHOWN_BY
from amn.verdict import Finding

if TYPE_CHECKING:
    from amn.gate.result import GateResult
    from amn.verdict import Outcome

KEPT = {"summaries", "case", "review", "golden", "asked", "golden_folder", "classes", "recorded"}


def without_articles(result: GateResult) -> GateResult:
    """Return a result that says the same of every check, and nothing of any article."""
    made = {part: value for part, value in result.made.items() if part in KEPT}
    made |= {part: () for part in SHOWN_BY.values() if part in result.made}
    made["candidates"] = tuple(  # by which seeds are counted
        replace(one, record=None, recorded=None) for one in result.made.get("candidates", ())
    )
    outcomes = tuple(map(_counted, result.outcomes))
    return replace(result, outcomes=outcomes, made=made, record=None)


def _counted(outcome: Outcome) -> Outcome:
    """Return an outcome with the number of its findings in their place."""
    known = checks().get(outcome.check)
    n = len(outcome.findings)
    message = f"{n} finding{'s' * (n != 1)}, not shown here"
    findings = (Finding(outcome.label, message, known.fix if known else ""),) if n else ()
    data = outcome.data
    if isinstance(data, Compared):
        data = replace(data, attribution=None)
    detail = outcome.waiver or outcome.approval
    return replace(outcome, findings=findings, detail=detail, data=data)
