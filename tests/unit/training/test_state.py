"""A training that was killed goes on, and ends as if it had not been."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
import torch

from amn.training.epochs import Epochs
from amn.training.loop import Start
from tests.unit.training.test_loop import SPEC, fit, timeless, weights_of

if TYPE_CHECKING:
    from pathlib import Path

SETTINGS: list[dict[str, Any]] = [
    {"schedule": "cosine"},
    {"schedule": "plateau", "plateau_patience": 0},
    {"schedule": "cosine", "warmup_epochs": 1.5, "ema": 0.9},
    {"losses": {"cosine": 1.0, "infonce": 0.01}, "early_stopping": 3},
    {"curriculum": [{"from_epoch": 1, "coherent": 0.5}, {"from_epoch": 3}]},
]


class Killed(BaseException):
    """What a kill looks like from inside."""


def fit_until(number: int, **options: Any) -> None:
    """Let the training die in this step, counted from 1."""
    steps: list[int] = []
    step = Epochs.take_step

    def dying(self: Any, batch: Any, **options: Any) -> Any:
        steps.append(1)
        if len(steps) == number:
            raise Killed
        return step(self, batch, **options)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Epochs, "take_step", dying)
        with pytest.raises(Killed):
            fit(**options)


@pytest.mark.parametrize("settings", SETTINGS)
@pytest.mark.parametrize("step", [3, 7])
def test_a_killed_training_ends_in_the_weights_of_one_that_was_not(
    tmp_path: Path, settings: dict[str, Any], step: int
) -> None:
    spec, said = replace(SPEC, dropout=0.3), list[str]()
    start = Start(state=tmp_path / "state", key="k", notify=said.append)
    whole = fit(spec=spec, epochs=4, **settings)
    fit_until(step, spec=spec, epochs=4, start=start, **settings)

    resumed = fit(spec=spec, epochs=4, start=start, **settings)

    is_first = not (tmp_path / "state").exists() or not said
    assert is_first == (step == 3 and "curriculum" not in settings)
    assert timeless(resumed.record) == timeless(whole.record)
    for name, tensor in weights_of(resumed).items():
        assert torch.equal(tensor, weights_of(whole)[name])


def test_a_training_that_goes_on_says_so(tmp_path: Path) -> None:
    said: list[str] = []
    start = Start(state=tmp_path / "state", key="k", notify=said.append)
    fit_until(6, start=start, seed=3)
    assert said == []

    fit(start=start, seed=3)

    assert said == ["seed 3: resuming at epoch 2"]


@pytest.mark.parametrize("damage", ["key", "cut", "header", "bit", "empty", "absent"])
def test_a_state_of_another_run_or_a_damaged_one_is_not_taken(tmp_path: Path, damage: str) -> None:
    path, said = tmp_path / "state", list[str]()
    fit(start=Start(state=path, key="k"), epochs=1)
    content = path.read_bytes()
    if damage == "cut":
        path.write_bytes(content[: len(content) // 2])
    elif damage in ("header", "bit"):
        place = 2 if damage == "header" else len(content) - 100
        path.write_bytes(content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :])
    elif damage == "empty":
        path.write_bytes(b"")
    elif damage == "absent":
        path.unlink()

    key = "other" if damage == "key" else "k"
    trained = fit(start=Start(state=path, key=key, notify=said.append))

    assert said == []
    assert timeless(trained.record) == timeless(fit().record)
