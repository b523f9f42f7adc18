"""What a run came to, in one word: derived from its checks, never typed in."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING

from amn.findings import Status

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from amn.findings import Outcome

INFO_NCE = ("info", "infonce", "info_nce", "contrastive")
FUNDAMENTAL = 0.40  # an OOD score below it is no matter of tuning (the earlier project's rule)


class RunStatus(StrEnum):
    """How a run ended, the first that applies."""

    SUCCESS = "SUCCESS"
    UNREADABLE = "UNREADABLE"  # nothing can be said
    CRASHED = "CRASHED"  # it met a number that it could not go on with
    HARNESS = "HARNESS"  # no working measurement gives such figures
    INFONCE_DOMINANCE = "INFONCE_DOMINANCE"  # the contrastive term is most of the loss
    DOMINANT_TERM = "DOMINANT_TERM"  # another secondary term is
    UNDECLARED_TERM = "UNDECLARED_TERM"  # the loss is not what was declared
    DEAD_TERM = "DEAD_TERM"  # part of the loss teaches nothing
    COLLAPSE = "COLLAPSE"  # validation fell
    NO_SKILL = "NO_SKILL"  # nothing beyond what a trivial predictor does
    LOW_START = "LOW_START"  # the first epoch was too low
    STALL = "STALL"  # no new best for too long
    OOD_COLLAPSE = "OOD_COLLAPSE"  # OOD below 0.40, and above the constant predictor
    BELOW_FLOOR = "BELOW_FLOOR"  # a judged score is below its floor
    WORSE_THAN_GOLDEN = "WORSE_THAN_GOLDEN"
    BROKEN_DATA = "BROKEN_DATA"  # stopped before training
    NOT_MEASURED = "NOT_MEASURED"  # a check could not look
    INCONCLUSIVE = "INCONCLUSIVE"


OF_CHECK: dict[str, RunStatus] = {
    "R005": RunStatus.CRASHED,
    "R007": RunStatus.DOMINANT_TERM,
    "R006": RunStatus.UNDECLARED_TERM,
    "R008": RunStatus.DEAD_TERM,
    "R003": RunStatus.COLLAPSE,
    "R013": RunStatus.NO_SKILL,
    "C004": RunStatus.NO_SKILL,
    "C005": RunStatus.NO_SKILL,
    "R001": RunStatus.LOW_START,
    "R002": RunStatus.STALL,
}
OF_FAMILY: dict[str, RunStatus] = {
    **dict.fromkeys("DISW", RunStatus.BROKEN_DATA),
    **dict.fromkeys("ME", RunStatus.HARNESS),
    "C": RunStatus.BELOW_FLOOR,
    "G": RunStatus.WORSE_THAN_GOLDEN,
}
OF_STATUS = {
    Status.HARNESS: RunStatus.HARNESS,
    Status.ERROR: RunStatus.NOT_MEASURED,
    Status.INCONCLUSIVE: RunStatus.INCONCLUSIVE,
}
PRIORITY = tuple(RunStatus)


def statuses(outcomes: Iterable[Outcome], scores: Mapping[str, float]) -> tuple[RunStatus, ...]:
    """Return every status that applies, the one that explains most first.

    Args:
        outcomes: Of the checks that ran on a run, or on its record.
        scores: Mean cosines `in_dist` and `ood`, where they are known.

    Returns:
        At least one; SUCCESS alone when nothing is wrong.
    """
    found = {_status(outcome, scores) for outcome in outcomes} - {None}
    listed = [status for status in PRIORITY if status in found]
    return tuple(listed) or (RunStatus.SUCCESS,)


def _status(outcome: Outcome, scores: Mapping[str, float]) -> RunStatus | None:
    """Return what one outcome says about the run, None if nothing is wrong."""
    if outcome.status is not Status.FAIL:
        return OF_STATUS.get(outcome.status)
    if outcome.check == "R007" and outcome.value.split()[0] in INFO_NCE:
        return RunStatus.INFONCE_DOMINANCE
    if outcome.check == "C002" and scores.get("ood", 0.0) < FUNDAMENTAL:
        return RunStatus.OOD_COLLAPSE
    return OF_CHECK.get(outcome.check) or OF_FAMILY.get(outcome.check[0], RunStatus.BELOW_FLOOR)
