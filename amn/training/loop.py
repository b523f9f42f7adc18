"""The training loop: batches of windows in, the best weights and a ledger out.

Same data, same seed, same machine: the same weights. Torch's random state is forked, numpy's is a
generator of (seed, epoch); nothing outside is touched.
"""

from __future__ import annotations

import math
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import torch
from torch import nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from amn.data.stretches import stretch_batches
from amn.errors import ArgumentError, TrainingError
from amn.models.amn import predict
from amn.models.build import ModelSpec, build_model, count_parameters
from amn.training.curriculum import Curriculum
from amn.training.losses import WeightedLoss, cosine_rows
from amn.training.record import Epoch, Stop, TrainingRecord
from amn.training.schedule import Schedule
from amn.training.sentinels import find_dominance, find_stop
from amn.training.state import TrainingState

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from torch import Tensor

    from amn.data.stretches import StretchBatch
    from amn.data.windows import Windows
    from amn.training_config import TrainingConfig

VALIDATION_BATCH = 1024
GRADIENT_SAMPLES = 4  # batches an epoch on which each loss term's own gradient is measured
DOMINANCE_SHARE = 0.25  # of epoch 1, after which secondary losses must not outweigh the primary one


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


@dataclass(frozen=True, kw_only=True)
class Start:
    """Where a training begins: fresh weights, given ones, or what a killed process left behind.

    Attributes:
        weights: Given weights, by the network's own names.
        state: File in which the state is kept after every epoch, and from which it goes on; whoever
            has made use of the result removes it.
        key: What the result depends on: a state of another key is not taken.
        notify: Called with `seed s: resuming at epoch n`.
    """

    weights: Mapping[str, Tensor] | None = None
    state: Path | None = None
    key: str = ""
    notify: Callable[[str], None] | None = None


FRESH = Start()


def train(  # noqa: PLR0913 - what, on what, how, from where, and who is told
    spec: ModelSpec,
    train_windows: Windows,
    validation_windows: Windows,
    config: TrainingConfig,
    *,
    seed: int,
    references: ValidationReferences,
    start: Start = FRESH,
    progress: Callable[[int, int, str], None] | None = None,
) -> Trained:
    """Train one network from one seed.

    Args:
        validation_windows: Choose the best epoch and drive stopping; of articles that neither train
            nor are judged, so that no judged score is flattered by the choice.
        start: Where it begins, and where its state is kept.
        progress: Called with (batches done, batches in all, text) after every batch.

    Returns:
        The weights of the best epoch. A run that a rule stopped, or that met a number that is not
        finite, says so in its record; its weights are the best until then.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        run = _Run(
            spec, train_windows, validation_windows, config, seed=seed, weights=start.weights
        )
        state = run.state
        if start.state and state.restore(start.state, start.key) and start.notify:
            start.notify(f"seed {seed}: resuming at epoch {len(state.epochs) + 1}")
        stop, crashed = None, False
        while not (stop or crashed or run.has_ended()):
            try:
                state.note_epoch(run.epoch(len(state.epochs) + 1, progress))
            except TrainingError as error:
                stop, crashed = Stop("R005", len(state.epochs) + 1, str(error)), True
                break
            stop = run.find_stop(references)
            if start.state and not stop:
                state.save(start.state, start.key)
        model = state.judged
        model.load_state_dict(state.best)
    record = TrainingRecord(
        seed=seed,
        status="crashed" if crashed else "stopped" if stop else "finished",
        stop=stop,
        epochs=tuple(state.epochs),
        best_epoch=state.best_epoch,
        best_val_cosine=max((epoch.val_cosine for epoch in state.epochs), default=-1.0),
        constant=references.constant,
        mean=references.mean,
        n_train_windows=len(train_windows),
        n_validation_windows=len(validation_windows),
        n_parameters=count_parameters(model),
    )
    return Trained(model.eval(), record)


def _require_finite(where: str, **values: float) -> None:
    """Raise TrainingError unless every value is a finite number."""
    for name, value in values.items():
        if not math.isfinite(value):
            raise TrainingError(
                f"{where}: expected a finite {name}, got {value}. Fix: a lower training.lr"
            )


class Step(NamedTuple):
    """What one optimiser step measured.

    Attributes:
        terms: Weighted loss terms; they add up to `loss`.
        norm: Of the gradient, before clipping.
        term_norms: Of each term's own gradient; empty where they were not asked for.
    """

    loss: float
    cosine: float
    norm: float
    terms: tuple[float, ...]
    term_norms: tuple[float, ...] = ()


class _Run:
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
    ) -> None:
        self.train_windows, self.validation_windows = train_windows, validation_windows
        self.config, self.seed = config, seed
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
        optimizer = torch.optim.AdamW(
            model.parameters(),
            lr=config.lr or 5e-4,
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
        is_still = patience is not None and done - self.state.best_epoch >= patience
        return done >= self.n_epochs or (done > 0 and is_still)

    def find_stop(self, references: ValidationReferences) -> Stop | None:
        """Return why training has to stop after its latest epoch."""
        lines, rule = self.state.epochs, self.config.abort
        return find_dominance(lines[-1].epoch, lines[-1].terms) or find_stop(
            [line.val_cosine for line in lines],
            rule,
            constant=references.constant,
            mean=references.mean,
        )

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
        sums, largest, seen = np.zeros(2 + len(self.loss.names)), 0.0, 0
        norms: list[tuple[float, ...]] = []
        self.state.model.train()
        for index, batch in enumerate(batches):
            is_sampled = index % math.ceil(n_batches / GRADIENT_SAMPLES) == 0
            step = self._step(batch, measure_terms=is_sampled)
            where = f"epoch {number}, batch {index + 1} of {n_batches}"
            _require_finite(where, loss=step.loss, gradient=step.norm)
            sums += np.array([step.loss, step.cosine, *step.terms]) * len(batch)
            seen += len(batch)
            norms += [step.term_norms] if is_sampled else []
            largest = float(np.maximum(largest, step.norm))  # keeps NaN
            if progress:
                progress(before + index + 1, total, f"seed {self.seed} epoch {number}")
            if number == 1 and index + 1 == math.ceil(DOMINANCE_SHARE * n_batches):
                terms = dict(zip(self.loss.names, sums[2:], strict=True))
                if find_dominance(number, terms):
                    break
        val_loss, val_cosine = self.validate()
        _require_finite(f"epoch {number}, validation", loss=val_loss, cosine=val_cosine)
        self.state.schedule.end_epoch(val_loss)
        loss, cosine, *terms = (sums / seen).tolist()
        return Epoch(
            epoch=number,
            train_loss=loss,
            terms=dict(zip(self.loss.names, terms, strict=True)),
            train_cosine=cosine,
            val_loss=val_loss,
            val_cosine=val_cosine,
            grad_norm=largest,
            lr=self.state.optimizer.param_groups[0]["lr"],
            seconds=time.perf_counter() - begin,
            term_grad_norms=dict(
                zip(self.loss.names, np.mean(norms, axis=0).tolist(), strict=True)
            ),
            n_windows=seen,
        )

    def _forward(self, batch: StretchBatch) -> tuple[Tensor, Tensor]:
        """Return raw outputs and targets of a batch, (B, D) each."""
        model, dataset = self.state.model, self.train_windows.dataset
        rows = torch.from_numpy(dataset.gather(batch.rows)).float()
        if batch.length == 1:
            return model(rows[:, :-1]), rows[:, -1]
        places = torch.from_numpy(batch.places)
        targets = rows[:, batch.context :].flatten(0, 1)[places]
        raw: Tensor = model.forward_stretches(rows, places)  # type: ignore[operator]  # checked
        return raw, targets

    def _articles(self, batch: StretchBatch) -> Tensor | None:
        """Return the article of each window, (B,) int64, if the loss looks at it."""
        if not self.loss.needs_articles:
            return None
        ids = self.train_windows.dataset.article_ids[batch.starts]
        return torch.from_numpy(np.repeat(ids, batch.counts))

    def _step(self, batch: StretchBatch, *, measure_terms: bool = False) -> Step:
        """Take one optimiser step.

        Args:
            measure_terms: Take the norm of each term's own gradient too, a backward pass a term.
        """
        state = self.state
        raw, target = self._forward(batch)
        terms = self.loss.terms(raw, target, self._articles(batch))
        loss = terms[0] if len(terms) == 1 else torch.stack(terms).sum()
        term_norms = self._term_norms(terms) if measure_terms and len(terms) > 1 else ()
        state.optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]  # torch has no annotation for it
        norm = float(nn.utils.clip_grad_norm_(state.model.parameters(), self.clip))
        state.optimizer.step()
        state.schedule.step()
        if state.average is not None:
            state.average.update_parameters(state.model)
        value = float(loss.detach())
        values = tuple(float(term.detach()) for term in terms)
        if measure_terms and len(terms) == 1:
            term_norms = (norm,)
        if self.loss.names == ("cosine",):
            cosine = 1 - value / self.loss.weights["cosine"]
        else:
            cosine = float(cosine_rows(raw.detach(), target).mean())
        return Step(value, cosine, norm, values, term_norms)

    def _term_norms(self, terms: list[Tensor]) -> tuple[float, ...]:
        """Return the norm of each term's gradient with respect to all parameters."""
        parameters = list(self.state.model.parameters())
        gradients = (
            torch.autograd.grad(term, parameters, retain_graph=True, allow_unused=True)
            for term in terms
        )
        return tuple(
            float(nn.utils.get_total_norm([g for g in gradient if g is not None]))
            for gradient in gradients
        )

    def validate(self) -> tuple[float, float]:
        """Return the primary loss and the cosine on the validation windows, in window order."""
        model = self.state.judged.eval()
        loss = cosine = 0.0
        n = len(self.validation_windows)
        with torch.inference_mode():
            for start in range(0, n, VALIDATION_BATCH):
                rows = torch.from_numpy(
                    self.validation_windows.gather(slice(start, start + VALIDATION_BATCH))
                )
                context, target = rows[:, :-1], rows[:, -1]
                loss += float(self.loss.primary(model(context), target)) * len(rows)
                predicted = predict(model, context)
                cosine += float((predicted.double() * target.double()).sum())
        return loss / n, cosine / n


def _average(model: nn.Module, decay: float | None) -> AveragedModel | None:
    """Return a moving average of the weights that forgets by `decay` a step."""
    if decay is None:
        return None
    return AveragedModel(model, multi_avg_fn=get_ema_multi_avg_fn(decay))  # type: ignore[no-untyped-call]  # torch has no annotation for it
