"""What every form of a report says alike: every outcome, the worst first, what a verdict means."""

from __future__ import annotations

from typing import TYPE_CHECKING

from amn.findings import Finding, Outcome, Status, Verdict
from amn.golden.headroom import Headroom

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
HOLDING = (Verdict.PASS, Verdict.LOOSENED, Verdict.INCONCLUSIVE)  # nothing fails as it stands
SPEAKING = frozenset(Status) - {Status.PASS, Status.NOT_RUN}  # what did not run names its cause


def complete(result: GateResult) -> tuple[Outcome, ...]:
    """Return an outcome for every declared check, and one more for each that nobody declared.

    A declared check without an outcome becomes an ERROR, as it does in the verdict.
    """
    found = {outcome.label: outcome for outcome in result.outcomes}
    outcomes = [found.get(label) or _missing(label) for label in result.declared]
    others = [outcome for label, outcome in found.items() if label not in result.declared]
    return (*outcomes, *map(_undeclared, others))


def beside_merge_base(result: GateResult) -> str:
    """Return what the change owes to itself, in sentences; empty where nobody asked."""
    review = result.review
    if review is None:
        return ""
    if not review.base:
        return f"Not compared with a merge base: {review.note}."
    base = f"the merge base {review.base[:10]} with {review.target}"
    names = ", ".join(review.worse_on_base)
    if result.verdict not in HOLDING:
        text = f"Compared with {base}."
    elif names:
        text = (
            f"It passes only because of this change: by the limits and the golden of {base} it "
            f"fails {names}."
        )
    elif not review.is_judged:
        text = f"No result was judged; the files were compared with {base}."
    else:
        word = "passes" if result.verdict is not Verdict.INCONCLUSIVE else "fails nothing"
        text = f"It {word} on merit: by the limits and the golden of {base} as well."
    if review.loosenings:
        what = list(dict.fromkeys(loosening.what for loosening in review.loosenings))
        text += f" This change {' and '.join(filter(None, [', '.join(what[:-1]), what[-1]]))}."
    if review.approval:
        text += f" That is let through by {review.approval}."
    return text + (f" Also in it: {review.note}." if review.note else "")


def counted(results: Sequence[GateResult]) -> str:
    """Return how many cases do not pass, `2 of 3 cases`; where all pass, how many that are."""
    n = sum(result.verdict is not Verdict.PASS for result in results) or len(results)
    return f"{n} of {len(results)} cases"


def together(results: Sequence[GateResult]) -> str:
    """Return `FAIL: 2 of 3 cases (HARNESS other, FAIL wiki-mini)`, the worst first."""
    ordered = sorted(results, key=lambda result: WORST_FIRST.index(result.verdict))
    named = [f"{r.verdict.value} {r.case}" for r in ordered if r.verdict is not Verdict.PASS]
    names = f" ({', '.join(named)})" if named else ""
    return f"{worst_verdict(results).value}: {counted(results)}{names}"


def headroom_lines(result: GateResult) -> list[str]:
    """Return a line a limit that sits too far below what the golden measured, or within noise."""
    found = result.facts.get("headroom")
    return [str(Headroom(**one)) for one in found] if isinstance(found, list) else []


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
