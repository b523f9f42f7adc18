"""The networks against a naive forward that forms every key."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from amn.evaluation.runner import predict
from amn.training.networks.amn import (
    RECENCY_GAIN,
    Attention,
    Dropout,
    OriginalAMN,
    PairLinear,
    RecencyAMN,
)
from amn.training.networks.build import count_parameters

B, T, D, A, H = 4, 5, 16, 8, 12
SIZES: dict[str, Any] = {"dim": D, "attention_dim": A, "hidden_dim": H}


def contexts(*, n: int = B, seed: int = 0) -> Tensor:
    rows = np.random.default_rng(seed).standard_normal((n, T, D))
    return torch.from_numpy(
        (rows / np.linalg.norm(rows, axis=-1, keepdims=True)).astype(np.float32)
    )


def original(seed: int = 0) -> OriginalAMN:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return OriginalAMN(**SIZES).eval()


def recency(seed: int = 0, *, untrained: bool = False) -> RecencyAMN:
    """Return a network whose zeros were replaced, as training does."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = RecencyAMN(context=T, **SIZES).eval()
        if not untrained:
            for parameter in model.parameters():
                nn.init.normal_(parameter, std=0.3)
    return model


def naive(model: nn.Module, context: Tensor, recency_logits: Any = 0.0) -> Any:
    """Return mean, mixture and residual, window by window and key by key, in float64 numpy."""
    w = {name: tensor.double().numpy() for name, tensor in model.state_dict().items()}

    def linear(name: str, x: Any) -> Any:
        return w[f"{name}.weight"] @ x + w[f"{name}.bias"]

    def gelu(x: Any) -> Any:
        return np.array([v * 0.5 * (1 + math.erf(v / math.sqrt(2))) for v in x])

    def layer_norm(name: str, x: Any) -> Any:
        x = (x - x.mean()) / np.sqrt(x.var() + 1e-5)
        return x * w[f"{name}.weight"] + w[f"{name}.bias"]

    means, mixtures, residuals = [], [], []
    for window in context.double().numpy():
        mean = window.mean(axis=0)
        query = linear("attention.query", mean)
        keys = [linear("attention.keys", row) for row in window]
        logits = np.array([query @ key for key in keys]) / math.sqrt(A) + recency_logits
        weights = np.exp(logits) / np.exp(logits).sum()
        mixture = sum(weight * row for weight, row in zip(weights, window, strict=True))
        hidden = layer_norm(
            "residual.2", gelu(linear("residual.0", np.concatenate([mean, mixture])))
        )
        hidden = layer_norm("residual.6", gelu(linear("residual.4", hidden)))
        means.append(mean)
        mixtures.append(mixture)
        residuals.append(linear("residual.8", hidden))
    return np.array(means), np.array(mixtures), np.array(residuals)


def test_the_original_has_the_published_number_of_parameters() -> None:
    assert count_parameters(OriginalAMN(dim=768)) == 1_510_912


def test_the_recency_network_has_one_parameter_a_position_more() -> None:
    assert count_parameters(recency()) == count_parameters(original()) + T


@pytest.mark.parametrize("seed", [0, 1])
def test_the_original_equals_a_forward_that_forms_every_key(seed: int) -> None:
    model, context = original(seed), contexts(seed=seed)
    mean, _, residual = naive(model, context)

    np.testing.assert_allclose(model(context).detach().numpy(), mean + residual, atol=1e-5)


@pytest.mark.parametrize("seed", [0, 1])
def test_the_recency_network_equals_a_forward_that_forms_every_key(seed: int) -> None:
    model, context = recency(seed), contexts(seed=seed)
    nn.init.uniform_(model.recency, -0.05, 0.05)
    logits = RECENCY_GAIN * model.recency.detach().double().numpy()
    _, mixture, residual = naive(model, context, logits)

    np.testing.assert_allclose(model(context).detach().numpy(), mixture + residual, atol=1e-5)


@given(st.permutations(range(T)))
@settings(deadline=None, derandomize=True, max_examples=25)
def test_permuting_the_context_changes_nothing_for_the_original(order: list[int]) -> None:
    model, context = original(), contexts()

    torch.testing.assert_close(predict(model, context[:, order]), predict(model, context))


def test_an_untrained_recency_network_predicts_the_normalised_mean() -> None:
    context = contexts()
    mean = context.mean(dim=1)

    predicted = predict(recency(untrained=True), context)

    expected = mean / mean.norm(dim=-1, keepdim=True)
    torch.testing.assert_close(predicted, expected, atol=1e-6, rtol=0)


def test_a_trained_recency_network_tells_the_order_of_its_context() -> None:
    model, context = recency(), contexts()
    with torch.no_grad():
        model.recency.copy_(torch.arange(T) / 100)

    assert (predict(model, context.flip(1)) - predict(model, context)).abs().max() > 1e-3


def test_a_large_recency_logit_makes_the_mixture_that_row() -> None:
    model, context = recency(untrained=True), contexts()
    with torch.no_grad():
        model.recency[-1] = 1.0  # times the gain: e^40 times the others

    torch.testing.assert_close(model(context), context[:, -1], atol=1e-6, rtol=0)


def test_every_parameter_gets_a_gradient_except_the_keys_bias_that_softmax_drops() -> None:
    model, context = recency(), contexts()

    predict(model, context)[:, 0].sum().backward()

    without = [n for n, p in model.named_parameters() if p.grad is None or not p.grad.any()]
    assert without == ["attention.keys.bias"]


def test_an_untrained_recency_network_can_start_to_learn() -> None:
    model = recency(untrained=True)

    predict(model, contexts())[:, 0].sum().backward()

    grads = {name: p.grad for name, p in model.named_parameters()}
    assert grads["recency"] is not None
    for name in ("recency", "attention.query.weight", "residual.8.weight"):
        assert grads[name].abs().max() > 0


@pytest.mark.parametrize("model", [original(), recency()], ids=["original", "recency"])
def test_a_batch_gives_what_its_windows_give_alone(model: nn.Module) -> None:
    context = contexts()
    alone = torch.cat([predict(model, context[i : i + 1]) for i in range(B)])

    torch.testing.assert_close(predict(model, context), alone, atol=1e-6, rtol=0)


@pytest.mark.parametrize("model", [original(), recency()], ids=["original", "recency"])
def test_predictions_have_unit_length(model: nn.Module) -> None:
    lengths = predict(model, contexts(n=32)).norm(dim=-1)

    torch.testing.assert_close(lengths, torch.ones(32), atol=1e-6, rtol=0)


def test_dropout_is_off_in_evaluation_mode_and_on_in_training_mode() -> None:
    model = RecencyAMN(context=T, dropout=0.5, **SIZES)
    nn.init.normal_(model.residual[-1].weight)
    context = contexts()

    assert not torch.equal(model.train()(context), model(context))
    assert torch.equal(model.eval()(context), model(context))


def test_a_context_of_one_row_is_its_own_mean() -> None:
    context = contexts()[:, :1]

    predicted = predict(RecencyAMN(context=1, **SIZES).eval(), context)

    torch.testing.assert_close(predicted, context[:, 0], atol=1e-6, rtol=0)


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
def test_dropout_drops_its_share_and_keeps_the_mean(share: float) -> None:
    n = 40_001  # no multiple of four
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        dropped = Dropout(share).train()(torch.ones(n))

    kept = dropped[dropped != 0]
    assert 1 - len(kept) / n == pytest.approx(share, abs=5 * math.sqrt(share * (1 - share) / n))
    torch.testing.assert_close(kept, torch.full_like(kept, 1 / (1 - share)), rtol=1e-3, atol=0)


def test_dropout_follows_torchs_random_state_and_drops_numbers_apart() -> None:
    def drop(seed: int) -> Tensor:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            return Dropout(0.5).train()(torch.ones(64, 64))

    assert torch.equal(drop(0), drop(0))
    assert not torch.equal(drop(0), drop(1))
    assert torch.linalg.matrix_rank(drop(0)) > 55  # rows and columns do not repeat


def test_dropout_passes_the_gradient_of_what_it_kept() -> None:
    x = torch.ones(1000, requires_grad=True)
    dropped = Dropout(0.5).train()(x)

    dropped.sum().backward()

    assert torch.equal(x.grad, dropped.detach())


@pytest.mark.parametrize("module", [Dropout(0.0).train(), Dropout(0.5).eval()])
def test_dropout_of_nothing_or_in_evaluation_changes_nothing(module: Dropout) -> None:
    x = torch.randn(7)

    assert torch.equal(module(x), x)


@pytest.mark.parametrize("length", [1, 2, 7])
def test_stretches_give_what_their_windows_give_one_by_one(length: int) -> None:
    rows = nn.functional.normalize(
        torch.from_numpy(np.random.default_rng(1).standard_normal((3, length + T, D))).float(),
        dim=-1,
    )
    model = recency(1)
    places = torch.arange(0, 3 * length, 2)

    contexts_of = rows.unfold(1, T, 1)[:, :length].transpose(2, 3).reshape(-1, T, D)
    expected = model(contexts_of)[places]
    actual = model.forward_stretches(rows, places)

    assert torch.allclose(actual, expected, atol=1e-6)


def test_stretches_give_the_gradient_that_their_windows_give() -> None:
    rows = nn.functional.normalize(
        torch.from_numpy(np.random.default_rng(2).standard_normal((2, 4 + T, D))).float(), dim=-1
    )
    one, other = recency(2), recency(2)

    one.forward_stretches(rows, torch.arange(8)).square().sum().backward()
    contexts_of = rows.unfold(1, T, 1)[:, :4].transpose(2, 3).reshape(-1, T, D)
    other(contexts_of).square().sum().backward()

    n_compared = 0
    for (name, a), b in zip(one.named_parameters(), other.parameters(), strict=True):
        if name == "attention.keys.bias":  # softmax drops it
            continue
        n_compared += 1
        assert a.grad is not None
        assert b.grad is not None
        assert torch.allclose(a.grad, b.grad, atol=1e-3), name
    assert n_compared > 5


@pytest.mark.parametrize("needs_first", [False, True])
def test_a_layer_of_a_pair_is_the_layer_of_what_it_joins(*, needs_first: bool) -> None:
    torch.manual_seed(0)
    layer = PairLinear(10, 4).double()
    joined = nn.Linear(10, 4).double()
    joined.load_state_dict(layer.state_dict())
    first = torch.randn(3, 5, dtype=torch.float64, requires_grad=needs_first)
    second = torch.randn(3, 5, dtype=torch.float64, requires_grad=True)

    ours, theirs = layer((first, second)), joined(torch.cat([first, second], dim=1))

    torch.testing.assert_close(ours, theirs)
    inputs = [part for part in (first, second) if part.requires_grad]
    seeds = torch.randn(3, 4, dtype=torch.float64)
    for got, wanted in zip(
        torch.autograd.grad(ours, [*inputs, *layer.parameters()], seeds),
        torch.autograd.grad(theirs, [*inputs, *joined.parameters()], seeds),
        strict=True,
    ):
        torch.testing.assert_close(got, wanted)


def test_a_layer_of_a_pair_computes_in_the_precision_of_autocast() -> None:
    torch.manual_seed(0)
    layer = PairLinear(16, 8)
    pair = torch.randn(4, 8), torch.randn(4, 8, requires_grad=True)

    with torch.autocast("cpu", torch.bfloat16):
        result = layer(pair)
    result.float().square().sum().backward()

    assert result.dtype == torch.bfloat16
    assert layer.weight.grad is not None
    assert layer.weight.grad.dtype == torch.float32
    torch.testing.assert_close(result.float(), layer(pair), atol=0.03, rtol=0.03)


def test_attention_keeps_the_precision_of_its_context_under_autocast() -> None:
    torch.manual_seed(0)
    attention, context = Attention(dim=16, attention_dim=4), torch.randn(3, 5, 16)
    mean = context.mean(dim=1)

    with torch.autocast("cpu", torch.bfloat16):
        logits = attention(context, mean)

    assert logits.dtype == torch.float32
    torch.testing.assert_close(logits, attention(context, mean), atol=0.02, rtol=0.02)
