"""R: did a training learn anything beyond what a trivial predictor does."""

from __future__ import annotations

from typing import TYPE_CHECKING

from amn.checks.broken.records import LONG_RUN, with_cosines, with_record
from amn.checks.check import check
from amn.checks.record import ASSUMED
from amn.findings import Finding, Measured, Severity
from amn.records.status import RunStatus

if TYPE_CHECKING:
    from amn.checks.broken.records import Candidates, Parts
    from amn.records.history import Histories
    from amn.training.record import TrainingRecord


def unskilled_run(candidates: Candidates) -> Parts:
    """No epoch came near the mean of the context."""

    def change(record: TrainingRecord) -> TrainingRecord:
        low = record.constant + 0.3 * (record.mean - record.constant)
        return with_cosines(record, [low] * LONG_RUN)

    return with_record(candidates, change)


@check(
    "R013",
    "skill",
    needs=["R005"],
    broken_by=[unskilled_run],
    course="at_end",
    means=RunStatus.NO_SKILL,
)
def check_skill(best_cosines: Histories) -> Measured:
    """The best epoch shows more than a trivial predictor does.

    Its validation cosine is at least half-way from the constant predictor to the mean of the
    context; below that mean it is a warning here, and C004 and C005 decide on the judged splits.

    Why: Nobody printed the trivial predictors: on the earlier project's data the mean of the
    context alone scored 0.52 to 0.546.
    Fix: Look at the data first (amn check data DATASET), then at what the loss asks for (R006,
    R007)
    """
    findings, lifts = [], []
    for history in best_cosines:
        constant, mean = history.reference("constant"), history.reference("mean")
        best = history.best
        value = best.val_cosine if best and best.val_cosine is not None else float("nan")
        lifts.append(value - mean)
        half = (constant + mean) / 2
        note = "" if history.is_measured else ASSUMED
        if not value >= half:
            message = (
                f"expected a best validation cosine of at least {half:.4f}, half-way from constant"
                f" to mean of the context{note}, got {value:.4f}"
            )
            findings.append(Finding(history.name, message, "amn check data DATASET"))
        elif not value > mean:
            message = (
                f"expected above the mean of the context's {mean:.4f}{note}, got {value:.4f}: "
                "no skill so far"
            )
            findings.append(
                Finding(history.name, message, "see amn rules C004", severity=Severity.WARNING)
            )
    shown = ", ".join(f"{lift:+.4f}" for lift in lifts)
    return Measured(f"best - mean {shown}", "> 0", findings)
