"""The training loop: batches of windows in, the best weights and a ledger out.

Same data, same seed, same machine: the same weights. Torch's random state is forked, numpy's is a
generator of (seed, epoch); nothing outside is touched.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

from amn.errors import TrainingError
from amn.training.closed_form import fit, of_network, stack
from amn.training.epochs import Epochs
from amn.training.networks.build import count_parameters
from amn.training.record import Stop, TrainingRecord, ValidationReferences

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from torch import Tensor, nn

    from amn.case.training import TrainingConfig
    from amn.data.windows import Windows
    from amn.training.aim import Aim
    from amn.training.networks.build import ModelSpec


@dataclass(frozen=True)
class Trained:
    """The best weights by validation cosine, and how they came about."""

    model: nn.Module
    record: TrainingRecord


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
    aim: Aim | None = None,
    start: Start = FRESH,
    progress: Callable[[int, int, str], None] | None = None,
    device: str = "cpu",
) -> Trained:
    """Train one predictor from one seed: in closed form, or by epochs, mixed where it is asked.

    Args:
        validation_windows: Choose the best epoch, penalty and mixture, and drive stopping; of
            articles that neither train nor are judged, so that no judged score is flattered.
        aim: What it has to come to; it is stopped where it cannot any more.
        start: Where it begins, and where its state is kept.
        progress: Called with (batches done, batches in all, text) after every batch.
        device: `cpu` or `cuda`.

    Returns:
        The weights of the best epoch, on the CPU. A run that a rule stopped, or that met a number
        that is not finite, says so in its record; its weights are the best until then.
    """
    if spec.is_closed_form:
        return Trained(*fit(spec, train_windows, validation_windows, references, seed))
    with torch.random.fork_rng(devices=[] if device == "cpu" else [device]):
        torch.manual_seed(seed)
        run = Epochs(
            spec.unstacked,
            train_windows,
            validation_windows,
            config,
            seed=seed,
            weights=of_network(start.weights) if spec.is_stacked else start.weights,
            device=device,
        )
        state = run.state
        if start.state and state.restore(start.state, start.key) and start.notify:
            start.notify(f"seed {seed}: resuming at epoch {len(state.epochs) + 1}")
        if aim and aim.unlike(len(validation_windows), references.mean):
            aim = None
        stop, crashed = None, False
        while not (stop or crashed or run.has_ended()):
            try:
                state.note_epoch(run.epoch(len(state.epochs) + 1, progress))
            except TrainingError as error:
                stop, crashed = Stop("R005", len(state.epochs) + 1, str(error)), True
                break
            stop = run.find_stop(references, aim)
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
        device=device,
    )
    model = model.cpu().eval()
    if not spec.is_stacked:
        return Trained(model, record)
    return Trained(*stack(model, record, train_windows, validation_windows, start.weights))
