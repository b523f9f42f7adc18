"""What a network does with its input shows in the numbers: order, direction, diversity."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from amn.data.windows import find_windows
from amn.evaluation.behaviour import observe
from amn.evaluation.runner import is_permutation_invariant
from amn.evaluation.surroundings import (
    CURVE_OFFSETS,
    ModelBehaviour,
    Surroundings,
    find_surroundings,
)
from amn.training.networks.amn import OriginalAMN, RecencyAMN
from tests.strategies import drifting_rows, in_memory, running_keys

DIM, CONTEXT = 16, 3


@pytest.fixture
def around() -> Surroundings:
    dataset = in_memory(*running_keys(*[12] * 8), drifting_rows(8, 12, DIM))
    windows = find_windows(dataset, CONTEXT)
    return find_surroundings(windows, np.arange(len(windows)))


class Row(nn.Module):
    """Answers with one row of its context."""

    def __init__(self, row: int) -> None:
        super().__init__()
        self.row = row

    def forward(self, context: Tensor) -> Tensor:
        return context[:, self.row]


def test_an_original_network_declares_and_keeps_permutation_invariance(
    around: Surroundings,
) -> None:
    model = OriginalAMN(dim=DIM, attention_dim=8, hidden_dim=8)

    behaviour = observe(model, around)

    assert behaviour.declares_invariance
    assert behaviour.permuted < 1e-5
    assert behaviour.forward_gain == pytest.approx(0, abs=1e-6)


def test_a_network_with_recency_declares_no_invariance() -> None:
    model = RecencyAMN(dim=DIM, context=CONTEXT, attention_dim=8, hidden_dim=8)

    assert not is_permutation_invariant(model)
    assert not is_permutation_invariant(nn.Linear(2, 2))


def test_the_last_row_gains_from_its_direction_what_the_first_row_loses(
    around: Surroundings,
) -> None:
    last, first = observe(Row(-1), around), observe(Row(0), around)

    assert last.forward_gain > 0.1
    assert first.forward_gain == pytest.approx(-last.forward_gain)
    assert last.forward_gain > 5 * last.forward_gain_se > 0
    assert np.nanargmax(first.curve) == CURVE_OFFSETS.index(-CONTEXT)


def test_one_vector_for_all_has_pairwise_cosine_1(around: Surroundings) -> None:
    class Constant(nn.Module):
        def forward(self, context: Tensor) -> Tensor:
            return torch.ones(len(context), DIM)

    behaviour = observe(Constant(), around)

    assert behaviour.pairwise == pytest.approx(1)
    assert behaviour.target_pairwise < 0.9
    assert max(behaviour.curve) - min(behaviour.curve) < 0.1


def test_behaviour_is_plain_json_with_nan_as_null(around: Surroundings) -> None:
    values = observe(Row(-1), around).to_json()
    values_of_few = ModelBehaviour(
        **{**vars(observe(Row(-1), around)), "curve": (float("nan"),) * len(CURVE_OFFSETS)}
    ).to_json()

    assert json.loads(json.dumps(values, allow_nan=False)) == values
    assert values["curve"]["-1"] == pytest.approx(1)
    assert values["in_batch"]["n"] == len(around.rows)
    assert set(values_of_few["curve"].values()) == {None}
