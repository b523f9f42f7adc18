"""What a model does with its input, in a few numbers that a report can draw.

Letters: B windows, T context rows, D numbers in a vector.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from amn.evaluation.metrics import cosine_rows
from amn.evaluation.runner import is_permutation_invariant, predict
from amn.evaluation.surroundings import (
    CURVE_OFFSETS,
    Retrieval,
    Surroundings,
    offset_curve,
    pairwise_cosine,
    retrieve_in_article,
    retrieve_in_batch,
)
from amn.storage import finite

if TYPE_CHECKING:
    from torch import nn


@dataclass(frozen=True, kw_only=True)
class Behaviour:
    """What a model did on a sample of windows of one split.

    Attributes:
        curve: Mean cosine with the row at each of `CURVE_OFFSETS`; see `offset_curve`.
        in_batch: Retrieval of the target among the targets of the sample.
        in_article: Retrieval of the target among the rows around it.
        pairwise: Mean cosine of pairs of predictions; 1 is one prediction for everything.
        target_pairwise: The same of the targets.
        permuted: Largest change of a number of a prediction when the context is rotated by a row.
        declares_invariance: Whether the architecture cannot tell the order of its context.
        forward_gain: Mean cosine minus that with the context newest first; above 0 where recent
            rows help, 0 for a model without order.
        forward_gain_se: Its standard error over windows.
        n_windows: B.
    """

    curve: tuple[float, ...]
    in_batch: Retrieval
    in_article: Retrieval
    pairwise: float
    target_pairwise: float
    permuted: float
    declares_invariance: bool
    forward_gain: float
    forward_gain_se: float
    n_windows: int

    def to_json(self) -> dict[str, Any]:
        """Return the numbers as plain JSON data, NaN as null."""
        values = asdict(self)
        values["curve"] = dict(zip(map(str, CURVE_OFFSETS), self.curve, strict=True))
        plain: dict[str, Any] = finite(values)
        return plain


def observe(model: nn.Module, surroundings: Surroundings) -> Behaviour:
    """Run a model on windows as they are, rotated and reversed, and measure what it answers."""
    context = torch.from_numpy(surroundings.contexts.copy())  # (B, T, D)
    model.eval()
    with torch.inference_mode():
        predicted = predict(model, context).numpy()
        rotated = predict(model, context.roll(1, dims=1)).numpy()
        backward = predict(model, context.flip(1)).numpy()
    targets = surroundings.targets
    gain = cosine_rows(predicted, targets) - cosine_rows(backward, targets)
    return Behaviour(
        curve=tuple(offset_curve(predicted, surroundings).tolist()),
        in_batch=retrieve_in_batch(predicted, targets),
        in_article=retrieve_in_article(predicted, surroundings),
        pairwise=pairwise_cosine(predicted),
        target_pairwise=pairwise_cosine(targets),
        permuted=float(np.abs(predicted - rotated).max()),
        declares_invariance=is_permutation_invariant(model),
        forward_gain=float(gain.mean()),
        forward_gain_se=float(gain.std(ddof=1) / np.sqrt(len(gain))) if len(gain) > 1 else np.nan,
        n_windows=len(gain),
    )
