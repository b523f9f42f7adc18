"""Defects of a training that its record gives away."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from amn.selftest.defects import WARNS, in_candidate
from amn.training.record import Stop

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from amn.checks.evidence.runs import Candidate
    from amn.selftest.lab import Lab
    from amn.training.record import Epoch, TrainingRecord

LONG_RUN = 6  # epochs: a term is called dead after five


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


def undeclared_term(record: TrainingRecord, _: Lab) -> TrainingRecord:
    """Add a constant to the loss, about half of it, that no term accounts for."""
    constant = _mean_loss(record)
    return _with_lines(record, lambda e: replace(e, train_loss=e.train_loss + constant))


def dominant_term(record: TrainingRecord, _: Lab) -> TrainingRecord:
    """Train on a second term of fifty times the first."""
    return _with_term(record, "info", lambda epoch: 50 * epoch.train_loss)


def dead_term(record: TrainingRecord, _: Lab) -> TrainingRecord:
    """Train on a small second term that never moves."""
    constant = 0.05 * _mean_loss(record)
    return _with_term(_of_epochs(record, LONG_RUN), "variance", lambda _: constant)


def tampered(record: TrainingRecord, _: Lab) -> TrainingRecord:
    """Raise the validation cosine of the best epoch with an editor."""
    best = record.best_epoch
    return _with_lines(
        record,
        lambda e: replace(e, val_cosine=e.val_cosine + 0.01 * (e.epoch == best)),
    )


def epoch_missing(record: TrainingRecord, _: Lab) -> TrainingRecord:
    """Lose the second epoch."""
    whole = _of_epochs(record, LONG_RUN)
    return replace(whole, epochs=tuple(e for e in whole.epochs if e.epoch != 2))  # noqa: PLR2004 - gone


def train_for_validation(record: TrainingRecord, _: Lab) -> TrainingRecord:
    """Write the validation cosines into the column of training."""
    return _with_lines(
        _of_epochs(record, LONG_RUN), lambda e: replace(e, train_cosine=e.val_cosine)
    )


def rate_resumed(record: TrainingRecord, _: Lab) -> TrainingRecord:
    """Resume at the full learning rate after it was halved."""
    whole = _of_epochs(record, LONG_RUN)
    first = whole.epochs[0].lr
    halved = len(whole.epochs) // 2
    return _with_lines(whole, lambda e: replace(e, lr=first / 2 if e.epoch == halved else first))


def unskilled(record: TrainingRecord, _: Lab) -> TrainingRecord:
    """Never come near the mean of the context."""
    low = record.constant + 0.3 * (record.mean - record.constant)
    return _with_cosines(record, [low] * LONG_RUN)


def _mean_loss(record: TrainingRecord) -> float:
    return sum(epoch.train_loss for epoch in record.epochs) / len(record.epochs)


def _of_epochs(record: TrainingRecord, least: int) -> TrainingRecord:
    """Return a record of at least so many epochs: the last one is repeated."""
    missing = max(0, least - len(record.epochs))
    lines = (*record.epochs, *[record.epochs[-1]] * missing)
    numbered = tuple(replace(e, epoch=number) for number, e in enumerate(lines, start=1))
    return replace(record, epochs=numbered)


def _with_lines(record: TrainingRecord, change: Callable[[Epoch], Epoch]) -> TrainingRecord:
    """Return a record with other lines; what it says about its best stays."""
    return replace(record, epochs=tuple(change(epoch) for epoch in record.epochs))


def _with_term(
    record: TrainingRecord, name: str, value: Callable[[Epoch], float]
) -> TrainingRecord:
    """Return a record whose loss has one term more, declared."""

    def change(epoch: Epoch) -> Epoch:
        terms = {**epoch.terms, name: value(epoch)}
        return replace(epoch, terms=terms, train_loss=sum(terms.values()))

    return _with_lines(record, change)


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
    in_candidate(
        "undeclared-term",
        "R006",
        "half of the loss is in no declared term",
        _recorded(undeclared_term),
    ),
    in_candidate(
        "dominant-term", "R007", "a second term is 50 times the first", _recorded(dominant_term)
    ),
    in_candidate("dead-term", "R008", "a term of the loss never moves", _recorded(dead_term)),
    in_candidate(
        "tampered-record", "R009", "the best cosine was raised by hand", _recorded(tampered)
    ),
    in_candidate("epoch-missing", "R010", "an epoch is missing", _recorded(epoch_missing)),
    in_candidate(
        "train-for-validation",
        "R011",
        "training and validation are one column",
        _recorded(train_for_validation),
    ),
    in_candidate(
        "rate-resumed",
        "R012",
        "the learning rate rose after it fell",
        _recorded(rate_resumed),
        WARNS,
    ),
    in_candidate(
        "unskilled-run", "R013", "no epoch came near the mean of the context", _recorded(unskilled)
    ),
)  # fmt: skip - a defect is one entry
