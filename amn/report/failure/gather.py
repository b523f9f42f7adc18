"""What the failure report says, from records and verdicts: every number is one of theirs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from amn.case.limits import PROFILES
from amn.diagnosis.figures import record_figures
from amn.diagnosis.ranking import rank_causes
from amn.diagnosis.subject import PASSED
from amn.training.records.history import RunStatus
from amn.verdict import Finding, Status

if TYPE_CHECKING:
    from collections.abc import Sequence

    from amn.case.training import AbortConfig
    from amn.diagnosis.causes import Cause
    from amn.report.failure.runs import ReportedRun
    from amn.verdict import Outcome

MOST_EVIDENCE = 6  # findings shown of one cause
MOST_PROGRESSIONS = 6
NOTED = (Status.WARN, Status.INCONCLUSIVE, Status.ERROR)  # no failure, and worth reading


@dataclass(frozen=True)
class Criterion:
    """One success criterion, and how the runs stand.

    Attributes:
        met: `name value` of the runs that meet it.
        missed: Likewise of those that do not; a score that was not measured is missed.
    """

    profile: str
    text: str
    met: tuple[str, ...]
    missed: tuple[str, ...]


def criteria(runs: Sequence[ReportedRun]) -> list[Criterion]:
    """Return the criteria of both profiles against the scores of all runs."""
    found = []
    for profile, limits in PROFILES.items():
        for split, label in (("in_dist", "in-dist"), ("ood", "OOD")):
            floor = limits[split]
            values = {run.name: run.scores.get(split) for run in runs}
            met = [f"{n} {v:.4f}" for n, v in values.items() if v is not None and v >= floor]
            missed = [
                f"{n} {'not measured' if v is None else f'{v:.4f}'}"
                for n, v in values.items()
                if v is None or not v >= floor
            ]
            found.append(Criterion(profile, f"{label} >= {floor:.2f}", tuple(met), tuple(missed)))
        low, high = limits["delta"]
        deltas = {run.name: run.delta for run in runs}
        inside = {n: v is not None and low <= v <= high for n, v in deltas.items()}
        texts = {n: f"{n} " + ("unknown" if v is None else f"{v:+.4f}") for n, v in deltas.items()}
        found.append(
            Criterion(
                profile,
                f"OOD - in-dist in {low:+.2f} ... {high:+.2f}",
                tuple(texts[n] for n in texts if inside[n]),
                tuple(texts[n] for n in texts if not inside[n]),
            )
        )
    return found


@dataclass(frozen=True)
class FoundCause:
    """A cause with its evidence.

    Attributes:
        runs: Names of the runs that show it, in order.
        evidence: `R007 where: message`, the first few.
        more: Findings that are not listed.
    """

    cause: Cause
    runs: tuple[str, ...]
    evidence: tuple[str, ...]
    more: int


@dataclass(frozen=True)
class FailureReport:
    """Everything that the document says; `render` only lays it out."""

    title: str
    runs: tuple[ReportedRun, ...]
    causes: tuple[FoundCause, ...]
    abort: AbortConfig
    reproduce: str

    @property
    def counts(self) -> dict[str, int]:
        """Status -> number of runs, the most frequent first."""
        found = [run.status.value for run in self.runs]
        return dict(sorted(((s, found.count(s)) for s in set(found)), key=lambda p: (-p[1], p[0])))

    @property
    def failed(self) -> tuple[ReportedRun, ...]:
        """The runs that are no success."""
        return tuple(run for run in self.runs if run.status is not RunStatus.SUCCESS)

    @property
    def shown(self) -> tuple[ReportedRun, ...]:
        """The runs whose epochs are shown, in the order of all; of many, those that failed."""
        order = sorted(self.runs, key=lambda run: run.status is RunStatus.SUCCESS)
        with_epochs = [run for run in order if any(h.epochs for h in run.histories)]
        chosen = with_epochs[:MOST_PROGRESSIONS]
        return tuple(run for run in self.runs if run in chosen)

    @property
    def criteria(self) -> list[Criterion]:
        """Success criteria against the scores."""
        return criteria([run for run in self.runs if run.scores])

    @property
    def warnings(self) -> list[str]:
        """What is no failure and worth reading: warnings, and checks that could not look."""
        return [
            _line(run, outcome, finding)
            for run in self.runs
            for outcome in run.outcomes
            if outcome.status in NOTED
            for finding in outcome.findings
        ]


def gather(
    title: str, runs: Sequence[ReportedRun], abort: AbortConfig, command: str
) -> FailureReport:
    """Put a report together.

    Args:
        abort: The stopping rules that were replayed.
        command: What gives this report again.
    """
    places: dict[Cause, list[tuple[int, float]]] = {}  # rank and points, a run each
    seen: dict[Cause, list[tuple[ReportedRun, Outcome]]] = {}
    for run in runs:
        if all(outcome.status in PASSED for outcome in run.outcomes):
            continue
        for place, ranked in enumerate(rank_causes(run.outcomes, record_figures(run.histories))):
            places.setdefault(ranked.cause, []).append((place, -ranked.points))
            seen.setdefault(ranked.cause, []).extend((run, o) for o in ranked.outcomes)
    # What comes first in some run, in most runs, with most points.
    in_order = sorted(seen, key=lambda c: (min(places[c])[0], -len(places[c]), min(places[c])))
    listed = tuple(_found(cause, seen[cause]) for cause in in_order)
    return FailureReport(title, tuple(runs), listed, abort, command)


def _found(cause: Cause, seen: list[tuple[ReportedRun, Outcome]]) -> FoundCause:
    """Return a cause with the findings of the checks that point at it."""
    names = tuple(dict.fromkeys(run.name for run, _ in seen))
    lines = [_line(run, outcome, finding) for run, outcome in seen for finding in outcome.findings]
    return FoundCause(cause, names, tuple(lines[:MOST_EVIDENCE]), len(lines[MOST_EVIDENCE:]))


def _line(run: ReportedRun, outcome: Outcome, finding: Finding) -> str:
    """Return `R007 790k, epoch 1: expected ..., got ...`; the run is named once."""
    where = finding.where
    if where in (outcome.label, run.name) or not where.startswith(run.name):
        where = run.name if where in (outcome.label, run.name) else f"{run.name}, {where}"
    return f"{outcome.check} {where}: {finding.message}"
