"""What a run came to, in one word: derived from its checks, never typed in."""

from __future__ import annotations

from enum import StrEnum


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
