"""Scoring a model: every window's cosine, in order, in float64.

Letters: N windows, T context rows, D numbers in a vector.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from amn.data.sampling import evenly_spaced
from amn.data.vectors import lengths
from amn.evaluation.metrics import SplitScores, cosine_rows, effective_rank

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray
    from torch import nn

    from amn.data.windows import Windows

BATCH_WINDOWS = 1024
GEOMETRY_WINDOWS = 512  # evenly spaced; more raise both ranks alike, and cost seconds


def score(model: nn.Module, windows: Windows, *, batch: int = BATCH_WINDOWS) -> SplitScores:
    """Score a model on windows, through the public path, in window order.

    Args:
        model: Maps (B, T, D) contexts to raw predictions (B, D); put in evaluation mode here.
        batch: Windows at a time; changes no cosine by more than 1e-6.
    """
    n, dim = len(windows), windows.dataset.dim
    cosines, copies = np.empty(n), np.empty(n)
    sampled = np.zeros(n, np.bool_)
    sampled[evenly_spaced(n, GEOMETRY_WINDOWS)] = True
    predictions: list[NDArray[np.float32]] = [np.empty((0, dim), np.float32)]
    targets: list[NDArray[np.float32]] = [np.empty((0, dim), np.float32)]
    norm_error = 0.0
    for start, rows, predicted in _predictions(model, windows, batch):
        here = slice(start, start + len(rows))
        cosines[here] = cosine_rows(predicted, rows[:, -1])
        copies[here] = cosine_rows(predicted, rows[:, -2])
        error = np.abs(lengths(predicted) - 1).max()
        norm_error = float(np.maximum(norm_error, error))  # keeps NaN
        predictions.append(predicted[sampled[here]])
        targets.append(rows[:, -1][sampled[here]])
    sample, wanted = np.concatenate(predictions), np.concatenate(targets)
    finite = bool(np.isfinite(sample).all())
    return SplitScores(
        cosines=cosines,
        copy_cosines=copies,
        article_ids=windows.article_ids,
        target_chunks=windows.target_chunks,
        norm_error=norm_error,
        rank=effective_rank(sample) if finite else float("nan"),
        target_rank=effective_rank(wanted),
    )


def _predictions(
    model: nn.Module, windows: Windows, batch: int
) -> Iterator[tuple[int, NDArray[np.float32], NDArray[np.float32]]]:
    """Yield (start, (B, T + 1, D) rows, (B, D) predictions) in window order."""
    model.eval()
    with torch.inference_mode():
        for start in range(0, len(windows), batch):
            rows = torch.from_numpy(windows.gather_stored(slice(start, start + batch))).float()
            yield start, rows.numpy(), predict(model, rows[:, :-1]).numpy()


def predict(model: nn.Module, context: Tensor) -> Tensor:
    """Return unit-length predictions, (B, D): the one public path from a model to a prediction.

    Args:
        context: (B, T, D) unit rows, oldest first, on the model's device.
    """
    return F.normalize(model(context), dim=-1)


def is_permutation_invariant(model: nn.Module) -> bool:
    """Tell whether a network declares that the order of its context changes nothing."""
    return bool(getattr(model, "permutation_invariant", False))
