"""A judged case with scores and the course of one training."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import pytest
from amn.gate.seen import Seen, SeenCandidate

from amn.findings import Outcome, Status
from amn.gate.result import GateResult
from amn.training.record import Epoch, TrainingRecord

if TYPE_CHECKING:
    from collections.abc import Callable


@pytest.fixture
def scored() -> GateResult:
    scores = {
        "in_dist": {"mean": 0.62, "per_seed": [0.62], "references": {}},
        "ood": {
            "mean": 0.61,
            "low": 0.6,
            "high": 0.63,
            "lift": {"mean": 0.02, "low": 0.01, "high": math.inf},
            "references": {"mean": 0.59},
        },
    }
    outcome = Outcome("C002", "ood", Status.PASS, number=0.61)
    facts: dict[str, object] = {"mode": "train", "config_digest": "abc", "scores": scores}
    return GateResult("toy", (outcome.label,), (outcome,), facts, "amn gate toy")


@pytest.fixture
def trained() -> Callable[[float], Seen]:
    """What was seen of one seed with two epochs; the loss of the second one is given."""

    def trained(loss: float) -> Seen:
        epochs = tuple(
            Epoch(
                epoch=k,
                train_loss=value,
                terms={"cosine": value},
                train_cosine=0.5,
                val_loss=value,
                val_cosine=0.4 + 0.1 * k,
                grad_norm=1.0,
                lr=0.001,
                seconds=2.0,
            )
            for k, value in ((1, 0.5), (2, loss))
        )
        record = TrainingRecord(
            seed=0, status="finished", stop=None, epochs=epochs, best_epoch=2,
            best_val_cosine=0.6, constant=0.2, mean=0.5, n_train_windows=9,
            n_validation_windows=9, n_parameters=9,
        )  # fmt: skip
        return Seen(candidates=(SeenCandidate("seed 0", record),))

    return trained
