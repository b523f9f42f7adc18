"""What every form of a report says alike: every outcome, the worst first, what a verdict means."""

from __future__ import annotations

from typing import TYPE_CHECKING

from amn.findings import Finding, Outcome, Status, Verdict

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from amn.findings import GateResult

MEANING = {
    Verdict.PASS: "Every declared check ran and passed.",
    Verdict.FAIL: (
        "This change must not be merged: its data are broken, it is below a floor, or it is worse "
        "than the golden."
    ),
    Verdict.LOOSENED: (
        "It passes, and this change lets more through than its merge base does: a person has to "
        "approve that."
    ),
    Verdict.INCONCLUSIVE: (
        "The data cannot decide: nothing failed, and not everything is shown to hold."
    ),
    Verdict.HARNESS: (
        "The measurement itself is broken: its scores say nothing about the model. "
        "Repair the measurement before judging the change."
    ),
    Verdict.ERROR: (
        "A declared check could not run, so nothing was decided: not looking is never a pass."
    ),
}
WORST_FIRST = (
    Verdict.ERROR,
    Verdict.HARNESS,
    Verdict.FAIL,
    Verdict.LOOSENED,
    Verdict.INCONCLUSIVE,
    Verdict.PASS,
)
STATUS_ORDER = (
    Status.ERROR,
    Status.HARNESS,
    Status.FAIL,
    Status.LOOSENED,
    Status.INCONCLUSIVE,
    Status.WARN,
    Status.NOT_RUN,
    Status.PASS,
)
SPEAKING = frozenset(Status) - {Status.PASS, Status.NOT_RUN}  # what did not run names its cause


def complete(result: GateResult) -> tuple[Outcome, ...]:
    """Return an outcome for every declared check, and one more for each that nobody declared.

    A declared check without an outcome becomes an ERROR, as it does in the verdict.
    """
    found = {outcome.label: outcome for outcome in result.outcomes}
    outcomes = [found.get(label) or _missing(label) for label in result.declared]
    others = [outcome for label, outcome in found.items() if label not in result.declared]
    return (*outcomes, *map(_undeclared, others))


def _missing(label: str) -> Outcome:
    """Return the outcome of a declared check that nobody ran."""
    check, _, name = label.partition("-")
    finding = Finding(label, "expected the check to run, found no outcome", f"amn rules {check}")
    return Outcome(check, name, Status.ERROR, findings=(finding,))


def _undeclared(outcome: Outcome) -> Outcome:
    """Return an outcome that nobody asked for as an ERROR."""
    finding = Finding(outcome.label, "expected only declared checks, got one that is not declared")
    return Outcome(outcome.check, outcome.name, Status.ERROR, findings=(finding,))


def worst_first(outcomes: Iterable[Outcome]) -> list[Outcome]:
    """Return outcomes by status, the worst first; equal ones stay in the order of the gate."""
    return sorted(outcomes, key=lambda outcome: STATUS_ORDER.index(outcome.status))


def worst_verdict(results: Sequence[GateResult]) -> Verdict:
    """Return the worst verdict of several cases; ERROR when there is none."""
    return worst_of(result.verdict for result in results)


def worst_of(verdicts: Iterable[Verdict]) -> Verdict:
    """Return the worst verdict; ERROR when there is none."""
    return min(verdicts, key=WORST_FIRST.index, default=Verdict.ERROR)
