"""Scoring the reference predictors: what a model stands beside, and all that needs no torch."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from amn.evaluation.metrics import cosine_rows

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from amn.data.windows import Windows
    from amn.models.reference import References

BATCH_WINDOWS = 1024


def score_references(
    references: References, windows: Windows, *, batch: int = BATCH_WINDOWS
) -> dict[str, NDArray[np.float64]]:
    """Return every reference predictor's cosine on every window: name -> (N,) float64."""
    parts: dict[str, list[NDArray[np.float64]]] = {}
    for start in range(0, len(windows), batch):
        rows = windows.gather(slice(start, start + batch))
        for name, predicted in references.predict(rows[:, :-1]).items():
            parts.setdefault(name, []).append(cosine_rows(predicted, rows[:, -1]))
    return {name: np.concatenate(values) for name, values in parts.items()}
