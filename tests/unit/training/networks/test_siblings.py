"""GRU, LSTM and Transformer against forwards written out step by step in float64 numpy."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch
from torch import Tensor

from amn.evaluation.runner import predict
from amn.training.networks.build import ModelSpec, build_model, count_parameters
from amn.training.networks.transformer import sinusoids

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import nn

B, T, D, H, LAYERS, HEADS = 4, 5, 12, 8, 2, 2
KINDS = ("gru/1", "lstm/1", "transformer/1")
Weights = dict[str, Any]


def spec(architecture: str, **changes: Any) -> ModelSpec:
    sizes = {"dim": D, "context": T, "hidden_dim": H, "layers": LAYERS, "heads": HEADS}
    return ModelSpec(architecture=architecture, **{**sizes, **changes})


def network(architecture: str, *, seed: int = 0, **changes: Any) -> nn.Module:
    """Return a network whose every parameter is far from its start."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = build_model(spec(architecture, **changes)).eval()
        for parameter in model.parameters():
            torch.nn.init.normal_(parameter, std=0.4)
    return model


def contexts(*, n: int = B, t: int = T) -> Tensor:
    rows = np.random.default_rng(1).standard_normal((n, t, D))
    rows /= np.linalg.norm(rows, axis=-1, keepdims=True)
    return torch.from_numpy(rows.astype(np.float32))


def linear(w: Weights, name: str, x: Any) -> Any:
    return w[f"{name}weight"] @ x + w[f"{name}bias"]


def sigmoid(x: Any) -> Any:
    return 1 / (1 + np.exp(-x))


def gelu(x: Any) -> Any:
    return np.array([v * 0.5 * (1 + math.erf(v / math.sqrt(2))) for v in x])


def layer_norm(w: Weights, name: str, x: Any) -> Any:
    return (x - x.mean()) / np.sqrt(x.var() + 1e-5) * w[f"{name}.weight"] + w[f"{name}.bias"]


def run_gru(w: Weights, name: str, rows: list[Any]) -> list[Any]:
    """Cho et al. 2014, in torch's order of gates: reset, update, new."""
    state, states = np.zeros(H), []
    for row in rows:
        read = w[f"{name}weight_ih_l0"] @ row + w[f"{name}bias_ih_l0"]
        kept = w[f"{name}weight_hh_l0"] @ state + w[f"{name}bias_hh_l0"]
        reset, update = (sigmoid(read[k : k + H] + kept[k : k + H]) for k in (0, H))
        new = np.tanh(read[2 * H :] + reset * kept[2 * H :])
        state = (1 - update) * new + update * state
        states.append(state)
    return states


def gru_forward(w: Weights, window: Any) -> Any:
    rows = [linear(w, "inward.", row) for row in window]
    for block in range(LAYERS):
        added = run_gru(w, f"blocks.{block}.gru.", rows)
        pairs = zip(rows, added, strict=True)
        rows = [layer_norm(w, f"blocks.{block}.norm", row + new) for row, new in pairs]
    return linear(w, "outward.", rows[-1])


def lstm_forward(w: Weights, window: Any) -> Any:
    """Hochreiter and Schmidhuber 1997, in torch's order of gates: input, forget, cell, output."""
    rows = list(window)
    for layer in range(LAYERS):
        state, cell, states = np.zeros(H), np.zeros(H), []
        for row in rows:
            gates = w[f"lstm.weight_ih_l{layer}"] @ row + w[f"lstm.bias_ih_l{layer}"]
            gates += w[f"lstm.weight_hh_l{layer}"] @ state + w[f"lstm.bias_hh_l{layer}"]
            enter, forget, candidate, leave = np.split(gates, 4)
            cell = sigmoid(forget) * cell + sigmoid(enter) * np.tanh(candidate)
            state = sigmoid(leave) * np.tanh(cell)
            states.append(state)
        rows = states
    return linear(w, "outward.", rows[-1])


def attend(w: Weights, name: str, asking: list[Any], seen: list[Any]) -> list[Any]:
    """Multi-head attention in which position t sees positions 0 to t."""
    weight, bias = w[f"{name}.in_proj_weight"], w[f"{name}.in_proj_bias"]
    answers = []
    for t, row in enumerate(asking):
        query = weight[:H] @ row + bias[:H]
        keys = [weight[H : 2 * H] @ s + bias[H : 2 * H] for s in seen[: t + 1]]
        values = [weight[2 * H :] @ s + bias[2 * H :] for s in seen[: t + 1]]
        heads = []
        for part in np.split(np.arange(H), HEADS):
            logits = np.array([query[part] @ k[part] for k in keys]) / math.sqrt(H / HEADS)
            share = np.exp(logits) / np.exp(logits).sum()
            heads.append(sum(s * v[part] for s, v in zip(share, values, strict=True)))
        answers.append(linear(w, f"{name}.out_proj.", np.concatenate(heads)))
    return answers


def transformer_forward(w: Weights, window: Any) -> Any:
    embedded = []
    for position, row in enumerate(window):
        waves = [position / 10_000 ** (2 * (i // 2) / H) for i in range(H)]
        place = [math.cos(x) if i % 2 else math.sin(x) for i, x in enumerate(waves)]
        embedded.append(linear(w, "inward.", row) + place)
    rows = embedded
    for k in range(LAYERS):
        name = f"layers.{k}."
        for attention, norm, seen in (
            ("self_attn", "norm1", None),
            ("multihead_attn", "norm2", embedded),
        ):
            added = attend(w, name + attention, rows, seen or rows)
            pairs = zip(rows, added, strict=True)
            rows = [layer_norm(w, name + norm, row + new) for row, new in pairs]
        wide = [gelu(linear(w, name + "linear1.", row)) for row in rows]
        pairs = zip(rows, [linear(w, name + "linear2.", row) for row in wide], strict=True)
        rows = [layer_norm(w, name + "norm3", row + new) for row, new in pairs]
    hidden = layer_norm(w, "head.2", gelu(linear(w, "head.0.", rows[-1])))
    return linear(w, "head.3.", hidden)


@pytest.mark.parametrize(
    ("architecture", "forward"),
    [
        ("gru/1", gru_forward),
        ("lstm/1", lstm_forward),
        ("transformer/1", transformer_forward),
    ],
)
def test_a_network_equals_its_forward_written_out(
    architecture: str, forward: Callable[[Weights, Any], Any]
) -> None:
    model, context = network(architecture), contexts()
    weights = {name: tensor.double().numpy() for name, tensor in model.state_dict().items()}

    expected = np.array([forward(weights, window) for window in context.double().numpy()])

    with torch.no_grad():
        np.testing.assert_allclose(model(context).numpy(), expected, atol=2e-5)


@pytest.mark.parametrize(
    ("architecture", "layers", "expected"),
    [("lstm/1", 2, 5_120_768), ("gru/1", 4, 7_095_552), ("transformer/1", 4, 17_867_520)],
)
def test_a_network_has_the_published_number_of_parameters(
    architecture: str, layers: int, expected: int
) -> None:
    with torch.device("meta"):
        model = build_model(spec(architecture, dim=768, hidden_dim=512, layers=layers, heads=8))

    assert count_parameters(model) == expected


@pytest.mark.parametrize("architecture", KINDS)
def test_predictions_have_unit_length_and_do_not_depend_on_the_batch(architecture: str) -> None:
    model, context = network(architecture), contexts()

    with torch.no_grad():
        together = predict(model, context)
        alone = torch.cat([predict(model, window[None]) for window in context])

    torch.testing.assert_close(together.norm(dim=-1), torch.ones(B))
    torch.testing.assert_close(together, alone, atol=1e-6, rtol=0)


@pytest.mark.parametrize("architecture", KINDS)
def test_the_order_of_the_context_matters(architecture: str) -> None:
    model, context = network(architecture), contexts()

    with torch.no_grad():
        assert (predict(model, context) - predict(model, context.flip(1))).abs().max() > 0.01


@pytest.mark.parametrize("architecture", KINDS)
@pytest.mark.parametrize("t", [1, 3, 20])
def test_a_network_reads_contexts_of_any_length(architecture: str, t: int) -> None:
    with torch.no_grad():
        assert network(architecture)(contexts(t=t)).shape == (B, D)


@pytest.mark.parametrize("architecture", KINDS)
def test_dropout_acts_in_training_only(architecture: str) -> None:
    model, context = network(architecture, dropout=0.5), contexts()

    with torch.no_grad():
        assert torch.equal(model(context), model(context))
        model.train()
        assert not torch.equal(model(context), model(context))


def test_an_lstm_of_one_layer_has_no_dropout_between_layers() -> None:
    assert network("lstm/1", layers=1, dropout=0.5).get_submodule("lstm").dropout == 0.0


def test_positions_of_an_odd_width_have_one_sine_more() -> None:
    table = sinusoids(4, 5)

    assert table.shape == (4, 5)
    assert table[3, 4] == pytest.approx(math.sin(3 / 10_000 ** (4 / 5)))
