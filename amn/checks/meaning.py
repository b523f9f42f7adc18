"""What a run came to, in one word, as the checks that failed declare it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from amn.checks.check import checks
from amn.training.records.history import RunStatus
from amn.verdict import BEFORE_TRAINING, Status, family_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from amn.verdict import Outcome

OF_FAMILY = {  # BELOW_FLOOR is what any other means
    **dict.fromkeys(BEFORE_TRAINING, RunStatus.BROKEN_DATA),
    **dict.fromkeys(("model", "evaluation"), RunStatus.HARNESS),
    "golden": RunStatus.WORSE_THAN_GOLDEN,
}
OF_STATUS = {
    Status.HARNESS: RunStatus.HARNESS,
    Status.ERROR: RunStatus.NOT_MEASURED,
    Status.INCONCLUSIVE: RunStatus.INCONCLUSIVE,
}
ORDER = (*RunStatus, None)  # None: nothing is wrong


def statuses(outcomes: Iterable[Outcome]) -> tuple[RunStatus, ...]:
    """Return every status that applies, the one that explains most first.

    Args:
        outcomes: Of the checks that ran on a run, or on its record.

    Returns:
        At least one; SUCCESS alone when nothing is wrong.
    """
    found = {meant_by(outcome) for outcome in outcomes}
    return tuple(status for status in RunStatus if status in found) or (RunStatus.SUCCESS,)


def by_cause(outcomes: Iterable[Outcome]) -> list[Outcome]:
    """Return outcomes in the order of what they mean: what explains most first, then as they came.

    It is the order of `RunStatus`, so that verdict, findings and status name one cause first.
    """
    return sorted(outcomes, key=explains_most)


def explains_most(outcome: Outcome) -> int:
    """Return the place of an outcome in the order of what outcomes mean, 0 for the first."""
    return ORDER.index(meant_by(outcome))


def explained(outcomes: Iterable[Outcome]) -> tuple[Outcome, ...]:
    """Return outcomes of a record, of which what failed is the cause of what could not look.

    A record that is dominated by another loss, or whose columns nobody understood, lacks figures
    for that reason: verdict and status then name one and the same cause.
    """
    found = tuple(outcomes)
    causes = [
        outcome.label
        for outcome in found
        if outcome.status in (Status.FAIL, Status.HARNESS) and family_of(outcome.check) == "record"
    ]
    if not causes:
        return found
    detail = f"not run: {', '.join(causes)} failed first"
    return tuple(
        replace(outcome, status=Status.NOT_RUN, detail=detail)
        if outcome.status is Status.ERROR
        else outcome
        for outcome in found
    )


def meant_by(outcome: Outcome) -> RunStatus | None:
    """Return what one outcome says about the run, None if nothing is wrong."""
    if outcome.status is not Status.FAIL:
        return OF_STATUS.get(outcome.status)
    declared = checks().get(outcome.check)  # none for a check that has left since it was stored
    means = declared.means if declared else None
    if callable(means):
        return means(outcome)
    return means or OF_FAMILY.get(family_of(outcome.check), RunStatus.BELOW_FLOOR)
