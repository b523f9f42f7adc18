"""Why a verdict is what it is, on one screen: what failed, by how much, the cause, what to do."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from amn.checks.meaning import by_cause, meant_by
from amn.diagnosis.diagnosis import Diagnosis
from amn.diagnosis.subject import of_result
from amn.report.verdict import MEANING, complete
from amn.training.records.history import RunStatus
from amn.verdict import BEFORE_TRAINING, Status, Verdict, cut, family_of, worst_first

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from amn.gate.result import GateResult
    from amn.verdict import Outcome

# Of letters: a number stands on one line of a terminal of 100 columns, a cause on two.
MOST_NUMBERS, OF_NUMBER, MOST_LETTERS = 3, 78, 150
ENDS = ("; ", ": ", ", ", " (")  # of clauses
# By family where the data are not sound, else by what the check says of the run.
OF_DATA = {
    "data": "the data are broken",
    "index": "the index is broken",
    "split": "the split is not sound",
    "windows": "the windows are not whole",
}
OF_RUN = {
    RunStatus.SUCCESS: "nothing failed",
    RunStatus.UNREADABLE: "the record cannot be read",
    RunStatus.CRASHED: "training crashed",
    RunStatus.UNFINISHED: "training did not end",
    RunStatus.HARNESS: "the measurement is broken",
    RunStatus.INFONCE_DOMINANCE: "the contrastive term is most of the loss",
    RunStatus.DOMINANT_TERM: "a secondary term is most of the loss",
    RunStatus.UNDECLARED_TERM: "the loss is not the declared one",
    RunStatus.DEAD_TERM: "a term of the loss does not move",
    RunStatus.COLLAPSE: "validation collapsed",
    RunStatus.NO_SKILL: "no better than a reference predictor",
    RunStatus.LOW_START: "the first epoch is too low",
    RunStatus.STALL: "training stalled",
    RunStatus.OOD_COLLAPSE: "OOD collapsed",
    RunStatus.BELOW_FLOOR: "a floor or limit is missed",
    RunStatus.DELTA_OUTSIDE: "OOD minus in-dist is out of its range",
    RunStatus.UNKNOWN_COLUMNS: "a column of the record was not understood",
    RunStatus.WORSE_THAN_GOLDEN: "worse than the golden",
    RunStatus.BROKEN_DATA: "the data are broken",
    RunStatus.NOT_MEASURED: "a check could not run",
    RunStatus.INCONCLUSIVE: "the data cannot decide",
}
NOT_COMPARED = "the golden cannot be relied on"  # a check of it that compares no scores
NOT_COMPARABLE = "nothing can be compared with the golden"
LOOSENED = "the change loosens what it is judged by"


@dataclass(frozen=True, slots=True)
class Why:
    """The first screen of a result that does not pass.

    Attributes:
        what: What failed, in words: the heaviest first.
        numbers: The check, and its number beside what was expected: one a word first.
        more: Ids of the checks that failed, too.
        cause: The likely cause; empty where nothing points at one.
        do: What to do now; empty where no command does it.
    """

    what: str
    numbers: tuple[tuple[str, str], ...]
    more: tuple[str, ...] = ()
    cause: str = ""
    do: str = ""

    @property
    def lines(self) -> list[tuple[str, str]]:
        """Every line but the first: its name, and what it says."""
        found = list(self.numbers)
        listed = _cut(", ".join(self.more), OF_NUMBER)
        found += [(f"and {len(self.more)} more", listed)] if self.more else []
        found += [("likely cause", self.cause)] if self.cause else []
        return found + ([("do", self.do)] if self.do else [])


def why(result: GateResult) -> Why | None:
    """Return why a result does not pass; None where it does, and where it is one line anyway."""
    if result.verdict in (Verdict.PASS, Verdict.PARTIAL) or result.held:
        return None
    if result.verdict is Verdict.LOOSENED and result.review and result.review.loosenings:
        return _loosened(result)
    is_open = result.verdict is Verdict.INCONCLUSIVE
    status = Status.INCONCLUSIVE
    outcomes = complete(result)
    bad = worst_first(
        by_cause(
            o
            for o in outcomes
            if (o.status is status if is_open else o.has_failed and o.status is not Status.NOT_RUN)
        )
    )
    words = {outcome.check: _word(outcome, result) for outcome in bad}
    shown = _first_of_each(bad, {o.check: (words[o.check], _error(o)) for o in bad})
    more = tuple(o.check for o in bad if o.check not in {one.check for one in shown})
    diagnosis = Diagnosis(of_result(result))
    return Why(
        "; ".join(dict.fromkeys(words.values())),
        tuple((f"{o.check} {o.name}", _number(o)) for o in shown),
        more,
        _cut(diagnosis.likely),
        _cut(diagnosis.remedy),
    )


def meaning(result: GateResult) -> str:
    """Return what the verdict means, in a sentence; of a failure what it is of."""
    found = why(result) if result.verdict is Verdict.FAIL else None
    return f"This change must not be merged: {found.what}." if found else MEANING[result.verdict]


def _loosened(result: GateResult) -> Why:
    """Return what a change lets through that its merge base does not."""
    review = result.review
    assert review is not None  # noqa: S101 - the caller has looked
    found = [(one.where, "{} -> {}".format(*one.beside)) for one in review.loosenings]
    return Why(
        "this change " + ", ".join(dict.fromkeys(one.what for one in review.loosenings)),
        tuple((where, _cut(text)) for where, text in found[:MOST_NUMBERS]),
        tuple(where for where, _ in found[MOST_NUMBERS:]),
        do="undo it, or let another person approve it: label amn-approved, or --approve-loosening",
    )


def _first_of_each(
    bad: Sequence[Outcome], kinds: Mapping[str, tuple[str, str]]
) -> Sequence[Outcome]:
    """Return the first outcome of each kind, then others that have a number, as many as shown."""
    first = {kinds[outcome.check]: outcome.check for outcome in reversed(bad)}.values()
    worth = [o for o in bad if o.check in first or not kinds[o.check][1]]
    chosen = sorted(worth, key=lambda o: o.check not in first)[:MOST_NUMBERS]
    return worst_first(by_cause(chosen))


def _error(outcome: Outcome) -> str:
    """Return what kept a check from running: many are kept by one error."""
    found = outcome.findings if outcome.status is Status.ERROR else ()
    return found[0].message.removeprefix("could not run: ") if found else ""


def _word(outcome: Outcome, result: GateResult) -> str:
    """Return what the failure of a check is called."""
    if outcome.status is Status.FAIL and (word := OF_DATA.get(family_of(outcome.check))):
        return word
    if outcome.status is Status.LOOSENED:
        return LOOSENED
    is_of_golden = family_of(outcome.check) == "golden"
    if outcome.status is Status.HARNESS and is_of_golden:
        return NOT_COMPARABLE
    means = meant_by(outcome) or RunStatus.BELOW_FLOOR
    is_worse = means is RunStatus.WORSE_THAN_GOLDEN
    if is_of_golden and is_worse and outcome.check not in result.compared:
        return NOT_COMPARED
    return OF_RUN[means]


def _number(outcome: Outcome) -> str:
    """Return what a check measured beside what it expected, and where where that is a place."""
    finding = outcome.findings[0] if outcome.findings else None
    if not outcome.value:
        text = f"{finding.where}: {finding.message}" if finding else outcome.detail
        return _cut(_error(outcome) or text)
    is_place = finding and family_of(outcome.check) in BEFORE_TRAINING
    where = f" ({finding.where})" if finding and is_place else ""
    return _cut(f"{outcome.value}{_reach(outcome)}, expected {outcome.limit}{where}", OF_NUMBER)


def _reach(outcome: Outcome) -> str:
    """Return the interval of a number that the data cannot decide about; else nothing."""
    at = outcome.standing
    if outcome.status is not Status.INCONCLUSIVE or at is None or at.low is None or at.high is None:
        return ""
    return f" ({at.low:+.4f} ... {at.high:+.4f})"


def _cut(text: str, most: int = MOST_LETTERS) -> str:
    """Return at most so much of a text, in whole clauses; half a fix is none."""
    if len(text) > most:
        text = text.partition(". Fix: ")[0]
    shown = cut(text, most)
    end = max(map(shown.rfind, ENDS))
    return f"{shown[:end]}…" if shown.endswith("…") and end > most // 2 else shown
