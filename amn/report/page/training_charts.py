"""The course of a training, as charts."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from amn.report.page.charts import Chart, Frame, Key

if TYPE_CHECKING:
    from collections.abc import Sequence

    from amn.gate.result import JudgedCandidate
    from amn.training.record import Epoch


def cosine_by_epoch(candidates: Sequence[JudgedCandidate]) -> Chart:
    """Draw validation and training cosine of every seed by epoch, over the reference predictors."""
    records = {c.name: c.record for c in candidates if c.record}
    first = next(iter(records.values()))
    curves = {name: _course(record.epochs) for name, record in records.items()}
    values = [v for c in curves.values() for v in (*c["val_cosine"], *c["train_cosine"])]
    finite = [v for v in values if np.isfinite(v)]
    lines = {"mean of context": first.mean}
    if not finite or min(finite) < (first.constant + first.mean) / 2:
        lines["constant"] = first.constant  # elsewhere it would flatten every curve
    epochs = [e for c in curves.values() for e in c["epoch"]]
    frame = Frame.over(epochs, [*values, *lines.values()])
    frame.axes("epoch", y_label="cosine", x_ticks=_epoch_ticks(epochs))
    for label, value in lines.items():
        frame.level(value, "mean", f"{label} {value:.4f}")
    for name, course in curves.items():
        frame.curve(course["epoch"], course["train_cosine"], "training", title=f"{name}, training")
        frame.curve(course["epoch"], course["val_cosine"], "candidate", title=name)
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
        keys=(
            Key("line candidate", "validation, a line a seed"),
            Key("line training", "training"),
            Key("line mean", "reference predictor"),
        ),
        header=("seed", "ended", "first epoch", "best", "in epoch"),
        rows=tuple(rows),
    )


def loss_by_epoch(candidates: Sequence[JudgedCandidate]) -> Chart:
    """Draw validation and training loss of every seed by epoch."""
    records = {c.name: c.record for c in candidates if c.record}
    curves = {name: _course(record.epochs) for name, record in records.items()}
    values = [v for c in curves.values() for v in (*c["val_loss"], *c["train_loss"])]
    epochs = [e for c in curves.values() for e in c["epoch"]]
    frame = Frame.over(epochs, values)
    frame.axes("epoch", y_label="loss", x_ticks=_epoch_ticks(epochs))
    for name, course in curves.items():
        frame.curve(course["epoch"], course["train_loss"], "training", title=f"{name}, training")
        frame.curve(course["epoch"], course["val_loss"], "candidate", title=name)
        frame.dots(course["epoch"][-1:], course["val_loss"][-1:], "candidate", [name])
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
        keys=(Key("line candidate", "validation"), Key("line training", "training")),
        header=("seed", "first", "last", "validation", "largest gradient"),
        rows=tuple(rows),
    )


def _course(epochs: Sequence[Epoch]) -> dict[str, list[float]]:
    """Return the columns of a loss ledger."""
    names = ("epoch", "train_loss", "val_loss", "train_cosine", "val_cosine")
    return {name: [float(getattr(epoch, name)) for epoch in epochs] for name in names}


def _epoch_ticks(epochs: Sequence[float]) -> list[float]:
    """Return at most eight whole epochs to label."""
    last = int(max(epochs))
    every = max(1, -(-last // 8))
    return [float(e) for e in range(every, last + 1, every)]
