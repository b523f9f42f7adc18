"""Which number format a training's products use: as declared, or the faster one as measured."""

from __future__ import annotations

import time
from itertools import cycle, islice
from typing import TYPE_CHECKING

import numpy as np
import torch

from amn.data.stretches import stretch_batches
from amn.training.compute import CPU, Compute, Precision
from amn.training.epochs import Epochs

if TYPE_CHECKING:
    from amn.data.stretches import StretchBatch
    from amn.data.windows import Windows
    from amn.models.build import ModelSpec
    from amn.training_config import TrainingConfig

FORMATS: tuple[Precision, Precision] = ("float32", "bfloat16")
ROUNDS = 8  # of one step each way; the fastest of each is what the machine can do
WARM_UP = 2  # steps each way that make buffers and are not counted
BATCHES = 4
WORTH = 0.95  # bfloat16 has to take less than this share of float32's time: it rounds more


def choose_precision(
    spec: ModelSpec,
    windows: Windows,
    config: TrainingConfig,
    *,
    compute: Compute = CPU,
) -> Precision:
    """Return the declared format, or for `auto` the faster one.

    `auto` takes steps of a network that is thrown away, in turn, on the first windows; it leaves
    torch's random state as it was.
    """
    if config.precision != "auto":
        return config.precision
    with torch.random.fork_rng(devices=compute.random_devices):
        run = Epochs(spec, windows, windows, config, seed=0, compute=compute)
        batches = stretch_batches(
            windows, length=run.stretch, batch_size=run.batch_size, rng=np.random.default_rng(0)
        )
        first = list(islice(batches, BATCHES))
        times = np.array(
            [
                [_step_seconds(run, batch, precision) for precision in FORMATS]
                for batch in islice(cycle(first), WARM_UP + ROUNDS)
            ]
        )
    single, half = times[WARM_UP:].min(axis=0)
    is_faster = compute.agree(half < WORTH * single)
    return "bfloat16" if is_faster else "float32"


def _step_seconds(run: Epochs, batch: StretchBatch, precision: Precision) -> float:
    """Return how long a window of a step takes."""
    run.state.precision = precision
    run.state.model.train()
    begin = time.perf_counter()
    run.take_step(batch).norm.item()  # reading waits for the device
    return (time.perf_counter() - begin) / len(batch)
