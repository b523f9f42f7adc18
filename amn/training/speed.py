"""How fast a case predicts and trains beside the plain loop: both in one process, in turn.

Every figure is a ratio, plain's cost over ours: 2 is twice as fast. Seconds depend on the machine
and on what else it does; a ratio of the best of several rounds far less.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import torch

from amn.evaluation.runner import predict, score
from amn.training import plain
from amn.training.loop import train
from amn.training.networks.build import build_model
from amn.training.record import ValidationReferences

if TYPE_CHECKING:
    from collections.abc import Callable

    from amn.data.windows import Windows
    from amn.training.plan import Plan

SAMPLE = 2048  # windows of every race: 0.2 s a round of the default network at D = 768
ROUNDS = 3
CALLS = 200  # single windows a round of latency
UNSTOPPABLE = ValidationReferences(constant=-1.0, mean=-1.0)  # no rule ends the race


def measure_speed(plan: Plan) -> dict[str, float]:
    """Return latency, inference and training of a plan as ratios against the plain loop.

    Weights change no time, so none are needed: the networks are as they begin.
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
        list(plain.train(made, made, epochs=1))

    return {
        "latency": _race(
            lambda: _call(lambda: predict(model, one)), lambda: _call(lambda: naive(one))
        ),
        "inference": _race(lambda: score(model, windows), lambda: plain.evaluate(naive, loader)),
        "training": _race(ours_once, plain_once),
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
