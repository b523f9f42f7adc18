"""A diagnosis: a subject, what the experiments gave, and its causes in order."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

from amn.checks.meaning import by_cause
from amn.diagnosis.causes import changes
from amn.diagnosis.ranking import LIKELY, RankedCause, Settled, rank_causes, suspects
from amn.verdict import BEFORE_TRAINING, Status, family_of, worst_first

if TYPE_CHECKING:
    from amn.diagnosis.subject import Subject
    from amn.verdict import Outcome


NOTHING_LIKELY = (
    "Keep the accepted model, and hold other models back until the question of the data is settled"
)


SHOWN_CHANGES = 3  # in a line; the check behind it lists all of them
RESTATED = ("golden", "floor", "other", "not_looked")  # causes that say again what failed


def _explains_itself(outcome: Outcome) -> bool:
    is_early = family_of(outcome.check) in BEFORE_TRAINING
    return is_early or outcome.status in (Status.HARNESS, Status.ERROR)


@dataclass(frozen=True)
class Trial:
    """One experiment that was run.

    Attributes:
        id: As causes name it.
        lines: What it gave, for people.
        figures: What it gave, for the ranking.
        settled: What it says of causes.
        seconds: Time it took.
    """

    id: str
    title: str
    lines: tuple[str, ...]
    figures: dict[str, float] = field(default_factory=dict)
    settled: tuple[Settled, ...] = ()
    seconds: float = 0.0


@dataclass(frozen=True)
class Diagnosis:
    """Why a subject failed, in the order in which to look; a healthy one has no causes.

    Attributes:
        trials: The experiments that were run.
        can_try: Whether experiments can be run on it: it is a case with its data.
    """

    subject: Subject
    trials: tuple[Trial, ...] = ()
    can_try: bool = False

    @cached_property
    def figures(self) -> dict[str, float]:
        """The subject's figures and those of the experiments."""
        found = dict(self.subject.figures)
        for trial in self.trials:
            found |= trial.figures
        return found

    @property
    def settled(self) -> tuple[Settled, ...]:
        """What the experiments say of causes: supported, refuted or undecided."""
        return tuple(one for trial in self.trials for one in trial.settled)

    @cached_property
    def causes(self) -> tuple[RankedCause, ...]:
        """Ranked causes; none where every check passed."""
        if self.subject.is_healthy:
            return ()
        return tuple(rank_causes(self.subject.outcomes, self.figures, self.settled))

    @cached_property
    def changes(self) -> tuple[str, ...]:
        """Data and settings that are not the golden's, where these may have moved the result.

        Broken data and a broken measurement explain themselves.
        """
        if any(_explains_itself(outcome) for outcome in self.subject.failed):
            return ()
        found = {outcome.check: outcome for outcome in self.subject.outcomes}
        data, settings = found.get(changes().data), found.get(changes().settings)
        others = data is not None and data.findings and bool(data.number)
        said = [f"data: {data.value} are not the golden's"] if data and others else []
        changed = settings.findings if settings else ()
        return (*said, *(f"{one.where}: {one.message}" for one in changed))

    @property
    def likely(self) -> str:
        """The likely cause in a line: what changed, else the first cause; empty for none.

        A cause that no sign ties to what failed may be behind a score; a golden that is not there,
        or a ledger that does not hold, it does not explain.
        """
        if self.changes:
            more = len(self.changes) - SHOWN_CHANGES
            rest = (f"and {more} more ({changes().settings})",) if more > 0 else ()
            return "; ".join((*self.changes[:SHOWN_CHANGES], *rest))
        failed = self._worst_first
        worst = [outcome for outcome in failed if outcome.status is failed[0].status]
        ids = {outcome.check for outcome in worst}
        told = [one for one in self.causes if one.cause.id not in RESTATED]
        found = [one for one in told if not ids.isdisjoint(o.check for o in one.outcomes)]
        if any(outcome.standing for outcome in worst):
            found += told
        return f"{found[0].cause.title} ({found[0].degree})" if found else ""

    @property
    def remedy(self) -> str:
        """What to do now in a line: undo what changed, else the fix of what failed first."""
        subject = self.subject
        if self.changes:
            again = f", then: {subject.reproduce}" if subject.reproduce else ""
            return f"undo that{again}"
        found = (finding for outcome in self._worst_first for finding in outcome.findings)
        # What could not run has its fix in the message.
        fixes = (one.fix or one.message.partition(" Fix: ")[2] for one in found)
        return next(filter(None, fixes), "")

    @cached_property
    def _worst_first(self) -> list[Outcome]:
        """What failed: what breaks the measurement before what a broken one then shows."""
        return worst_first(by_cause(self.subject.failed))

    @property
    def decision(self) -> str:
        """What to do now: the first likely cause decides."""
        if self.changes:
            return f"Not the golden's: {self.likely}. What to do: {self.remedy}"
        cause = next((one.cause for one in self.causes if one.points >= LIKELY), None)
        return (
            f"{cause.title}. {cause.actions[0]}. Then: {cause.next[0]}" if cause else NOTHING_LIKELY
        )

    @cached_property
    def ruled_out(self) -> tuple[RankedCause, ...]:
        """Suspects that an experiment refuted, or that more speaks against than for."""
        found, shown = suspects(self.subject.outcomes, self.figures, self.settled), self.causes
        return tuple(r for r in found if r.speaks_against and r.points <= 0 and r not in shown)

    def to_json(self) -> dict[str, Any]:
        """Return it as plain data."""
        subject = self.subject
        return {
            "name": subject.name,
            "verdict": subject.verdict,
            "healthy": subject.is_healthy,
            "checks": len(subject.outcomes),
            "failed": [outcome.label for outcome in subject.failed],
            "warned": [outcome.label for outcome in subject.warned],
            "scores": subject.scores,
            "figures": self.figures,
            "causes": [_cause(ranked) for ranked in self.causes],
            "ruled_out": [_cause(ranked) for ranked in self.ruled_out],
            "hypotheses": [one._asdict() for one in self.settled],
            "likely": self.likely,
            "decision": self.decision,
            "experiments": [
                {
                    "id": trial.id,
                    "title": trial.title,
                    "lines": list(trial.lines),
                    "figures": trial.figures,
                    "seconds": round(trial.seconds, 3),
                }
                for trial in self.trials
            ],
            "reproduce": subject.reproduce,
        }


def _cause(ranked: RankedCause) -> dict[str, Any]:
    cause = ranked.cause
    return {
        "id": cause.id,
        "title": cause.title,
        "points": ranked.points,
        "degree": ranked.degree,
        "why": cause.why,
        "for": [{"points": e.points, "text": e.text} for e in ranked.speaks_for],
        "against": [{"points": e.points, "text": e.text} for e in ranked.speaks_against],
        "experiment": cause.experiment,
        "trial": cause.trial,
        "do": list(cause.actions),
        "do_not": list(cause.avoid),
        "next": list(cause.next),
    }
