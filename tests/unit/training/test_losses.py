from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from amn.config import TrainingConfig
from amn.training.losses import LOSSES, cosine, cosine_rows, mse

B, D = 6, 8


def rows(seed: int, *, unit: bool = False) -> torch.Tensor:
    values = np.random.default_rng(seed).standard_normal((B, D))
    if unit:
        values /= np.linalg.norm(values, axis=-1, keepdims=True)
    return torch.from_numpy(values)


def test_mse_equals_its_definition() -> None:
    raw, target = rows(0), rows(1)

    assert float(mse(raw, target)) == pytest.approx(((raw - target).numpy() ** 2).sum() / (B * D))


def test_mse_of_unit_vectors_is_twice_one_minus_cosine_by_dim() -> None:
    raw, target = rows(0, unit=True), rows(1, unit=True)

    assert float(mse(raw, target)) == pytest.approx(2 * float(cosine(raw, target)) / D, rel=1e-9)


def test_cosine_equals_its_definition() -> None:
    raw, target = rows(0), rows(1, unit=True)

    expected = torch.nn.functional.cosine_similarity(raw, target, dim=-1)

    torch.testing.assert_close(cosine_rows(raw, target), expected)
    assert float(cosine(raw, target)) == pytest.approx(1 - float(expected.mean()))


def test_a_zero_row_has_cosine_zero_and_a_finite_gradient() -> None:
    raw = torch.zeros(B, D, requires_grad=True)

    loss = cosine(raw, rows(1, unit=True).float())
    loss.backward()

    assert float(loss.detach()) == 1.0
    assert raw.grad is not None
    assert raw.grad.isfinite().all()


@given(st.floats(1e-2, 1e2))
@settings(deadline=None, derandomize=True, max_examples=25)
def test_cosine_does_not_see_lengths_and_mse_does(scale: float) -> None:
    raw, target = rows(0, unit=True), rows(1, unit=True)

    assert float(cosine(scale * raw, target)) == pytest.approx(float(cosine(raw, target)))
    expected = (scale**2 + 1 - 2 * scale * (1 - float(cosine(raw, target)))) / D
    assert float(mse(scale * raw, target)) == pytest.approx(expected)


@pytest.mark.parametrize("name", LOSSES)
def test_a_loss_is_zero_at_the_target_and_points_away_from_it_elsewhere(name: str) -> None:
    target = rows(1, unit=True)
    raw = rows(0, unit=True).requires_grad_()

    loss = LOSSES[name](raw, target)
    loss.backward()

    assert raw.grad is not None
    assert float(LOSSES[name](target, target)) == pytest.approx(0, abs=1e-12)
    better = raw.detach() - 0.1 * raw.grad
    assert float(LOSSES[name](better, target)) < float(loss.detach())


def test_every_loss_of_the_config_is_there() -> None:
    annotation = TrainingConfig.model_fields["loss"].annotation

    assert all(name in str(annotation) for name in LOSSES)
    assert len(LOSSES) == 2
