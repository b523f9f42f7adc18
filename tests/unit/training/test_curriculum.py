"""Which windows an epoch sees: coherent ones first."""

from __future__ import annotations

import numpy as np
import pytest
from pydantic import ValidationError

from amn.case.training import Phase, TrainingConfig
from amn.data.coherence import window_coherence
from amn.data.windows import Windows, find_windows
from amn.training.schedule import Curriculum
from tests.strategies import in_memory, running_keys, unit_rows

T = 3
PHASES = [
    Phase(from_epoch=1, coherent=0.25),
    Phase(from_epoch=3, coherent=0.25, mixed=0.5),
    Phase(from_epoch=4),
]


def windows(*lengths: int) -> Windows:
    articles, chunks = running_keys(*(lengths or (12, 4, 3, 20)))
    return find_windows(in_memory(articles, chunks, unit_rows(len(articles)), cuts=(12, 16)), T)


def test_coherence_is_the_mean_cosine_of_neighbours() -> None:
    some = windows()
    rows = some.gather(slice(None)).astype(np.float64)
    rows /= np.linalg.norm(rows, axis=-1, keepdims=True)
    expected = (rows[:, :-1] * rows[:, 1:]).sum(axis=-1).mean(axis=1)

    np.testing.assert_allclose(window_coherence(some), expected, atol=1e-6)
    np.testing.assert_allclose(window_coherence(some.take(slice(5, 9))), expected[5:9], atol=1e-6)


def test_no_windows_have_no_coherence() -> None:
    assert window_coherence(windows(2)).shape == (0,)


def seen(curriculum: Curriculum, epoch: int, *, seed: int = 0) -> list[int]:
    return list(curriculum.windows(epoch, np.random.default_rng([seed, epoch])).starts)


def test_without_phases_every_epoch_sees_every_window() -> None:
    some = windows()

    assert seen(Curriculum(some, None), 7) == list(some.starts)


def test_phases_widen_from_coherent_windows_to_all() -> None:
    some = windows()
    n, best = len(some), some.starts[np.argsort(-window_coherence(some))]
    n_best = round(0.25 * n)
    curriculum = Curriculum(some, PHASES)

    sets = {epoch: set(seen(curriculum, epoch)) for epoch in range(1, 6)}

    assert sets[1] == sets[2] == set(best[:n_best])
    assert sets[1] < sets[3]
    assert len(sets[3]) == n_best + round(0.5 * (n - n_best))
    assert sets[4] == sets[5] == set(some.starts)


def test_a_mixed_phase_draws_anew_for_every_epoch() -> None:
    curriculum = Curriculum(windows(), [Phase(from_epoch=1, coherent=0.1, mixed=0.5)])

    assert seen(curriculum, 1) != seen(curriculum, 2)
    assert seen(curriculum, 1) == seen(curriculum, 1)


@pytest.mark.parametrize("epoch", range(1, 6))
def test_an_epoch_has_as_many_windows_as_announced_each_once(epoch: int) -> None:
    curriculum = Curriculum(windows(), PHASES)

    starts = seen(curriculum, epoch)

    assert len(starts) == len(set(starts)) == curriculum.count(epoch)
    assert starts == sorted(starts)


def test_a_phase_has_at_least_one_window() -> None:
    assert Curriculum(windows(), [Phase(from_epoch=1, coherent=1e-9)]).count(1) == 1


@pytest.mark.parametrize(
    ("starts", "got"), [([2], "[2]"), ([1, 3, 3], "[1, 3, 3]"), ([1, 9], "got 9")]
)
def test_phases_begin_with_epoch_1_and_rise_to_the_last(starts: list[int], got: str) -> None:
    phases = [Phase(from_epoch=start) for start in starts]

    with pytest.raises(ValidationError, match="curriculum: expected") as caught:
        TrainingConfig(epochs=8, curriculum=phases)

    assert got in str(caught.value)
