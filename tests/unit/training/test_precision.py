"""The number format of a training's products is the one that the case declares."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from tests.unit.training.test_loop import SPEC, fit, weights_of

TOLERANCE = 0.001  # of validation cosine: what the product asks of bfloat16


@pytest.mark.parametrize("architecture", ["amn/recency/1", "amn/original/1", "gru/1"])
def test_bfloat16_ends_within_a_thousandth_of_float32(architecture: str) -> None:
    spec = replace(SPEC, architecture=architecture)
    whole = fit(spec=spec, epochs=3)
    half = fit(spec=spec, epochs=3, precision="bfloat16")

    assert half.record.best_val_cosine == pytest.approx(whole.record.best_val_cosine, abs=TOLERANCE)


def test_bfloat16_is_really_computed_with_and_float32_is_kept() -> None:
    whole, half = weights_of(fit(epochs=1)), weights_of(fit(epochs=1, precision="bfloat16"))

    assert not torch.equal(whole["residual.0.weight"], half["residual.0.weight"])
    assert {tensor.dtype for tensor in half.values()} == {torch.float32}
