"""The course of a training as curves: what experiment trackers draw by step."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

    from amn.training.record import TrainingRecord

CURVES = ("train_loss", "val_loss", "train_cosine", "val_cosine", "grad_norm", "lr")


class Point(NamedTuple):
    """One number of one epoch."""

    name: str
    value: float
    epoch: int
    seconds: float  # of training until the end of the epoch


def points(record: TrainingRecord) -> Iterator[Point]:
    """Yield the finite numbers of a loss ledger, epoch by epoch, its loss terms among them."""
    elapsed = 0.0
    for epoch in record.epochs:
        elapsed += epoch.seconds
        values = {name: float(getattr(epoch, name)) for name in CURVES}
        values |= {f"terms/{name}": value for name, value in epoch.terms.items()}
        for name, value in values.items():
            if math.isfinite(value):
                yield Point(name, value, epoch.epoch, elapsed)
