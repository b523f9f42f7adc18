"""The number format of a training's products: declared, or measured and recorded."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
import torch

from amn.training import precision as precision_module
from amn.training.compute import Compute
from amn.training.loop import Start
from amn.training.precision import choose_precision
from amn.training_config import TrainingConfig
from tests.unit.training.test_loop import SETTINGS, SPEC, fit, timeless, toy, weights_of

if TYPE_CHECKING:
    from pathlib import Path

    from amn.data.stretches import StretchBatch
    from amn.training.compute import Precision
    from amn.training.epochs import Epochs

TOLERANCE = 0.001  # of validation cosine: what the product asks of bfloat16
AUTO = TrainingConfig(**SETTINGS, precision="auto")


def let_steps_take(
    monkeypatch: pytest.MonkeyPatch, float32: float, bfloat16: float
) -> list[Precision]:
    """Script the seconds of a step; return a list that fills with the formats that were tried."""
    tried: list[Precision] = []

    def seconds(run: Epochs, batch: StretchBatch, precision: Precision) -> float:
        assert len(batch) > 0
        assert run.state.precision is None
        tried.append(precision)
        return {"float32": float32, "bfloat16": bfloat16}[precision]

    monkeypatch.setattr(precision_module, "_step_seconds", seconds)
    return tried


@pytest.mark.parametrize("architecture", ["amn/recency/1", "amn/original/1", "gru/1"])
def test_bfloat16_ends_within_a_thousandth_of_float32(architecture: str) -> None:
    spec = replace(SPEC, architecture=architecture)
    whole = fit(spec=spec, epochs=3)
    half = fit(spec=spec, epochs=3, precision="bfloat16")

    assert half.record.precision == "bfloat16"
    assert half.record.best_val_cosine == pytest.approx(whole.record.best_val_cosine, abs=TOLERANCE)


def test_bfloat16_is_really_computed_with_and_float32_is_kept() -> None:
    whole, half = weights_of(fit(epochs=1)), weights_of(fit(epochs=1, precision="bfloat16"))

    assert not torch.equal(whole["residual.0.weight"], half["residual.0.weight"])
    assert {tensor.dtype for tensor in half.values()} == {torch.float32}


@pytest.mark.parametrize(
    ("seconds", "expected"), [((1.0, 0.9), "bfloat16"), ((1.0, 0.96), "float32")]
)
def test_auto_takes_bfloat16_where_it_is_clearly_faster(
    monkeypatch: pytest.MonkeyPatch, seconds: tuple[float, float], expected: Precision
) -> None:
    tried = let_steps_take(monkeypatch, *seconds)

    assert choose_precision(SPEC, toy(), AUTO) == expected
    assert tried.count("float32") == tried.count("bfloat16") > 1


@pytest.mark.parametrize("seconds", [(1.0, 0.5), (1.0, 2.0)])
def test_a_run_records_what_auto_chose_and_equals_that_choice(
    monkeypatch: pytest.MonkeyPatch, seconds: tuple[float, float]
) -> None:
    let_steps_take(monkeypatch, *seconds)
    chosen = "bfloat16" if seconds[1] < seconds[0] else "float32"

    auto = fit(precision="auto")

    assert auto.record.precision == chosen
    assert timeless(auto.record) == timeless(fit(precision=chosen).record)


def test_measuring_really_steps_both_ways_and_moves_no_random_state() -> None:
    torch.manual_seed(3)
    before = torch.random.get_rng_state()

    assert choose_precision(SPEC, toy(), AUTO) in ("float32", "bfloat16")
    assert torch.equal(torch.random.get_rng_state(), before)


def test_a_declared_format_is_not_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    tried = let_steps_take(monkeypatch, 1.0, 1.0)

    fit(epochs=1, precision="bfloat16")
    fit(epochs=1, precision="auto", compute=Compute(precision="float32"))

    assert tried == []


def test_a_training_that_goes_on_keeps_its_format(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    start = Start(state=tmp_path / "state", key="k")
    let_steps_take(monkeypatch, 1.0, 0.5)
    fit(epochs=1, precision="auto", start=start)
    let_steps_take(monkeypatch, 1.0, 2.0)

    resumed = fit(epochs=2, precision="auto", start=start)

    assert resumed.record.precision == "bfloat16"
