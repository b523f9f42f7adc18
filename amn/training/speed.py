"""How fast a case predicts and trains beside the plain loop: both in one process, in turn.

Every figure is a ratio, plain's cost over ours: 2 is twice as fast, or half the memory. Seconds
depend on the machine and on what else it does; a ratio of the best of several rounds far less.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING

import torch

from amn.errors import CheckNotRunError
from amn.evaluation.runner import score
from amn.models.amn import predict
from amn.models.build import build_model
from amn.training import plain
from amn.training.loop import ValidationReferences, train

if TYPE_CHECKING:
    from collections.abc import Callable

    from amn.data.windows import Windows
    from amn.training.plan import Plan

SAMPLE = 2048  # windows of every race: 0.2 s a round of the default network at D = 768
ROUNDS = 3
CALLS = 200  # single windows a round of latency
LEAST_BYTES = 1 << 20  # of a peak: below it pages of the allocator decide
UNSTOPPABLE = ValidationReferences(constant=-1.0, mean=-1.0)  # no rule ends the race
STATUS, CLEAR_REFS = Path("/proc/self/status"), Path("/proc/self/clear_refs")


def measure_speed(plan: Plan) -> dict[str, float]:
    """Return latency, inference, training and memory of a plan as ratios against the plain loop.

    Weights change no time, so none are needed: the networks are as they begin.

    Raises:
        CheckNotRunError: If the system does not tell the peak memory of a process.
    """
    with torch.random.fork_rng(devices=[]):  # whoever draws after this draws what they would have
        return _measure(plan, plan.train.take(slice(SAMPLE)))


def _measure(plan: Plan, windows: Windows) -> dict[str, float]:
    """Race both sides on the same windows."""
    rows = torch.from_numpy(windows.gather(slice(None)))
    model, naive = build_model(plan.spec), plain.PlainAMN(dim=windows.dataset.dim)
    loader = plain.materialise(rows, shuffle=False)
    one = rows[:1, :-1].contiguous()

    def ours_once() -> None:
        _train_once(plan, windows)

    def plain_once() -> None:
        made = plain.materialise(torch.from_numpy(windows.gather(slice(None))), shuffle=True)
        plain.train(made, made, epochs=1)

    return {
        "latency": _race(
            lambda: _call(lambda: predict(model, one)), lambda: _call(lambda: naive(one))
        ),
        "inference": _race(lambda: score(model, windows), lambda: plain.evaluate(naive, loader)),
        "training": _race(ours_once, plain_once),
        "memory": peak_bytes(plain_once) / peak_bytes(ours_once),
    }


def _train_once(plan: Plan, windows: Windows) -> None:
    """Train one epoch, validated on the same windows as the plain loop does here."""
    config = plan.config.training.model_copy(update={"epochs": 1})
    train(plan.spec, windows, windows, config, seed=0, references=UNSTOPPABLE)


def _call(predict_one: Callable[[], object]) -> None:
    with torch.inference_mode():
        for _ in range(CALLS):
            predict_one()


def _race(ours: Callable[[], object], other: Callable[[], object]) -> float:
    """Return the best time of the plain side over the best of ours, taken in turn."""
    best = [float("inf"), float("inf")]
    for _ in range(ROUNDS):
        for side, run in enumerate((other, ours)):
            begin = time.perf_counter()
            run()
            best[side] = min(best[side], time.perf_counter() - begin)
    return best[0] / best[1]


def peak_bytes(run: Callable[[], object]) -> int:
    """Return by how much a function raises the memory of this process at most, in bytes.

    Raises:
        CheckNotRunError: If the system does not tell it: only Linux does.
    """
    try:
        CLEAR_REFS.write_text("5", encoding="ascii")  # proc(5): the peak begins again
        before = _status("VmRSS")
        run()
        return max(LEAST_BYTES, _status("VmHWM") - before)
    except OSError as error:
        raise CheckNotRunError(f"peak memory: expected {CLEAR_REFS}, got {error}") from error


def _status(field: str) -> int:
    """Return a size that the kernel lists for this process, in bytes."""
    lines = STATUS.read_text(encoding="ascii", errors="replace").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(field + ":")) * 1024
