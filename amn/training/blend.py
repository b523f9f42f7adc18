"""Blend fine-tuning: go on from a good checkpoint, on the articles that it has not seen.

What it knew must not be lost over that, so its score on the articles that it had seen is taken
before and after (retention).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from amn.data.sampling import evenly_spaced
from amn.errors import ArgumentError, CheckpointError
from amn.evaluation.runner import score
from amn.storage import sha256_file
from amn.training.checkpoint import load_checkpoint
from amn.training.networks.build import build_model

if TYPE_CHECKING:
    from pathlib import Path

    from torch import Tensor, nn

    from amn.data.ids import Ids
    from amn.data.windows import Windows
    from amn.training.networks.build import ModelSpec

RETAINED_WINDOWS = 8192  # more would move the mean by less than 1e-3


@dataclass(frozen=True)
class Blend:
    """A checkpoint to go on from.

    Attributes:
        weights: By the network's own names.
        articles: (n,) ids of the articles that it was trained on.
        retained: Windows of those of them that are in the train split; empty if none is.
        digest: sha256 of the checkpoint file.
    """

    weights: dict[str, Tensor]
    articles: Ids
    retained: Windows
    digest: str


def open_blend(path: Path, spec: ModelSpec, train: Windows) -> Blend:
    """Load a checkpoint to go on from.

    Args:
        spec: The network that is to be trained; dropout may be another.
        train: Windows of the whole train split.

    Raises:
        CheckpointError: If it is damaged, is another network, or does not say what it has seen.
    """
    checkpoint = load_checkpoint(path)
    theirs = replace(checkpoint.spec, dropout=spec.dropout).to_json()
    differing = [
        f"{name} {value}, got {theirs[name]}"
        for name, value in spec.to_json().items()
        if theirs[name] != value
    ]
    if differing:
        message = f"expected the case's network, {'; '.join(differing)}"
        raise CheckpointError(path, f"{message}. Fix: [model] and [windows] as in the checkpoint")
    if not len(checkpoint.articles):
        message = "expected a list of training articles, got none: new ones cannot be told from old"
        raise CheckpointError(path, message)
    try:
        old = np.flatnonzero(train.dataset.is_in(checkpoint.articles)[train.starts])
    except ArgumentError as error:
        raise CheckpointError(path, f"training articles: {error}") from error
    return Blend(
        weights=checkpoint.model.state_dict(),
        articles=checkpoint.articles,
        retained=train.take(old[evenly_spaced(len(old), RETAINED_WINDOWS)]),
        digest=sha256_file(path),
    )


def score_retention(blend: Blend, spec: ModelSpec, model: nn.Module) -> dict[str, Any]:
    """Return the cosine on the old articles before and after, as plain JSON data.

    Both are null where the train split has none of them.
    """
    retained = blend.retained
    facts: dict[str, Any] = {
        "checkpoint": blend.digest,
        "windows": len(retained),
        "articles": len(np.unique(retained.codes)),
        "before": None,
        "after": None,
    }
    if len(retained):
        with torch.random.fork_rng(devices=[]):
            before = build_model(spec)
        before.load_state_dict(blend.weights)
        facts["before"] = float(score(before, retained).mean)
        facts["after"] = float(score(model, retained).mean)
    return facts
