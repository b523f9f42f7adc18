"""The course of a training, as charts."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from amn.report.page.charts import Chart, Frame, Key

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from amn.gate.result import JudgedCandidate
    from amn.training.record import TrainingRecord

KEYS = (Key("line candidate", "validation, a line a seed"), Key("line training", "training"))


def training_charts(candidates: Sequence[JudgedCandidate]) -> Iterator[Chart]:
    """Yield the cosine of every seed by epoch, over the reference predictors, and its loss."""
    records = {c.name: c.record for c in candidates if c.record and c.record.epochs}
    if records:
        yield _cosines(records)
        yield _losses(records)


def _cosines(records: Mapping[str, TrainingRecord]) -> Chart:
    first = next(iter(records.values()))
    lines = {"mean of context": first.mean}
    finite = [v for v in _values(records, "cosine") if np.isfinite(v)]
    if not finite or min(finite) < (first.constant + first.mean) / 2:
        lines["constant"] = first.constant  # elsewhere it would flatten every curve
    frame = _courses(records, "cosine", tuple(lines.values()))
    for label, value in lines.items():
        frame.level(value, "mean", f"{label} {value:.4f}")
    best = [(r.best_epoch, r.best_val_cosine) for r in records.values() if r.best_epoch]
    frame.dots([e for e, _ in best], [v for _, v in best], "candidate", list(records))
    rows = [
        (
            name,
            record.status,
            f"{record.epochs[0].val_cosine:.4f}",
            f"{record.best_val_cosine:.4f}",
            f"{record.best_epoch}/{len(record.epochs)}",
        )
        for name, record in records.items()
    ]
    shown = "; ".join(
        f"{name} {status}, best {best} in epoch {epoch}" for name, status, _, best, epoch in rows
    )
    return Chart(
        title="Training: cosine by epoch",
        description=(
            f"{shown}. Mean of the context {first.mean:.4f}, constant {first.constant:.4f}."
        ),
        marks=tuple(frame.marks),
        keys=(*KEYS, Key("line mean", "reference predictor")),
        header=("seed", "ended", "first epoch", "best", "in epoch"),
        rows=tuple(rows),
    )


def _losses(records: Mapping[str, TrainingRecord]) -> Chart:
    frame = _courses(records, "loss")
    for name, record in records.items():
        last = record.epochs[-1]
        frame.dots([last.epoch], [last.val_loss], "candidate", [name])
    rows = [
        (
            name,
            f"{record.epochs[0].train_loss:.5g}",
            f"{record.epochs[-1].train_loss:.5g}",
            f"{record.epochs[-1].val_loss:.5g}",
            f"{max(e.grad_norm for e in record.epochs):.3g}",
        )
        for name, record in records.items()
    ]
    shown = "; ".join(f"{name} from {first} to {last}" for name, first, last, _, _ in rows)
    return Chart(
        title="Training: loss by epoch",
        description=f"Training loss: {shown}.",
        marks=tuple(frame.marks),
        keys=KEYS,
        header=("seed", "first", "last", "validation", "largest gradient"),
        rows=tuple(rows),
    )


def _values(records: Mapping[str, TrainingRecord], what: str) -> list[float]:
    """Return every `train_` and `val_` value of `what`, cosine or loss."""
    epochs = [epoch for record in records.values() for epoch in record.epochs]
    return [getattr(e, f"{side}_{what}") for e in epochs for side in ("train", "val")]


def _courses(
    records: Mapping[str, TrainingRecord], what: str, within: Sequence[float] = ()
) -> Frame:
    """Draw training and validation of every seed by epoch, with at most eight epochs labelled."""
    last = max(len(record.epochs) for record in records.values())
    frame = Frame.over([1, last], [*_values(records, what), *within])
    every = max(1, -(-last // 8))
    frame.axes("epoch", y_label=what, x_ticks=range(every, last + 1, every))
    for name, record in records.items():
        epochs = [e.epoch for e in record.epochs]
        for css, side, title in (("training", "train", ", training"), ("candidate", "val", "")):
            values = [getattr(e, f"{side}_{what}") for e in record.epochs]
            frame.curve(epochs, values, css, title=f"{name}{title}")
    return frame
