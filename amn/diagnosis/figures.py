"""The numbers that causes are weighed by, beside how checks ended; each has one name."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from amn.training.records.history import RunHistory

# name -> what it is. Those of a trial are there once that experiment was run.
FIGURES = {
    "mean_cosine": "cosine of the mean of the context, the lower of the judged splits",
    "train_gap": "training minus validation cosine in the last epoch",
    "fall_after_best": "best minus last validation cosine",
    "rescore_change": "largest change of a window's cosine through the public loader",
    "resort_gain": "gain in neighbours' likeness over far rows after sorting by (article, chunk)",
    "copied_rows": "share of rows that repeat the row before them",
    "split_gap": "mean of the context on a judged split, its largest distance from training",
    "coherent_margin": "OOD score without the least coherent quarter of articles, minus its floor",
}


def record_figures(histories: Iterable[RunHistory]) -> dict[str, float]:
    """Return the figures of the courses of training, the largest over them; only what is known."""
    found: dict[str, float] = {}
    for history in histories:
        lines = [e for e in history.epochs if e.val_cosine is not None]
        if not lines or history.best is None:
            continue
        last = lines[-1].val_cosine or 0.0
        values = {"fall_after_best": (history.best.val_cosine or 0.0) - last}
        if lines[-1].train_cosine is not None:
            values["train_gap"] = lines[-1].train_cosine - last
        found |= {name: max(value, found.get(name, -math.inf)) for name, value in values.items()}
    return found
