"""Causes in one order: that of the checks behind them, as verdict, fix and status have it.

Likely causes come before those that are only possible; among causes of equal checks the likelier,
and of equals the one to decide first, which is the order of the table. How likely one is, is the
points of what speaks for it minus those of what speaks against it. Nothing is suspected that no
check has found and no experiment has shown.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, NamedTuple

from amn.checks.meaning import ORDER, explains_most
from amn.diagnosis.causes import STATUSES, Cause, Sign, causes
from amn.diagnosis.figures import FIGURES

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from amn.verdict import Finding, Outcome

SETTLED = 4.0  # points that one decisive sign, or an experiment, gives
LIKELY = 2.0

Answer = Literal["supported", "refuted", "undecided"]


class Settled(NamedTuple):
    """What an experiment says of a cause.

    Attributes:
        cause: Its id.
        says: The numbers behind the answer.
        needs: What would decide it; empty where it is decided.
    """

    cause: str
    answer: Answer
    says: str
    needs: str = ""


# What was believed of the earlier project's failed runs: an experiment gives an answer to each.
HYPOTHESES = ("dilution", "context", "learning_rate", "new_rows")


def unsettled(says: str, needs: str) -> tuple[Settled, ...]:
    """Return every hypothesis as undecided, for one reason."""
    return tuple(Settled(cause, "undecided", says, needs) for cause in HYPOTHESES)


DEGREES = (  # least points -> in a word
    (SETTLED, "very likely"),
    (LIKELY, "likely"),
    (0.0, "possible"),
    (float("-inf"), "unlikely"),
)


@dataclass(frozen=True)
class Evidence:
    """One sign that was found.

    Attributes:
        points: Its weight, below zero where it speaks against the cause.
        text: The check or figure with its number, and what it means.
        outcomes: The checks that ended so; empty for a figure.
    """

    points: float
    text: str
    outcomes: tuple[Outcome, ...] = ()


@dataclass(frozen=True)
class RankedCause:
    """A suspected cause with what speaks for it and against it, the heaviest first."""

    cause: Cause
    speaks_for: tuple[Evidence, ...]
    speaks_against: tuple[Evidence, ...]

    @property
    def points(self) -> float:
        """Its weight: the sum of all evidence."""
        return sum(e.points for e in (*self.speaks_for, *self.speaks_against))

    @property
    def degree(self) -> str:
        """The weight in a word."""
        return DEGREES[self._degree][1]

    @property
    def _degree(self) -> int:
        return next(i for i, (least, _) in enumerate(DEGREES) if self.points >= least)

    @property
    def place(self) -> tuple[bool, int, int]:
        """Where it stands among others: see above; what no failed check shows comes last."""
        explained = min(map(explains_most, self.outcomes), default=len(ORDER))
        return self.points < LIKELY, explained, self._degree

    @property
    def outcomes(self) -> tuple[Outcome, ...]:
        """The checks that speak for it and did not pass, each once."""
        found = [o for e in self.speaks_for for o in e.outcomes]
        passed = STATUSES["passes"]
        return tuple({o.check: o for o in found if o.status not in passed}.values())


def suspects(
    outcomes: Sequence[Outcome],
    figures: Mapping[str, float] | None = None,
    settled: Sequence[Settled] = (),
) -> list[RankedCause]:
    """Return every cause that a sign points at, or an experiment, in the order of all."""
    known = figures or {}
    found = []
    for cause in causes():
        told = [one for one in settled if one.cause == cause.id]
        supported = [Evidence(SETTLED, one.says) for one in told if one.answer == "supported"]
        refuted = [Evidence(-SETTLED, one.says) for one in told if one.answer == "refuted"]
        signs = _found(cause.sign, outcomes, known) + supported
        if signs:
            support = _found(cause.support, outcomes, known)
            against = _found(cause.against, outcomes, known, factor=-1) + refuted
            found.append(RankedCause(cause, _heaviest(signs + support), _heaviest(against)))
    return sorted(found, key=lambda ranked: ranked.place)


def rank_causes(
    outcomes: Sequence[Outcome],
    figures: Mapping[str, float] | None = None,
    settled: Sequence[Settled] = (),
) -> list[RankedCause]:
    """Return the causes worth reading, in order.

    Left out is one that an experiment refuted; one that tunes data or recipe, unless an experiment
    supports it, where what comes before tuning is very likely; and one that is only possible, where
    those before it explain every check that speaks for it.
    """
    found = suspects(outcomes, figures, settled)
    answers = {one.cause: one.answer for one in settled}
    is_too_early = any(r.points >= SETTLED and not r.cause.tunes for r in found)
    kept: list[RankedCause] = []
    explained: set[str] = set()
    for ranked in found:
        answer = answers.get(ranked.cause.id)
        if answer == "refuted" or (is_too_early and ranked.cause.tunes and answer != "supported"):
            continue
        checks = {outcome.check for outcome in ranked.outcomes}
        if ranked.points >= LIKELY or not checks <= explained:
            kept.append(ranked)
            explained |= checks
    return kept


def _found(
    signs: Sequence[Sign],
    outcomes: Sequence[Outcome],
    figures: Mapping[str, float],
    *,
    factor: int = 1,
) -> list[Evidence]:
    """Return the signs that are there."""
    found = []
    for sign in signs:
        if sign.figure:
            if sign.figure in figures and sign.holds(figures[sign.figure]):
                found.append(Evidence(factor * sign.weight, _figure_text(sign, figures)))
            continue
        matched = tuple(outcome for outcome in outcomes if sign.matches(outcome))
        if matched:
            found.append(Evidence(factor * sign.weight, _check_text(sign, matched), matched))
    return found


def _heaviest(evidence: list[Evidence]) -> tuple[Evidence, ...]:
    return tuple(sorted(evidence, key=lambda e: -abs(e.points)))


def _figure_text(sign: Sign, figures: Mapping[str, float]) -> str:
    value = figures[sign.figure]
    return f"{sign.says}: {FIGURES[sign.figure]} {value:+.4f} ({sign.limit})"


def _check_text(sign: Sign, outcomes: tuple[Outcome, ...]) -> str:
    """Return `says: R007 seed 0, epoch 1: expected ..., got ...`, and how many more there are."""
    first = outcomes[0]
    others = [outcome.check for outcome in outcomes[1:]]
    more = f"; also {', '.join(others)}" if others else ""
    return f"{sign.says}: {line_of(first)}{more}"


def line_of(outcome: Outcome) -> str:
    """Return how a check ended with its number: its first finding, or what it measured."""
    if outcome.findings:
        n_more = len(outcome.findings) - 1
        more = f" (and {n_more} more)" if n_more else ""
        return f"{outcome.check} {_place(outcome, outcome.findings[0])}{more}"
    measured = " ".join(text for text in (outcome.value, outcome.detail) if text)
    limit = f" ({outcome.limit})" if outcome.limit else ""
    return f"{outcome.check} {measured or outcome.status.value}{limit}"


def _place(outcome: Outcome, finding: Finding) -> str:
    is_label = finding.where in (outcome.label, outcome.name)
    return finding.message if is_label else f"{finding.where}: {finding.message}"
