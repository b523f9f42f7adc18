"""One training, an epoch at a time: steps on batches of stretches, then validation."""

from __future__ import annotations

import math
import time
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from amn.data.stretches import stretch_batches
from amn.errors import ArgumentError, TrainingError
from amn.training.losses import WeightedLoss, cosine_rows
from amn.training.networks.build import build_model
from amn.training.networks.start import start_as_mean
from amn.training.record import Epoch, Stop, find_dominance, find_stop, last_gain
from amn.training.schedule import Curriculum, Schedule
from amn.training.state import TrainingState

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from torch import Tensor

    from amn.case.training import TrainingConfig
    from amn.data.stretches import StretchBatch
    from amn.data.windows import Windows
    from amn.training.aim import Aim
    from amn.training.networks.build import ModelSpec
    from amn.training.record import ValidationReferences


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
        steps: Optimiser steps read so far.
    """

    def __init__(self, n_terms: int, *, where: str, n_batches: int, read_every: int) -> None:
        self.sums = np.zeros(2 + n_terms)
        self.largest, self.seen = 0.0, 0
        self._term_norms: list[Tensor] = []
        self._where, self._n_batches, self._read_every = where, n_batches, read_every
        self._waiting: list[tuple[Step, int]] = []
        self.steps = 0

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
            where = f"{self._where} {self.steps + bad + 1} of {self._n_batches}"
            require_finite(where, loss=float(values[bad, 0]), gradient=float(values[bad, -1]))
        self.sums += counts @ values[:, :-1]
        self.largest = max(self.largest, float(values[:, -1].max()))
        self.seen += int(counts.sum())
        self.steps += len(counts)
        self._waiting = []

    def mean_term_norms(self) -> list[float]:
        """Return the mean gradient norm of each term over the steps that measured it."""
        means: list[float] = torch.stack(self._term_norms).double().mean(dim=0).tolist()
        return means


VALIDATION_BATCH = 1024
GRADIENT_SAMPLES = 4  # batches an epoch on which each loss term's own gradient is measured
DOMINANCE_SHARE = 0.25  # of epoch 1, after which secondary losses must not outweigh the primary one


class Epochs:
    """One training: the network and all that moves with it, the loss, and the order of batches."""

    def __init__(
        self,
        spec: ModelSpec,
        train_windows: Windows,
        validation_windows: Windows,
        config: TrainingConfig,
        *,
        seed: int,
        weights: Mapping[str, Tensor] | None = None,
        device: str = "cpu",
    ) -> None:
        self.train_windows, self.validation_windows = train_windows, validation_windows
        self.config, self.seed, self.device = config, seed, torch.device(device)
        self.batch_size = config.batch_size or 32
        self.n_epochs = config.epochs or 1
        self.clip = config.clip or math.inf
        self.loss = WeightedLoss(config.loss_terms())
        self.curriculum = Curriculum(train_windows, config.curriculum)
        model = build_model(spec)
        self.stretch = config.stretch or 1
        if self.stretch > 1 and not hasattr(model, "forward_stretches"):
            raise ArgumentError(
                f"training.stretch: expected 1 for {spec.architecture}, got {self.stretch}"
            )
        if weights is not None:
            model.load_state_dict(weights)
        elif config.init == "mean":
            start_as_mean(model, spec, train_windows)
        model.to(self.device)
        optimizer = torch.optim.AdamW(
            model.parameters(),
            lr=config.rate,
            weight_decay=config.weight_decay or 0.0,
            fused=True,
        )
        self.state = TrainingState(
            model=model,
            optimizer=optimizer,
            schedule=Schedule(optimizer, config, steps=self._batches_before(self.n_epochs + 1)),
            average=_average(model, config.ema),
            best={name: tensor.clone() for name, tensor in model.state_dict().items()},
        )

    def _batches_before(self, epoch: int) -> int:
        """Return how many batches the epochs before this one have."""
        counts = (self.curriculum.count(e) for e in range(1, epoch))
        return sum(math.ceil(count / self.batch_size) for count in counts)

    def has_ended(self) -> bool:
        """Tell if every epoch is done, or early stopping ends the training."""
        done, patience = len(self.state.epochs), self.config.early_stopping
        if patience is None or not done:
            return done >= self.n_epochs
        best = last_gain([line.val_cosine for line in self.state.epochs])
        return done >= self.n_epochs or done - best >= patience

    def find_stop(self, references: ValidationReferences, aim: Aim | None) -> Stop | None:
        """Return why training has to stop after its latest epoch."""
        lines, rule = self.state.epochs, self.config.abort
        cosines = [line.val_cosine for line in lines]
        broken = find_dominance(lines[-1].epoch, lines[-1].terms) or find_stop(
            cosines,
            rule,
            constant=references.constant,
            mean=references.mean,
            steps=[line.steps for line in lines],
        )
        return broken or (aim.find_stop(cosines) if aim else None)

    def epoch(self, number: int, progress: Callable[[int, int, str], None] | None) -> Epoch:
        """Train on the epoch's windows once, then validate.

        Epoch 1 ends early when its secondary losses outweigh the primary one.
        """
        begin = time.perf_counter()
        rng = np.random.default_rng([self.seed, number])
        batches = stretch_batches(
            self.curriculum.windows(number, rng),
            length=self.stretch,
            batch_size=self.batch_size,
            rng=rng,
        )
        n_batches = math.ceil(self.curriculum.count(number) / self.batch_size)
        before, total = self._batches_before(number), self._batches_before(self.n_epochs + 1)
        tally = Tally(
            len(self.loss.names),
            where=f"epoch {number}, batch",
            n_batches=n_batches,
            read_every=READ_EVERY[self.device.type],
        )
        self.state.model.train()
        for index, batch in enumerate(batches):
            is_sampled = index % math.ceil(n_batches / GRADIENT_SAMPLES) == 0
            tally.add(self.take_step(batch, measure_terms=is_sampled), len(batch))
            if progress:
                progress(before + index + 1, total, f"seed {self.seed} epoch {number}")
            if number == 1 and index + 1 == math.ceil(DOMINANCE_SHARE * n_batches):
                tally.read()
                terms = dict(zip(self.loss.names, tally.sums[2:], strict=True))
                if find_dominance(number, terms):
                    break
        tally.read()
        val_loss, val_cosine = self.validate()
        require_finite(f"epoch {number}, validation", loss=val_loss, cosine=val_cosine)
        self.state.schedule.end_epoch(val_loss)
        loss, cosine, *shares = (tally.sums / tally.seen).tolist()
        return Epoch(
            epoch=number,
            train_loss=loss,
            terms=dict(zip(self.loss.names, shares, strict=True)),
            train_cosine=cosine,
            val_loss=val_loss,
            val_cosine=val_cosine,
            grad_norm=tally.largest,
            lr=self.state.optimizer.param_groups[0]["lr"],
            seconds=time.perf_counter() - begin,
            term_grad_norms=dict(zip(self.loss.names, tally.mean_term_norms(), strict=True)),
            n_windows=tally.seen,
            steps=tally.steps,
        )

    def _forward(self, batch: StretchBatch) -> tuple[Tensor, Tensor]:
        """Return raw outputs and targets of a batch, (B, D) float32 each."""
        stored = torch.from_numpy(self.train_windows.dataset.gather(batch.rows))
        rows = stored.to(self.device, non_blocking=True).float()
        model, is_half = self.state.model, self.config.precision == "bfloat16"
        with torch.autocast(self.device.type, torch.bfloat16, enabled=is_half):
            if batch.length == 1:
                return model(rows[:, :-1]).float(), rows[:, -1]
            places = torch.from_numpy(batch.places).to(self.device)
            raw: Tensor = model.forward_stretches(rows, places)  # type: ignore[operator]  # checked
        return raw.float(), rows.flatten(0, 1)[torch.from_numpy(batch.targets).to(self.device)]

    def _articles(self, batch: StretchBatch) -> Tensor | None:
        """Return the article of each window, (B,) int64, if the loss looks at it."""
        if not self.loss.needs_articles:
            return None
        codes = self.train_windows.dataset.codes[batch.starts]
        return torch.from_numpy(np.repeat(codes, batch.counts)).to(self.device)

    def take_step(self, batch: StretchBatch, *, measure_terms: bool = False) -> Step:
        """Take one optimiser step.

        Args:
            measure_terms: Take the norm of each term's own gradient too, a backward pass a term.
        """
        state = self.state
        raw, target = self._forward(batch)
        terms = self.loss.terms(raw, target, self._articles(batch))
        loss = terms[0] if len(terms) == 1 else torch.stack(terms).sum()
        term_norms = self._term_norms(terms) if measure_terms and len(terms) > 1 else None
        state.optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]  # torch has no annotation for it
        norm = self._clip()
        state.optimizer.step()
        state.schedule.step()
        if state.average is not None:
            state.average.update_parameters(state.model)
        if measure_terms and len(terms) == 1:
            term_norms = norm[None]
        if self.loss.names == ("cosine",):
            cosine = 1 - loss.detach() / self.loss.weights["cosine"]
        else:
            cosine = cosine_rows(raw.detach(), target).mean()
        values = torch.stack([loss.detach(), cosine, *(term.detach() for term in terms)])
        return Step(values, norm, term_norms)

    def _clip(self) -> Tensor:
        """Scale the gradients down to a norm of at most `clip`; return the norm they had."""
        parameters = [p for p in self.state.model.parameters() if p.grad is not None]
        norm = nn.utils.get_total_norm([p.grad for p in parameters if p.grad is not None])
        # A CPU knows the norm already; on a GPU, asking would wait for every product of the step.
        if self.device.type != "cpu" or not norm <= self.clip:
            nn.utils.clip_grads_with_norm_(parameters, self.clip, norm)
        return norm

    def _term_norms(self, terms: list[Tensor]) -> Tensor:
        """Return the norm of each term's gradient with respect to all parameters, (K,)."""
        parameters = list(self.state.model.parameters())
        gradients = (
            torch.autograd.grad(term, parameters, retain_graph=True, allow_unused=True)
            for term in terms
        )
        return torch.stack(
            [
                nn.utils.get_total_norm([g for g in gradient if g is not None])
                for gradient in gradients
            ]
        )

    def validate(self) -> tuple[float, float]:
        """Return the primary loss and the cosine on the validation windows, in float32."""
        model, n = self.state.judged.eval(), len(self.validation_windows)
        is_unit = self.validation_windows.dataset.normalised
        sums = torch.zeros(2, dtype=torch.float64, device=self.device)
        with torch.inference_mode():
            for start in range(0, n, VALIDATION_BATCH):
                rows = torch.from_numpy(
                    self.validation_windows.gather(slice(start, start + VALIDATION_BATCH))
                ).to(self.device)
                context, target = rows[:, :-1], rows[:, -1]
                raw = model(context)
                loss = self.loss.primary(raw, target).double() * len(rows)
                predicted = F.normalize(raw, dim=-1)  # what `predict` does, of the same forward
                wanted = target if is_unit else F.normalize(target, dim=-1)
                sums += torch.stack([loss, (predicted.double() * wanted.double()).sum()])
        loss_sum, cosine_sum = sums.tolist()
        return loss_sum / n, cosine_sum / n


def _average(model: nn.Module, decay: float | None) -> AveragedModel | None:
    """Return a moving average of the weights that forgets by `decay` a step."""
    if decay is None:
        return None
    return AveragedModel(model, multi_avg_fn=get_ema_multi_avg_fn(decay))  # type: ignore[no-untyped-call]  # torch has no annotation for it
