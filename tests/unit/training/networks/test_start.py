"""Siblings that start as a mean of their context, and the directions along which they keep it."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from amn.data.windows import Windows, find_windows
from amn.training.networks.build import ModelSpec, build_model, count_parameters
from amn.training.networks.start import draw_projection, logit, principal_directions, start_as_mean
from tests.strategies import in_memory, running_keys

T, D, RANK = 5, 24, 10
KINDS = ("gru/1", "lstm/1", "transformer/1")


def windows(*, n: int = 30, rank: int = RANK) -> Windows:
    """Windows of unit rows in a random subspace of `rank` dimensions."""
    rng = np.random.default_rng(0)
    basis = np.linalg.qr(rng.standard_normal((D, rank)))[0].T
    rows = (1 + rng.standard_normal((n * (T + 1), rank))) @ basis
    rows /= np.linalg.norm(rows, axis=-1, keepdims=True)
    articles, chunks = running_keys(*[T + 1] * n)
    return find_windows(in_memory(articles, chunks, rows.astype(np.float32)), T)


def started(architecture: str, *, hidden_dim: int) -> torch.nn.Module:
    spec = ModelSpec(
        architecture=architecture, dim=D, context=T, hidden_dim=hidden_dim, layers=2, heads=2
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model = build_model(spec).eval()
        before = count_parameters(model)
        start_as_mean(model, spec, windows())
    assert count_parameters(model) == before
    return model


def cosines_to_the_mean(model: torch.nn.Module) -> Tensor:
    context = torch.from_numpy(windows().gather(slice(None)))[:, :-1]
    with torch.no_grad():
        return torch.cosine_similarity(model(context), context.mean(dim=1))


@pytest.mark.parametrize("architecture", KINDS)
@pytest.mark.parametrize("hidden_dim", [16, 64])
def test_an_untrained_network_predicts_near_the_mean_of_its_context(
    architecture: str, hidden_dim: int
) -> None:
    """Through a bottleneck narrower than the vectors, if it is as wide as what they span."""
    cosines = cosines_to_the_mean(started(architecture, hidden_dim=hidden_dim))

    assert cosines.mean() > 0.95
    assert cosines.min() > 0.85


@pytest.mark.parametrize("architecture", KINDS)
def test_later_rows_of_the_context_count_no_less(architecture: str) -> None:
    model = started(architecture, hidden_dim=64)
    context = torch.from_numpy(windows().gather(slice(None)))[:, :-1]
    with torch.no_grad():
        raw = torch.nn.functional.normalize(model(context), dim=-1)
    shares = torch.linalg.lstsq(
        context.permute(0, 2, 1).reshape(-1, T), raw.reshape(-1, 1)
    ).solution.flatten()

    assert shares[0] > 0.05 * shares.sum()
    assert shares[-1] > 1.5 * shares[0]


@pytest.mark.parametrize("architecture", KINDS)
def test_a_network_that_starts_as_a_mean_can_learn_with_every_layer(architecture: str) -> None:
    """No weight matrix stays without a gradient after the first step."""
    model = started(architecture, hidden_dim=16).train()
    batch = torch.from_numpy(windows().gather(slice(None)))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    for _ in range(4):
        optimizer.zero_grad()
        (1 - torch.cosine_similarity(model(batch[:, :-1]), batch[:, -1])).mean().backward()  # type: ignore[no-untyped-call]  # torch has no annotation for it
        optimizer.step()

    still = [n for n, p in model.named_parameters() if p.grad is None or not p.grad.any()]
    assert not still


def test_principal_directions_are_those_of_the_singular_value_decomposition() -> None:
    data = windows(rank=D)
    rows = data.dataset.gather(np.unique(data.rows(slice(None)))).astype(np.float64)

    found = principal_directions(data, 3)

    expected = np.linalg.svd(rows)[2][:3]
    np.testing.assert_allclose(np.abs((found * expected).sum(axis=1)), 1.0, atol=1e-6)
    np.testing.assert_allclose(found @ found.T, np.eye(3), atol=1e-6)
    assert np.array_equal(found, principal_directions(data, 3))


def test_principal_directions_of_rows_of_low_rank_keep_them_whole() -> None:
    data = windows()
    rows = data.dataset.gather(np.unique(data.rows(slice(None))))

    directions = principal_directions(data, RANK)

    np.testing.assert_allclose(rows @ directions.T @ directions, rows, atol=1e-6)
    assert principal_directions(data, 100).shape == (D, D)


def test_a_projection_has_its_transpose_as_the_way_back() -> None:
    directions = torch.from_numpy(principal_directions(windows(), RANK))

    projection = draw_projection(directions, 16)

    torch.testing.assert_close(projection.T @ projection, directions.T @ directions)


def test_a_gate_with_a_logit_as_its_bias_lets_that_share_through() -> None:
    assert torch.sigmoid(torch.tensor(logit(0.75))).item() == pytest.approx(0.75)
