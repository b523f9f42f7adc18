"""The learning rate over a training: an optional warm-up, then the schedule's own course."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from torch.optim.lr_scheduler import (
    CosineAnnealingLR,
    LinearLR,
    LRScheduler,
    ReduceLROnPlateau,
    SequentialLR,
)

from amn.data.coherence import window_coherence

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray
    from torch.optim import Optimizer

    from amn.case.training import Phase, TrainingConfig
    from amn.data.windows import Windows


COSINE_FLOOR = 0.01  # the cosine schedule ends at this share of lr
WARMUP_START = 0.01  # a warm-up begins at this share of lr


class Schedule:
    """Moves the optimiser's learning rate by the step, and by the epoch where validation decides.

    Args:
        steps: Optimiser steps of the whole training.
    """

    def __init__(self, optimizer: Optimizer, config: TrainingConfig, *, steps: int) -> None:
        warmup = round(steps * config.warmup_epochs / (config.epochs or 1))
        warmup = min(warmup, steps - 1)  # of few steps a part of an epoch may round to all
        floor = COSINE_FLOOR * optimizer.param_groups[0]["lr"]
        self._by_step: LRScheduler | None = None
        self._by_epoch: ReduceLROnPlateau | None = None
        if config.schedule == "plateau":
            self._by_epoch = ReduceLROnPlateau(
                optimizer, factor=config.plateau_factor, patience=config.plateau_patience
            )
        courses: list[LRScheduler] = []
        if warmup:
            courses.append(LinearLR(optimizer, WARMUP_START, total_iters=warmup))
        if config.schedule == "cosine":
            courses.append(CosineAnnealingLR(optimizer, steps - warmup, eta_min=floor))
        if len(courses) > 1:
            self._by_step = SequentialLR(optimizer, courses, milestones=[warmup])
        elif courses:
            self._by_step = courses[0]

    def step(self) -> None:
        """Move on by one optimiser step."""
        if self._by_step:
            self._by_step.step()

    def end_epoch(self, val_loss: float) -> None:
        """Move on by one epoch.

        Args:
            val_loss: The loss on the validation windows.
        """
        if self._by_epoch:
            self._by_epoch.step(val_loss)

    def state_dict(self) -> dict[str, Any]:
        """Return what it takes to go on later, as plain JSON data."""
        parts = {"by_step": self._by_step, "by_epoch": self._by_epoch}
        return {name: part.state_dict() for name, part in parts.items() if part}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from what `state_dict` returned."""
        if self._by_step:
            self._by_step.load_state_dict(state["by_step"])
        if self._by_epoch:
            self._by_epoch.load_state_dict(state["by_epoch"])


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
