"""Defects of a training that its record gives away."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from amn.selftest.defects import in_candidate
from amn.training.record import Stop

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from amn.checks.evidence import Candidate
    from amn.selftest.lab import Lab
    from amn.training.record import Epoch, TrainingRecord


def _recorded(
    change: Callable[[TrainingRecord, Lab], TrainingRecord],
) -> Callable[[Candidate, Lab], Candidate]:
    """Return the change of one candidate's record; its model and scores stay."""

    def inject(candidate: Candidate, lab: Lab) -> Candidate:
        if candidate.record is None:
            return candidate
        record = change(candidate.record, lab)
        return replace(candidate, record=record, load=lambda: candidate.checkpoint)

    return inject


def _with_cosines(record: TrainingRecord, cosines: Sequence[float]) -> TrainingRecord:
    """Return a record with these validation cosines, epoch by epoch, as many as there are."""
    last = record.epochs[-1]
    lines: list[Epoch] = [*record.epochs, *[last] * len(cosines)][: len(cosines)]
    epochs = tuple(
        replace(line, epoch=number, val_cosine=cosine)
        for number, (line, cosine) in enumerate(zip(lines, cosines, strict=True), start=1)
    )
    best = max(cosines)
    return replace(record, epochs=epochs, best_epoch=cosines.index(best) + 1, best_val_cosine=best)


def crashed(record: TrainingRecord, _: Lab) -> TrainingRecord:
    """End with a loss of NaN."""
    stop = Stop("R005", len(record.epochs), "expected a finite loss, got nan")
    return replace(record, status="crashed", stop=stop)


def low_start(record: TrainingRecord, _: Lab) -> TrainingRecord:
    """Start at the constant predictor's score."""
    cosines = [epoch.val_cosine for epoch in record.epochs]
    return _with_cosines(record, [record.constant + 0.01, *cosines[1:]])


def stalled(record: TrainingRecord, lab: Lab) -> TrainingRecord:
    """Have no new best after the first epoch."""
    patience = lab.pristine.config.training.abort.stall_epochs
    best = record.best_val_cosine
    return _with_cosines(record, [best, *[best - 0.001] * (patience + 1)])


def fallen(record: TrainingRecord, lab: Lab) -> TrainingRecord:
    """Fall by more than is allowed in one epoch."""
    drop = lab.pristine.config.training.abort.drop + 0.01
    best = record.best_val_cosine
    return _with_cosines(record, [best, best - drop, best])


def below_constant(record: TrainingRecord, _: Lab) -> TrainingRecord:
    """Fall below the constant predictor."""
    best = record.best_val_cosine
    return _with_cosines(record, [best, record.constant - 0.05, best])


DEFECTS = (
    in_candidate(
        "low-first-epoch", "R001", "epoch 1 is no better than a constant", _recorded(low_start)
    ),
    in_candidate("stalled", "R002", "no new best came after epoch 1", _recorded(stalled)),
    in_candidate("cosine-fell", "R003", "the validation cosine fell", _recorded(fallen)),
    in_candidate(
        "below-constant-epoch",
        "R004",
        "an epoch is below the constant predictor",
        _recorded(below_constant),
    ),
    in_candidate("crashed", "R005", "a seed crashed", _recorded(crashed)),
)  # fmt: skip - a defect is one entry
