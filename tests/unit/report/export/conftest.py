"""A judged case with scores and the course of one training."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING
from unittest.mock import Mock

import pytest

from amn.evaluation.summary import Summary
from amn.gate.result import GateResult
from amn.training.candidate import Candidate
from amn.training.record import Epoch, TrainingRecord
from amn.verdict import Outcome, Status
from tests.scores import interval
from tests.whole import WHOLE

if TYPE_CHECKING:
    from collections.abc import Callable


@pytest.fixture
def scored() -> GateResult:
    scores = {
        "in_dist": Summary(0.62, (0.62,)),
        "ood": Summary(
            0.61,
            interval=interval(0.61, 0.6, 0.63),
            references={"mean": 0.59},
            lift=interval(0.02, 0.01, math.inf),
        ),
    }
    outcome = Outcome("C002", "ood", Status.PASS, number=0.61)
    return GateResult(
        "toy",
        (outcome.label,),
        (outcome,),
        made={**WHOLE, "summaries": scores},
        mode="train",
        reproduce="amn gate toy",
    )


@pytest.fixture
def trained(scored: GateResult) -> Callable[[float], GateResult]:
    """The scored case of one seed with two epochs; the loss of the second one is given."""

    def trained(loss: float) -> GateResult:
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
        seed = Candidate("seed 0", record, None, load=Mock(), score=Mock(), digest="")
        return replace(scored, made={**scored.made, "candidates": (seed,)})

    return trained
