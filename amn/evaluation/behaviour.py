"""What a model does with its input, in a few numbers that a report can draw.

Letters: B windows, T context rows, D numbers in a vector.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch

from amn.evaluation.metrics import cosine_rows
from amn.evaluation.runner import few_predictions, is_permutation_invariant, predict
from amn.evaluation.surroundings import ModelBehaviour, Surroundings, behaviour_of

if TYPE_CHECKING:
    from torch import nn


def observe(model: nn.Module, surroundings: Surroundings) -> ModelBehaviour:
    """Run a model on windows as they are, rotated and reversed, and measure what it answers."""
    context = torch.from_numpy(surroundings.contexts.copy())  # (B, T, D)
    with few_predictions(model):
        predicted = predict(model, context).numpy()
        rotated = predict(model, context.roll(1, dims=1)).numpy()
        backward = predict(model, context.flip(1)).numpy()
    targets = surroundings.targets
    gain = cosine_rows(predicted, targets) - cosine_rows(backward, targets)
    return ModelBehaviour(
        **behaviour_of(predicted, surroundings).fields(),
        permuted=float(np.abs(predicted - rotated).max()),
        declares_invariance=is_permutation_invariant(model),
        forward_gain=float(gain.mean()),
        forward_gain_se=float(gain.std(ddof=1) / np.sqrt(len(gain))) if len(gain) > 1 else np.nan,
    )
