"""Candidates of which the first has a broken record; its model and scores stay.

A defect of a training that its record gives away is made of these.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from amn.errors import DoesNotApplyError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from amn.training.candidate import Candidate
    from amn.training.record import Epoch, TrainingRecord

    Candidates = tuple[Candidate, ...]
    Parts = dict[str, object]

LONG_RUN = 6  # epochs: a term is called dead after five


def with_record(
    candidates: Candidates, change: Callable[[TrainingRecord], TrainingRecord]
) -> Parts:
    """Return the candidates, the record of the first one changed.

    Raises:
        DoesNotApplyError: If somebody else wrote its course down.
    """
    first, *others = candidates
    if first.record is None:
        raise DoesNotApplyError("expected a record of amn's own training, got another course")
    return {"candidates": (replace(first, record=change(first.record)), *others)}


def with_cosines(record: TrainingRecord, cosines: Sequence[float]) -> TrainingRecord:
    """Return a record with these validation cosines, epoch by epoch, as many as there are."""
    last = record.epochs[-1]
    lines: list[Epoch] = [*record.epochs, *[last] * len(cosines)][: len(cosines)]
    epochs = tuple(
        replace(line, epoch=number, val_cosine=cosine)
        for number, (line, cosine) in enumerate(zip(lines, cosines, strict=True), start=1)
    )
    best = max(cosines)
    return replace(record, epochs=epochs, best_epoch=cosines.index(best) + 1, best_val_cosine=best)


def with_lines(record: TrainingRecord, change: Callable[[Epoch], Epoch]) -> TrainingRecord:
    """Return a record with other lines; what it says about its best stays."""
    return replace(record, epochs=tuple(change(epoch) for epoch in record.epochs))


def with_term(record: TrainingRecord, name: str, value: Callable[[Epoch], float]) -> TrainingRecord:
    """Return a record whose loss has one term more, declared."""

    def change(epoch: Epoch) -> Epoch:
        terms = {**epoch.terms, name: value(epoch)}
        return replace(epoch, terms=terms, train_loss=sum(terms.values()))

    return with_lines(record, change)


def lengthened(record: TrainingRecord) -> TrainingRecord:
    """Return a record of at least `LONG_RUN` epochs: the last one is repeated."""
    missing = max(0, LONG_RUN - len(record.epochs))
    lines = (*record.epochs, *[record.epochs[-1]] * missing)
    numbered = tuple(replace(e, epoch=number) for number, e in enumerate(lines, start=1))
    return replace(record, epochs=numbered)


def mean_loss(record: TrainingRecord) -> float:
    """Return the training loss, mean over epochs."""
    return sum(epoch.train_loss for epoch in record.epochs) / len(record.epochs)
