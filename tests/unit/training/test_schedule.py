from __future__ import annotations

import pytest
import torch

from amn.case.training import TrainingConfig
from amn.training.schedule import Schedule


def test_a_warm_up_that_rounds_to_every_step_leaves_one_to_the_schedule() -> None:
    config = TrainingConfig(epochs=1, warmup_epochs=0.99, schedule="cosine", lr=0.1)
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=0.1)
    schedule = Schedule(optimizer, config, steps=10)

    rates = []
    for _ in range(10):
        optimizer.step()
        schedule.step()
        rates.append(optimizer.param_groups[0]["lr"])

    assert rates[8] == pytest.approx(0.1)
    assert rates[9] == pytest.approx(0.001)
