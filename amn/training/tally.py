"""The sums of an epoch: read from the device now and then, because reading waits for it.

K loss terms.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import torch

from amn.errors import TrainingError

if TYPE_CHECKING:
    from torch import Tensor

READ_EVERY = {"cpu": 1, "cuda": 64}  # steps; on a CPU there is nothing to wait for


class Step(NamedTuple):
    """What one optimiser step measured, still on the device.

    Attributes:
        values: (2 + K,) loss, cosine, weighted loss terms that add up to the loss.
        norm: Of the gradient, before clipping.
        term_norms: (K,) of each term's own gradient; None where it was not asked for.
    """

    values: Tensor
    norm: Tensor
    term_norms: Tensor | None = None


def require_finite(where: str, **values: float) -> None:
    """Raise TrainingError unless every value is a finite number."""
    for name, value in values.items():
        if not math.isfinite(value):
            raise TrainingError(
                f"{where}: expected a finite {name}, got {value}. Fix: a lower training.lr"
            )


class Tally:
    """Sums over windows, and the largest gradient norm.

    Args:
        n_terms: K.
        where: What the batch number is put after in messages: `epoch 3, batch`.
        n_batches: Of the epoch.
        read_every: Steps after which what they measured is read.

    Attributes:
        sums: (2 + K,) float64 of loss, cosine and terms over the windows read so far.
        largest: Gradient norm.
        seen: Windows.
    """

    def __init__(self, n_terms: int, *, where: str, n_batches: int, read_every: int) -> None:
        self.sums = np.zeros(2 + n_terms)
        self.largest, self.seen = 0.0, 0
        self._term_norms: list[Tensor] = []
        self._where, self._n_batches, self._read_every = where, n_batches, read_every
        self._waiting: list[tuple[Step, int]] = []
        self._n_read = 0

    def add(self, step: Step, n_windows: int) -> None:
        """Take a step's measures.

        Raises:
            TrainingError: If a number that is read now is not finite.
        """
        self._waiting.append((step, n_windows))
        if step.term_norms is not None:
            self._term_norms.append(step.term_norms)
        if len(self._waiting) >= self._read_every:
            self.read()

    def read(self) -> None:
        """Read every step that waits.

        Raises:
            TrainingError: If a number is not finite; names the first such batch.
        """
        if not self._waiting:
            return
        numbers = torch.stack([torch.cat([s.values, s.norm[None]]) for s, _ in self._waiting])
        counts = np.array([count for _, count in self._waiting])
        values = numbers.double().cpu().numpy()  # (steps, 3 + K)
        is_bad = ~np.isfinite(values[:, [0, -1]]).all(axis=1)
        if is_bad.any():
            bad = int(np.argmax(is_bad))
            where = f"{self._where} {self._n_read + bad + 1} of {self._n_batches}"
            require_finite(where, loss=float(values[bad, 0]), gradient=float(values[bad, -1]))
        self.sums += counts @ values[:, :-1]
        self.largest = max(self.largest, float(values[:, -1].max()))
        self.seen += int(counts.sum())
        self._n_read += len(counts)
        self._waiting = []

    def mean_term_norms(self) -> list[float]:
        """Return the mean gradient norm of each term over the steps that measured it."""
        means: list[float] = torch.stack(self._term_norms).double().mean(dim=0).tolist()
        return means
