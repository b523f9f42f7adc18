"""R: the course of a training: did it end, start, progress and hold."""

from __future__ import annotations

import math
from dataclasses import replace
from itertools import accumulate, pairwise
from typing import TYPE_CHECKING

from amn.case.limits import LIFT
from amn.checks import broken
from amn.checks.check import check
from amn.checks.record_losses import dominated_from
from amn.training.aim import FUTILE, is_futile
from amn.training.record import (
    FIRST_STEPS,
    LEAST_GAIN,
    Stop,
    find_stops,
    first_counted,
    first_due,
    first_epoch_floor,
)
from amn.training.records.history import RunStatus
from amn.verdict import Finding, Measured, Severity, count_of, shown

if TYPE_CHECKING:
    from amn.case.training import AbortConfig
    from amn.checks.broken.records import Candidates, Parts
    from amn.training.aim import Aim
    from amn.training.record import TrainingRecord
    from amn.training.records.history import Histories, RunHistory
    from amn.verdict import Outcome


ASSUMED = " (assumed: the record names no reference predictor)"
ASSUMED_LIMIT = " (assumed)"
MEASURE = "give them: amn check run FILE --reference constant=COSINE --reference mean=COSINE"


def _cosines(history: RunHistory) -> list[tuple[int, float]]:
    """Return epoch and validation cosine of every line that has one."""
    return [(e.epoch, e.val_cosine) for e in history.epochs if e.val_cosine is not None]


def _stops(histories: Histories, abort: AbortConfig, id_: str) -> list[Finding]:
    """Return a finding for the first epoch of each history that breaks the rule of a check.

    Reference predictors that nobody measured decide nothing: the finding is inconclusive.
    """
    needed = {"R004": {"constant"}}
    if abort.first_epoch == "relative":
        needed["R001"] = {"constant", "mean"}
    findings = []
    for history in histories:
        lines = _cosines(history)
        cosines = [cosine for _, cosine in lines]
        constant, mean = history.reference("constant"), history.reference("mean")
        if id_ not in ("R001", "R004") and "constant" not in history.references:
            constant = -math.inf  # a rule that rests on nothing assumed is not kept from looking
        steps = [e.steps for e in history.epochs if e.val_cosine is not None]
        numbers = [epoch for epoch, _ in lines] if history.validated_every > 1 else ()
        stops = find_stops(
            cosines, abort, constant=constant, mean=mean, steps=steps, numbers=numbers
        )
        stop = next((s for found in stops for s in found if s.check == id_), None)
        if stop:
            is_assumed = id_ in needed and not needed[id_] <= history.references.keys()
            where = f"{history.name}, epoch {lines[stop.epoch - 1][0]}"
            message = stop.message + (ASSUMED if is_assumed else "")
            fix = MEASURE if is_assumed else "see amn rules " + id_
            severity = Severity.INCONCLUSIVE if is_assumed else None
            findings.append(Finding(where, message, fix, severity=severity))
    return findings


def crashed(candidates: Candidates) -> Parts:
    """A seed crashed."""

    def change(record: TrainingRecord) -> TrainingRecord:
        stop = Stop("R005", len(record.epochs), "expected a finite loss, got nan")
        return replace(record, status="crashed", stop=stop)

    return broken.records.with_record(candidates, change)


def _name_end(outcome: Outcome) -> RunStatus:
    """Return what a training that did not end well came to."""
    return RunStatus.UNFINISHED if outcome.data == "unfinished" else RunStatus.CRASHED


@check("R005", "completed", broken_by=[crashed], course="at_end", means=_name_end)
def check_completed(ends: Histories) -> Measured:
    """Every seed trained to its end, or to a rule's stop, on finite numbers.

    One that crashed, was killed or still runs has no result; an end that nobody knows the word for
    is none.

    Why: A crashed seed that is left out makes the mean of the others look better than the recipe
    is.
    Fix: Lower training.lr, or look at the rows of that batch: amn check data DATASET
    """
    ended = ("crashed", "unfinished", "unknown")
    bad = [h for h in ends if h.status in ended]
    findings = [Finding(h.name, h.stop) for h in bad]
    texts = [count_of(len(h.epochs), "epoch") + f" {h.status}" * (h.status in ended) for h in ends]
    worst = "crashed" if any(h.status == "crashed" for h in bad) else "unfinished"
    return Measured(", ".join(texts), "no crash", findings, data=worst)


def low_first_epoch(candidates: Candidates) -> Parts:
    """Epoch 1 is no better than a constant."""

    def change(record: TrainingRecord) -> TrainingRecord:
        cosines = [epoch.val_cosine for epoch in record.epochs]
        low = broken.records.with_cosines(record, [record.constant + 0.01, *cosines[1:]])
        return broken.records.with_lines(low, lambda epoch: replace(epoch, steps=FIRST_STEPS))

    return broken.records.with_record(candidates, change)


@check(
    "R001",
    "first_epoch",
    needs=["R005"],
    broken_by=[low_first_epoch],
    course="lasting",
    means=RunStatus.LOW_START,
)
def check_first_epoch(val_cosines: Histories, abort: AbortConfig) -> Measured:
    """Epoch 1 reaches its floor.

    Its validation cosine is at least half-way from the constant predictor to the mean of the
    context, or at least the number in training.abort.first_epoch. Of few articles an epoch has few
    steps: then the first epoch counts by whose end 200 were taken, and before it none.

    Why: A low first epoch is nearly always broken data or a wrong learning rate; the rest of the
    run would be wasted.
    Fix: Look at the data first (amn check data DATASET), then at training.lr
    """
    lows, texts = [], []
    for history in val_cosines:
        constant, mean = history.reference("constant"), history.reference("mean")
        floor = first_epoch_floor(abort, constant=constant, mean=mean)
        lines = [e for e in history.epochs if e.val_cosine is not None]
        steps = [line.steps for line in lines]
        due = first_due(abort, steps)
        if due is None or due > len(lines):
            texts.append((count_of(sum(steps), "step"), f"from {FIRST_STEPS} steps on"))
            continue
        value = lines[due - 1].val_cosine or 0.0
        epoch = lines[due - 1].epoch
        limit = f">= {floor:.4f}" + (f" in epoch {epoch}" if epoch > 1 else "")
        lows.append((value - floor, shown(value, floor), limit))
    least = min(lows, default=(0.0, *(texts or [("no epoch", "")])[0]))
    assumed = _assumed(val_cosines, is_used=abort.first_epoch == "relative")
    return Measured(least[1], least[2] + assumed, _stops(val_cosines, abort, "R001"))


def stalled(candidates: Candidates, abort: AbortConfig) -> Parts:
    """No new best came after epoch 1."""

    def change(record: TrainingRecord) -> TrainingRecord:
        best = record.best_val_cosine
        return broken.records.with_cosines(
            record, [best, *[best - 0.001] * (abort.stall_epochs + 1)]
        )

    return broken.records.with_record(candidates, change)


@check(
    "R002",
    "stall",
    needs=["R005"],
    broken_by=[stalled],
    course="lasting",
    means=RunStatus.STALL,
)
def check_stall(val_cosines: Histories, abort: AbortConfig) -> Measured:
    """A new best validation cosine comes within training.abort.stall_epochs epochs.

    It is one where it is better by more than 0.0001: rounding is no progress.

    Why: Ten epochs without progress are a sign of wrong hyperparameters, or of a network that
    stopped learning.
    Fix: Lower training.epochs to where it peaks, or change training.lr and schedule
    """
    best = [f"{h.best.epoch if h.best else 0}/{len(h.epochs)}" for h in val_cosines]
    limit = f"+{LEAST_GAIN:g} within {abort.stall_epochs} epochs"
    return Measured("best epoch " + ", ".join(best), limit, _stops(val_cosines, abort, "R002"))


def cosine_fell(candidates: Candidates, abort: AbortConfig) -> Parts:
    """The validation cosine fell."""

    def change(record: TrainingRecord) -> TrainingRecord:
        best = record.best_val_cosine
        return broken.records.with_cosines(record, [best, best - abort.drop - 0.01, best])

    return broken.records.with_record(candidates, change)


@check(
    "R003",
    "collapse",
    needs=["R005"],
    broken_by=[cosine_fell],
    course="lasting",
    means=RunStatus.COLLAPSE,
)
def check_collapse(val_cosines: Histories, abort: AbortConfig) -> Measured:
    """The validation cosine does not collapse.

    It never falls by more than training.abort.drop in one epoch, nor below
    training.abort.below_best of the best.

    Why: A collapsing network can still end above a floor on one split.
    Fix: Lower training.lr, or set training.clip
    """
    falls = [0.0]
    for history in val_cosines:
        falls += [before - after for (_, before), (_, after) in pairwise(_cosines(history))]
    limit = f"<= {abort.drop}"
    findings = _stops(val_cosines, abort, "R003")
    if findings and max(falls) <= abort.drop:
        low = min(map(_of_the_best, val_cosines))
        value = f"{shown(low, abort.below_best, 2)} of the best"
        return Measured(value, f">= {abort.below_best}", findings)
    return Measured(f"largest fall {shown(max(falls), abort.drop)}", limit, findings)


def _of_the_best(history: RunHistory) -> float:
    """Return the lowest validation cosine as a share of the best before it; 1 where none is."""
    values = [cosine for _, cosine in _cosines(history)]
    bests = accumulate(values, max)
    return min(
        (now / best for now, best in zip(values, bests, strict=True) if best > 0), default=1.0
    )


def below_constant_epoch(candidates: Candidates) -> Parts:
    """An epoch is below the constant predictor."""

    def change(record: TrainingRecord) -> TrainingRecord:
        best = record.best_val_cosine
        low = broken.records.with_cosines(record, [best, record.constant - 0.05, best])
        return broken.records.with_lines(low, lambda epoch: replace(epoch, steps=FIRST_STEPS))

    return broken.records.with_record(candidates, change)


@check(
    "R004",
    "above_constant",
    severity=Severity.HARNESS,
    needs=["R005"],
    broken_by=[below_constant_epoch],
    course="lasting",
)
def check_above_constant(val_cosines: Histories, abort: AbortConfig) -> Measured:
    """The validation cosine of every epoch is above that of the constant predictor.

    Where another loss outweighs the primary one by then (R007), that is the cause, and the
    measurement is not in question. Epochs before 200 steps are not judged.

    Why: A network that is connected to its input beats a constant in the first epoch; one that does
    not is not measured.
    Fix: Compare the class and the loader that training and evaluation use: amn check run RUN
    """
    margins = [
        cosine - history.reference("constant")
        for history in val_cosines
        for cosine in _counted(history)
    ]
    value = f"{min(margins):+.4f}" if margins else f"fewer than {FIRST_STEPS} steps"
    findings = [
        replace(finding, severity=Severity.FAIL) if _is_dominated(history, finding) else finding
        for history in val_cosines
        for finding in _below_constant(history, abort)
    ]
    is_measured = all("constant" in h.references for h in val_cosines)
    limit = "> 0 over constant" + ("" if is_measured else ASSUMED_LIMIT)
    return Measured(value, limit, findings)


def _below_constant(history: RunHistory, abort: AbortConfig) -> list[Finding]:
    """Return the first epoch that a constant predictor beats.

    Where nobody measured it, one thing is certain: of unit vectors, the mean scores the length of
    the mean, which is no less than 0. An epoch below that is below every such predictor.
    """
    if "constant" not in history.references:
        below = next(((epoch, c) for epoch, c in _cosines(history) if not c >= 0), None)
        if below:
            message = (
                f"expected a validation cosine of at least 0, the least of any constant predictor, "
                f"got {below[1]:.4f}"
            )
            return [Finding(f"{history.name}, epoch {below[0]}", message, "see amn rules R004")]
    return _stops((history,), abort, "R004")


def _counted(history: RunHistory) -> list[float]:
    """Return the validation cosines from the first epoch on that had steps enough to be judged."""
    lines = [e for e in history.epochs if e.val_cosine is not None]
    first = first_counted([line.steps for line in lines]) or len(lines) + 1
    return [line.val_cosine for line in lines[first - 1 :] if line.val_cosine is not None]


def _is_dominated(history: RunHistory, finding: Finding) -> bool:
    """Tell whether a secondary loss was most of the loss by the epoch of a finding."""
    first = dominated_from(history)
    return first is not None and first <= int(finding.where.rpartition(" ")[2])


def _assumed(histories: Histories, *, is_used: bool = True) -> str:
    """Return ` (assumed)` where a limit rests on reference predictors that nobody measured."""
    return ASSUMED_LIMIT if is_used and not all(h.is_measured for h in histories) else ""


def unskilled_run(candidates: Candidates) -> Parts:
    """No epoch came near the mean of the context."""

    def change(record: TrainingRecord) -> TrainingRecord:
        low = record.constant + 0.3 * (record.mean - record.constant)
        return broken.records.with_cosines(record, [low] * broken.records.LONG_RUN)

    return broken.records.with_record(candidates, change)


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
    context; less than 0.001 above that mean is a warning here, and C004 and C005 decide on the
    judged splits.

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
            is_known = history.is_measured
            fix = "amn check data DATASET" if is_known else MEASURE
            severity = None if is_known else Severity.INCONCLUSIVE
            findings.append(Finding(history.name, message, fix, severity=severity))
        elif not value - mean > LIFT:
            message = (
                f"expected {LIFT:g} above the mean of the context's {mean:.4f}{note}, got "
                f"{shown(value, mean + LIFT)}: "
                "no skill so far"
            )
            findings.append(
                Finding(history.name, message, "see amn rules C004", severity=Severity.WARNING)
            )
    texts = ", ".join(shown(lift, LIFT, sign="+") for lift in lifts)
    return Measured(f"best - mean {texts}", f"> +{LIFT:g}" + _assumed(best_cosines), findings)


def futile_run(candidates: Candidates, aim: Aim) -> Parts:
    """A seed was stopped far below the golden's seeds."""

    def change(record: TrainingRecord) -> TrainingRecord:
        low = broken.records.with_cosines(record, [record.constant + 0.01])
        stop = replace(aim, apart="").find_stop([record.constant + 0.01])
        return replace(low, status="stopped", stop=stop)

    return broken.records.with_record(candidates, change)


@check(
    FUTILE,
    "futility",
    needs=["R005"],
    broken_by=[futile_run],
    course="lasting",
    means=RunStatus.WORSE_THAN_GOLDEN,
)
def check_futility(candidates: Candidates, aim: Aim) -> Measured:
    """No seed had to be stopped because it could not come to the golden or a floor any more.

    From the epoch after which it was stopped, the golden's seeds gained too little for it: the
    upper prediction bound of Student's t, at golden.alpha over all epochs and seeds. It is asked of
    a training with the golden's settings and validation windows; others have a course of their own.

    Why: A training that is lost after two epochs of fifteen spends the other thirteen for nothing.
    Fix: Its settings are the golden's, so look at what else changed, data or code (amn diagnose
    CASE); [golden] futility = false trains it to the end
    """
    records = [(one.name, one.record) for one in candidates if one.record]
    findings = [
        Finding(f"{name}, epoch {record.stop.epoch}", record.stop.message, "see amn rules R016")
        for name, record in records
        if record.stop and is_futile(record)
    ]
    windows = {(record.n_validation_windows, record.mean) for _, record in records}
    if unlike := [why for n, mean in windows if (why := aim.unlike(n, mean))]:
        return Measured(f"not compared: {unlike[0]}", "0 stopped", findings)
    spare = [
        reach - aim.needs[split].least
        for _, record in records
        for epoch in range(1, min(len(record.epochs) + 1, len(aim.best[0])))
        for split, reach in aim.reaches([e.val_cosine for e in record.epochs[:epoch]])
    ]
    value = f"{len(findings)} of {len(records)} stopped"
    value += f", least to spare {min(spare):+.4f}" if spare else ""
    return Measured(value, "0 stopped", findings)
