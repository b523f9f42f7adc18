"""Several processes share a batch; together they do what one does."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch

from amn.data.stretches import StretchBatch
from amn.errors import ArgumentError
from amn.models.layers import Dropout
from amn.training.compute import CPU, Compute, find_device, is_launched, take_part
from amn.training.epochs import Epochs
from amn.training_config import TrainingConfig
from tests.unit.training.test_loop import SETTINGS, SPEC, toy

if TYPE_CHECKING:
    from collections.abc import Iterator

BATCH = StretchBatch(np.array([0, 40, 20, 60, 90]), np.array([4, 4, 3, 1, 4]), 4, 3)


@pytest.fixture(autouse=True)
def _seeded() -> Iterator[None]:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        yield


@pytest.mark.parametrize("world", [1, 2, 3, 5, 7])
def test_the_parts_of_a_batch_are_the_batch(world: int) -> None:
    parts = [BATCH.part(rank, world) for rank in range(world)]

    assert np.concatenate([own.starts for own, _ in parts]).tolist() == BATCH.starts.tolist()
    assert np.concatenate([own.counts for own, _ in parts]).tolist() == BATCH.counts.tolist()
    before = 0
    for own, first in parts:
        assert first == before
        before += len(own)
    assert before == len(BATCH)


def test_dropout_of_a_part_is_that_part_of_the_whole_batch() -> None:
    dropout, x = Dropout(0.4).train(), torch.ones(11, 6)
    torch.manual_seed(5)
    whole = dropout(x)
    after = torch.random.get_rng_state()

    for first, last in ((0, 4), (4, 11)):
        torch.manual_seed(5)
        dropout.part = (first, 11)
        assert torch.equal(dropout(x[first:last]), whole[first:last])
        assert torch.equal(torch.random.get_rng_state(), after)


@pytest.mark.parametrize("world", [2, 3])
@pytest.mark.parametrize("stretch", [1, 4])
def test_gradients_of_the_parts_add_up_to_those_of_the_batch(world: int, stretch: int) -> None:
    config = TrainingConfig(**SETTINGS, stretch=stretch)
    batch = BATCH if stretch > 1 else StretchBatch(BATCH.starts, np.ones(5, np.int64), 1, 3)
    run = Epochs(SPEC, toy(), toy(), config, seed=0)

    def gradient_of(compute: Compute) -> torch.Tensor:
        run.compute = compute
        own, share = run._own(batch)
        raw, target = run._forward(own)
        run.state.model.zero_grad()
        (share * run.loss.terms(raw, target)[0]).backward()
        gradients = [p.grad for p in run.state.model.parameters() if p.grad is not None]
        return torch.cat([gradient.flatten() for gradient in gradients])

    whole = gradient_of(CPU)
    parts = [gradient_of(Compute(rank=rank, world=world)) for rank in range(world)]

    assert torch.allclose(torch.stack(parts).sum(dim=0), whole, atol=1e-6)
    assert float(whole.norm()) > 0


def test_a_process_without_stretches_keeps_step_and_counts_nothing() -> None:
    batch = StretchBatch(np.array([0]), np.array([3]), 4, 3)
    run = Epochs(SPEC, toy(), toy(), TrainingConfig(**SETTINGS, stretch=4), seed=0)
    run.compute = Compute(rank=0, world=2)

    own, share = run._own(batch)

    assert share == 0.0
    assert len(own) == 3


def test_losses_of_the_whole_batch_are_refused_in_several_processes() -> None:
    settings = {**SETTINGS, "loss": None, "losses": {"cosine": 1.0, "infonce": 0.1}}

    with pytest.raises(ArgumentError, match=r"several processes, got cosine, infonce"):
        Epochs(SPEC, toy(), toy(), TrainingConfig(**settings), seed=0, compute=Compute(world=2))


def test_without_torchrun_a_process_is_alone() -> None:
    assert not is_launched()
    with take_part("cpu") as compute:
        assert compute == CPU
        assert compute.agree(0.5) == 0.5
        assert compute.sum(torch.ones(2)).tolist() == [1.0, 1.0]
        compute.wait()


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_a_gpu_that_is_not_there_is_said() -> None:
    with pytest.raises(
        ArgumentError,
        match=r"^device: expected a GPU for process 1, got 0 GPUs. Fix: ",
    ):
        find_device("cuda", local_rank=1)


@pytest.mark.parametrize(("count", "expected"), [(0, "cpu"), (1, "cuda:0")])
def test_auto_is_a_gpu_where_there_is_one(
    monkeypatch: pytest.MonkeyPatch, count: int, expected: str
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: count > 0)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: count)

    assert find_device("auto") == expected
