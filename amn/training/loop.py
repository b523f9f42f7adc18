"""The training loop: batches of windows in, the best weights and a ledger out.

Same data, same seed, same machine: the same weights. Torch's random state is forked, numpy's is a
generator of (seed, epoch); nothing outside is touched.
"""

from __future__ import annotations

import copy
import math
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import nn

from amn.data.stretches import stretch_batches
from amn.errors import ArgumentError, TrainingError
from amn.models.amn import predict
from amn.models.build import ModelSpec, build_model, count_parameters
from amn.training.losses import LOSSES, cosine_rows
from amn.training.record import Epoch, Stop, TrainingRecord
from amn.training.sentinels import find_stop

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor

    from amn.config import TrainingConfig
    from amn.data.stretches import StretchBatch
    from amn.data.windows import Windows

VALIDATION_BATCH = 1024
COSINE_FLOOR = 0.01  # the cosine schedule ends at this share of lr


@dataclass(frozen=True)
class Trained:
    """The best weights by validation cosine, and how they came about."""

    model: nn.Module
    record: TrainingRecord


@dataclass(frozen=True, kw_only=True)
class ValidationReferences:
    """Validation cosines of the predictors that the stopping rules compare with."""

    constant: float
    mean: float


def train(
    spec: ModelSpec,
    train_windows: Windows,
    validation_windows: Windows,
    config: TrainingConfig,
    *,
    seed: int,
    references: ValidationReferences,
    progress: Callable[[int, int, str], None] | None = None,
) -> Trained:
    """Train one network from one seed.

    Args:
        validation_windows: Choose the best epoch and drive stopping; of articles that neither train
            nor are judged, so that no judged score is flattered by the choice.
        progress: Called with (batches done, batches in all, text) after every batch.

    Returns:
        The weights of the best epoch. A run that a rule stopped, or that met a number that is not
        finite, says so in its record; its weights are the best until then.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        run = _Run(spec, train_windows, validation_windows, config, seed=seed)
        epochs: list[Epoch] = []
        best, best_epoch, best_cosine = copy.deepcopy(run.model.state_dict()), 0, -math.inf
        stop: Stop | None = None
        crashed = False
        for number in range(1, run.n_epochs + 1):
            try:
                line = run.epoch(number, progress)
            except TrainingError as error:
                stop, crashed = Stop("R005", number, str(error)), True
                break
            epochs.append(line)
            if line.val_cosine > best_cosine:
                best, best_epoch = copy.deepcopy(run.model.state_dict()), number
                best_cosine = line.val_cosine
            cosines = [epoch.val_cosine for epoch in epochs]
            stop = find_stop(
                cosines, config.abort, constant=references.constant, mean=references.mean
            )
            if stop:
                break
        run.model.load_state_dict(best)
    record = TrainingRecord(
        seed=seed,
        status="crashed" if crashed else "stopped" if stop else "finished",
        stop=stop,
        epochs=tuple(epochs),
        best_epoch=best_epoch,
        best_val_cosine=best_cosine if epochs else -1.0,
        constant=references.constant,
        mean=references.mean,
        n_train_windows=len(train_windows),
        n_validation_windows=len(validation_windows),
        n_parameters=count_parameters(run.model),
    )
    return Trained(run.model.eval(), record)


def _require_finite(where: str, **values: float) -> None:
    """Raise TrainingError unless every value is a finite number."""
    for name, value in values.items():
        if not math.isfinite(value):
            raise TrainingError(
                f"{where}: expected a finite {name}, got {value}. Fix: a lower training.lr"
            )


class _Run:
    """The moving parts of one training: network, optimiser, schedule, and the order of batches."""

    def __init__(
        self,
        spec: ModelSpec,
        train_windows: Windows,
        validation_windows: Windows,
        config: TrainingConfig,
        *,
        seed: int,
    ) -> None:
        self.model = build_model(spec)
        self.train_windows, self.validation_windows = train_windows, validation_windows
        self.batch_size = config.batch_size or 32
        self.n_epochs = config.epochs or 1
        self.n_batches = math.ceil(len(train_windows) / self.batch_size)
        self.clip = config.clip or math.inf
        self.loss_name = config.loss or "mse"
        self.stretch = config.stretch or 1
        if self.stretch > 1 and not hasattr(self.model, "forward_stretches"):
            raise ArgumentError(
                f"training.stretch: expected 1 for {spec.architecture}, got {self.stretch}"
            )
        self.seed = seed
        lr = config.lr or 5e-4
        self.optimizer = torch.optim.AdamW(
            self.model.parameters(), lr=lr, weight_decay=config.weight_decay or 0.0, fused=True
        )
        steps = self.n_epochs * self.n_batches
        self.plateau = self.cosine = None
        if config.schedule == "plateau":
            self.plateau = torch.optim.lr_scheduler.ReduceLROnPlateau(
                self.optimizer, factor=config.plateau_factor, patience=config.plateau_patience
            )
        elif config.schedule == "cosine":
            self.cosine = torch.optim.lr_scheduler.CosineAnnealingLR(
                self.optimizer, steps, eta_min=COSINE_FLOOR * lr
            )

    def epoch(self, number: int, progress: Callable[[int, int, str], None] | None) -> Epoch:
        """Train on every window once, in an order drawn for this epoch, then validate."""
        begin = time.perf_counter()
        batches = stretch_batches(
            self.train_windows,
            length=self.stretch,
            batch_size=self.batch_size,
            rng=np.random.default_rng([self.seed, number]),
        )
        loss_sum = cosine_sum = largest = 0.0
        self.model.train()
        for index, batch in enumerate(batches):
            loss, cosine, norm = self._step(batch)
            where = f"epoch {number}, batch {index + 1} of {self.n_batches}"
            _require_finite(where, loss=loss, gradient=norm)
            loss_sum += loss * len(batch)
            cosine_sum += cosine * len(batch)
            largest = float(np.maximum(largest, norm))  # keeps NaN
            if progress:
                done = (number - 1) * self.n_batches + index + 1
                progress(done, self.n_epochs * self.n_batches, f"seed {self.seed} epoch {number}")
        val_loss, val_cosine = self.validate()
        _require_finite(f"epoch {number}, validation", loss=val_loss, cosine=val_cosine)
        if self.plateau:
            self.plateau.step(val_loss)
        n = len(self.train_windows)
        return Epoch(
            epoch=number,
            train_loss=loss_sum / n,
            terms={self.loss_name: loss_sum / n},
            train_cosine=cosine_sum / n,
            val_loss=val_loss,
            val_cosine=val_cosine,
            grad_norm=largest,
            lr=self.optimizer.param_groups[0]["lr"],
            seconds=time.perf_counter() - begin,
        )

    def _forward(self, batch: StretchBatch) -> tuple[Tensor, Tensor]:
        """Return raw outputs and targets of a batch, (B, D) each."""
        rows = torch.from_numpy(self.train_windows.dataset.gather(batch.rows)).float()
        if batch.length == 1:
            return self.model(rows[:, :-1]), rows[:, -1]
        places = torch.from_numpy(batch.places)
        targets = rows[:, batch.context :].flatten(0, 1)[places]
        raw: Tensor = self.model.forward_stretches(rows, places)  # type: ignore[operator]  # checked
        return raw, targets

    def _step(self, batch: StretchBatch) -> tuple[float, float, float]:
        """Take one optimiser step; return its loss, its cosine and the gradient norm."""
        raw, target = self._forward(batch)
        loss = LOSSES[self.loss_name](raw, target)
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]  # torch has no annotation for it
        norm = nn.utils.clip_grad_norm_(self.model.parameters(), self.clip)
        self.optimizer.step()
        if self.cosine:
            self.cosine.step()
        value = float(loss.detach())
        if self.loss_name == "cosine":
            return value, 1 - value, float(norm)
        with torch.no_grad():
            return value, float(cosine_rows(raw, target).mean()), float(norm)

    def validate(self) -> tuple[float, float]:
        """Return the loss and the cosine on the validation windows, in window order."""
        loss = cosine = 0.0
        n = len(self.validation_windows)
        self.model.eval()
        with torch.inference_mode():
            for start in range(0, n, VALIDATION_BATCH):
                rows = torch.from_numpy(
                    self.validation_windows.gather(slice(start, start + VALIDATION_BATCH))
                )
                context, target = rows[:, :-1], rows[:, -1]
                loss += float(LOSSES[self.loss_name](self.model(context), target)) * len(rows)
                predicted = predict(self.model, context)
                cosine += float((predicted.double() * target.double()).sum())
        return loss / n, cosine / n
