"""Which windows an epoch sees.

A curriculum ranks the windows by coherence and widens from the most coherent ones to all.
N windows.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from amn.data.coherence import window_coherence

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from amn.data.windows import Windows
    from amn.training_config import Phase


class Curriculum:
    """The windows of each epoch.

    Args:
        phases: The first begins with epoch 1; None shows every window in every epoch.
    """

    def __init__(self, windows: Windows, phases: Sequence[Phase] | None) -> None:
        self._all, self._phases = windows, phases
        self._ranked: NDArray[np.int64] | None = None
        if phases:
            self._ranked = np.argsort(-window_coherence(windows), kind="stable")

    def _counts(self, epoch: int) -> tuple[int, int]:
        """Return how many of the most coherent windows an epoch sees, and of the others."""
        n = len(self._all)
        phase = [p for p in self._phases or () if p.from_epoch <= epoch][-1]
        coherent = max(1, round(phase.coherent * n))
        return coherent, round(phase.mixed * (n - coherent))

    def count(self, epoch: int) -> int:
        """Return how many windows an epoch sees.

        Args:
            epoch: 1-based.
        """
        return len(self._all) if self._ranked is None else sum(self._counts(epoch))

    def windows(self, epoch: int, rng: np.random.Generator) -> Windows:
        """Return the windows of an epoch, in the order of their rows.

        Args:
            rng: Draws what a mixed phase adds to the coherent windows.
        """
        if self._ranked is None:
            return self._all
        coherent, mixed = self._counts(epoch)
        drawn = rng.choice(self._ranked[coherent:], mixed, replace=False)
        return self._all.take(np.sort(np.concatenate([self._ranked[:coherent], drawn])))
