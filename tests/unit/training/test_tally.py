"""What an epoch's steps measured is summed up the same, whenever it is read."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from amn.errors import TrainingError
from amn.training.epochs import Step, Tally

STEPS = [(0.5, 0.4, 2.0, 8), (0.25, 0.7, 3.0, 4), (0.125, 0.8, 1.0, 2)]


def tally_of(read_every: int) -> Tally:
    return Tally(1, where="epoch 2, batch", n_batches=9, read_every=read_every)


def step(loss: float, cosine: float, norm: float) -> Step:
    return Step(torch.tensor([loss, cosine, loss]), torch.tensor(norm), torch.tensor([norm]))


@pytest.mark.parametrize("read_every", [1, 2, 64])
def test_sums_are_weighted_by_windows_whenever_they_are_read(read_every: int) -> None:
    tally = tally_of(read_every)
    for loss, cosine, norm, n in STEPS:
        tally.add(step(loss, cosine, norm), n)
    tally.read()

    assert tally.sums == pytest.approx([5.25, 7.6, 5.25], rel=1e-6)
    assert (tally.largest, tally.seen) == (3.0, 14)
    assert tally.mean_term_norms() == [2.0]


@pytest.mark.parametrize("read_every", [1, 2, 64])
@pytest.mark.parametrize(("name", "place"), [("loss", 0), ("gradient", 2)])
def test_the_first_batch_that_is_not_finite_is_named(
    read_every: int, name: str, place: int
) -> None:
    tally = tally_of(read_every)

    def add_all() -> None:
        for index in range(5):
            numbers = [0.5, 0.5, 1.0]
            numbers[place] = math.nan if index >= 2 else 0.5
            tally.add(step(*numbers), 4)
        tally.read()

    with pytest.raises(
        TrainingError, match=rf"^epoch 2, batch 3 of 9: expected a finite {name}, got nan"
    ):
        add_all()
    assert np.isfinite(tally.sums).all()
