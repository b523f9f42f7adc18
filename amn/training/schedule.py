"""The learning rate over a training: an optional warm-up, then the schedule's own course."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from torch.optim.lr_scheduler import (
    CosineAnnealingLR,
    LinearLR,
    LRScheduler,
    ReduceLROnPlateau,
    SequentialLR,
)

if TYPE_CHECKING:
    from torch.optim import Optimizer

    from amn.training_config import TrainingConfig

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
