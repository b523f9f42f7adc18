from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from amn.case.training import PRIMARY, SECONDARY, LossesConfig
from amn.training.losses import (
    LOSSES,
    WeightedLoss,
    cosine,
    cosine_rows,
    infonce,
    moment,
    mse,
    variance,
)

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


@pytest.mark.parametrize("name", ["mse", "cosine", "moment", "variance"])
def test_a_loss_is_zero_at_the_target_and_points_away_from_it_elsewhere(name: str) -> None:
    target = rows(1, unit=True)
    raw = (0.5 * rows(0, unit=True)).requires_grad_()

    loss = LOSSES[name](raw, target)
    loss.backward()

    assert raw.grad is not None
    assert float(LOSSES[name](target, target)) == pytest.approx(0, abs=1e-12)
    better = raw.detach() - 0.1 * raw.grad
    assert float(LOSSES[name](better, target)) < float(loss.detach())


def test_every_loss_of_the_config_is_there() -> None:
    assert set(LOSSES) == set(PRIMARY + SECONDARY)
    assert set(LOSSES) < set(LossesConfig.model_fields)


def naive_infonce(raw: Any, target: Any, temperature: float, articles: Any = None) -> float:
    """Return both cross entropies, pair by pair."""
    unit_raw = raw / np.linalg.norm(raw, axis=-1, keepdims=True)
    unit_target = target / np.linalg.norm(target, axis=-1, keepdims=True)
    total = 0.0
    for i in range(B):
        others = [j for j in range(B) if j == i or articles is None or articles[j] != articles[i]]
        forth = [unit_raw[i] @ unit_target[j] / temperature for j in others]
        back = [unit_raw[j] @ unit_target[i] / temperature for j in others]
        own = unit_raw[i] @ unit_target[i] / temperature
        total += np.log(np.exp(forth).sum()) + np.log(np.exp(back).sum()) - 2 * own
    return float(total / B)


@pytest.mark.parametrize("temperature", [0.07, 1.0])
def test_infonce_equals_its_definition(temperature: float) -> None:
    raw, target = rows(0), rows(1)

    expected = naive_infonce(raw.numpy(), target.numpy(), temperature)

    assert float(infonce(raw, target, temperature=temperature)) == pytest.approx(expected)


def test_infonce_can_leave_out_negatives_of_the_same_article() -> None:
    raw, target = rows(0), rows(1)
    articles = np.array([1, 1, 2, 2, 2, 3])

    value = infonce(raw, target, articles=torch.from_numpy(articles))

    assert float(value) == pytest.approx(naive_infonce(raw.numpy(), target.numpy(), 0.07, articles))
    assert float(value) < float(infonce(raw, target))


def test_infonce_is_twice_log_b_where_all_are_alike_and_zero_in_a_batch_of_one() -> None:
    same = torch.ones(B, D)

    assert float(infonce(same, same)) == pytest.approx(2 * math.log(B), rel=1e-6)
    assert float(infonce(rows(0)[:1], rows(1)[:1])) == pytest.approx(0, abs=1e-12)


def test_moment_equals_its_definition() -> None:
    raw, target = rows(0), rows(1)
    means = (raw.numpy().mean(axis=0) - target.numpy().mean(axis=0)) ** 2
    spreads = (raw.numpy().std(axis=0) - target.numpy().std(axis=0)) ** 2

    assert float(moment(raw, target)) == pytest.approx(means.mean() + spreads.mean())


def test_variance_asks_for_a_spread_that_can_be_reached() -> None:
    raw, target = rows(0), rows(1)
    lacking = np.maximum(target.numpy().std(axis=0) - raw.numpy().std(axis=0), 0).mean()

    assert float(variance(raw, target)) == pytest.approx(lacking)
    assert float(variance(2 * target, target)) == 0.0
    assert float(variance(target, target)) == 0.0


@pytest.mark.parametrize("name", ["moment", "variance"])
def test_numbers_that_do_not_vary_have_a_finite_gradient(name: str) -> None:
    raw = torch.zeros(B, D, requires_grad=True)

    LOSSES[name](raw, rows(1, unit=True).float()).backward()

    assert raw.grad is not None
    assert raw.grad.isfinite().all()


def test_a_weighted_loss_is_its_terms_in_declared_order() -> None:
    raw, target = rows(0), rows(1)
    loss = WeightedLoss(LossesConfig(cosine=2.0, infonce=0.1, temperature=0.5, variance=3.0))

    terms = [float(term) for term in loss.terms(raw, target)]

    assert loss.names == ("cosine", "infonce", "variance")
    assert terms == pytest.approx(
        [
            2 * float(cosine(raw, target)),
            0.1 * float(infonce(raw, target, temperature=0.5)),
            3 * float(variance(raw, target)),
        ]
    )
    assert float(loss.primary(raw, target)) == pytest.approx(terms[0])


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        ({"mse": 1.0}, False),
        ({"mse": 1.0, "exclude_same_article": True}, False),
        ({"mse": 1.0, "infonce": 0.1}, False),
        ({"mse": 1.0, "infonce": 0.1, "exclude_same_article": True}, True),
    ],
)
def test_only_infonce_that_excludes_articles_needs_them(config: Any, expected: Any) -> None:
    assert WeightedLoss(LossesConfig(**config)).needs_articles is expected


@pytest.mark.parametrize("weights", [{}, {"infonce": 1.0}, {"mse": 1.0, "cosine": 1.0}])
def test_losses_have_exactly_one_primary_term(weights: dict[str, float]) -> None:
    with pytest.raises(ValidationError, match="a weight above 0 for one of mse and cosine, got"):
        LossesConfig(**weights)
