"""I101 and on, G025, G026: the recall of a case's configurations of an index, and the golden's."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from amn.checks.check import Check, Defect, check
from amn.checks.golden import UPDATE
from amn.data.index.recall import recall_bound
from amn.errors import CheckNotRunError, DoesNotApplyError, GoldenError
from amn.verdict import Finding, Measured, Severity, Verdict, count_of, shown

if TYPE_CHECKING:
    from collections.abc import Mapping

    from amn.case.limits import Configuration, IndexConfig
    from amn.checks.comparison import Recalls
    from amn.data.index.recall import Recalled

    Parts = dict[str, object]

MISSED_BY = 0.05  # below a floor: a defect that must be seen
RAISE = "raise nprobe or ef_search of the configuration, or take a finer kind"


def configuration_checks(limits: IndexConfig) -> tuple[Check, ...]:
    """Return a check for each configuration of an index."""
    return tuple(_check_of(one, limits.floor(one)) for one in limits.configuration)


def _check_of(configuration: Configuration, floor: float) -> Check:
    """Return the check of one configuration."""
    name = configuration.name

    def holds(recalled_rows: Mapping[str, Recalled]) -> Measured:
        if name not in recalled_rows:
            raise CheckNotRunError(f"{configuration.id}: expected {name} in [index], found none")
        found = recalled_rows[name]
        mean, lower = float(found.recall.mean()), recall_bound(found.recall[0])
        text = f"recall@{found.k} {mean:.4f}, lower 95 % bound {lower:.4f}, {_queries(found)}"
        findings = []
        if not lower >= floor:
            message = f"expected a lower bound of at least {floor:g}, got {text}"
            findings.append(Finding(f"{name}: {configuration}", message, RAISE))
        return Measured(shown(lower, floor), f">= {floor:g}", findings, text, lower)

    def missed(recalled_rows: Mapping[str, Recalled]) -> Parts:
        found = recalled_rows[name]
        few = replace(found, recall=np.full_like(found.recall, max(floor - MISSED_BY, 0.0)))
        return {"recalled_rows": {**recalled_rows, name: few}}

    holds.__doc__ = (
        f"{configuration}, searched for rows, has a recall of at least {floor:g}.\n\n"
        "The lower 95 % bound of recall@k against exact search, ties aside.\n\n"
        "Why: An approximate index loses neighbours quietly; whoever reads its results blames the "
        "model.\n"
        "Fix: Raise nprobe or ef_search of the configuration in case.toml, or take a finer kind"
    )
    missed.__doc__ = f"The index {name} loses neighbours, below its floor."
    missed.__name__ = f"missed_{configuration.id.lower()}"
    needs = ("D001", "D003")
    return Check(
        configuration.id, f"recall_{name}", holds, needs=needs, broken_by=(Defect(missed),)
    )


def _queries(found: Recalled) -> str:
    """Return `1,000 queries of 100 articles, 52,000 a second`."""
    n, articles = found.recall.size, len(np.unique(found.places))
    queries = f"{count_of(n, 'query')} of {count_of(articles, 'article')}"
    return f"{queries}, {found.per_second:,.0f} a second"


def lost_recall_rows(recalls_of_rows: Recalls) -> Parts:
    """Searched for rows, an index finds less than the golden's, by twice the margin."""
    return {"recalled_rows": _fewer(recalls_of_rows)}


def lost_recall_predicted(recalls_of_predictions: Recalls) -> Parts:
    """Searched for predictions, an index finds less than the golden's, by twice the margin."""
    return {"recalled_predictions": _fewer(recalls_of_predictions)}


def _fewer(sides: Recalls) -> dict[str, Recalled]:
    """Return recall that is lower than the golden's by twice the margin, more in some queries."""
    if not sides.compared:
        raise DoesNotApplyError("expected a golden with recall of an index")

    def fewer(name: str, found: Recalled) -> Recalled:
        noise = np.random.default_rng(0).standard_normal(found.recall.shape)
        return replace(found, recall=found.recall - 2 * sides.margin(name) * (1 + 0.5 * noise))

    return {
        name: fewer(name, found) if name in sides.compared else found
        for name, found in sides.recalled.items()
    }


@check("G025", "recall_rows", needs=["G004"], broken_by=[lost_recall_rows])
def check_recall_rows(recalls_of_rows: Recalls) -> Measured:
    """Searched for rows, no configuration of an index finds less than the golden's.

    Recall@k against exact search, ties aside: not lower than the golden's by more than the margin,
    paired by query and clustered by article, at Holm's levels among the configurations.

    Why: A floor lets a good index rot down to it, a neighbour at a time.
    Fix: See what changed in [index] of case.toml, in the vectors, or in faiss; accept it only with
    a reason: amn golden update CASE --reason TEXT
    """
    return _not_worse(recalls_of_rows)


@check("G026", "recall_predicted", needs=["G003"], broken_by=[lost_recall_predicted])
def check_recall_predicted(recalls_of_predictions: Recalls) -> Measured:
    """Searched for predictions of the model, no configuration finds less than the golden's.

    Recall@k against exact search, ties aside: not lower than the golden's by more than the margin,
    paired by window and clustered by article, at Holm's levels among the configurations.

    Why: Predictions lie where rows do not: an index that finds rows may lose what is near them.
    Fix: See what changed in [index] of case.toml, or in the model; accept it only with a reason:
    amn golden update CASE --reason TEXT
    """
    return _not_worse(recalls_of_predictions)


def _not_worse(sides: Recalls) -> Measured:
    """Judge every configuration that the golden has; name those that it has not."""
    findings, details, differences = list[Finding](), list[str](), list[float]()
    for name, found in sides.recalled.items():
        mean = float(found.recall.mean())
        if name not in sides.compared:
            details.append(f"{name} {mean:.4f}, not in the golden: {UPDATE} adds it")
            continue
        try:
            judged = sides.judge(name)
        except GoldenError as error:
            message, _, fix = error.message.partition(" Fix: ")
            findings.append(Finding(name, message, fix, Severity.INCONCLUSIVE))
            continue
        one, margin = judged.comparison, sides.margin(name)
        bounds = f"lower bound {one.lower:+.4f}, upper {one.upper:+.4f}"
        text = f"{one.difference:+.4f} ({bounds}, {count_of(one.n_clusters, 'article')})"
        if judged.verdict is Verdict.FAIL:
            message = f"expected recall not below {sides.accepted(name):.4f} by {margin:.4g}, got "
            findings.append(Finding(name, f"{message}{text}", RAISE))
        elif judged.verdict is not Verdict.PASS:
            message = f"cannot tell: {text}, margin {margin:.4g}{one.doubted}"
            message += f"; a loss of {one.detectable:.4f} would have been seen in 80 %"
            findings.append(Finding(name, message, RAISE, Severity.INCONCLUSIVE))
        details.append(f"{name} {mean:.4f}, golden {sides.accepted(name):.4f}, {bounds}")
        differences.append(one.difference)
    worst = min(differences, default=None)
    value = "none compared" if worst is None else f"{worst:+.4f}"
    return Measured(value, "not worse than the golden", findings, "; ".join(details), worst)
