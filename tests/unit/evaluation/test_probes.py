"""Experiments that tell a broken measurement from a poor model."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from amn.data.windows import Windows, find_windows
from amn.evaluation import metrics
from amn.evaluation.metric import kept_metrics
from amn.evaluation.runner import metric_self_test, path_difference, rescore, score
from amn.evaluation.surroundings import sample_windows
from amn.training.losses import cosine_rows
from amn.training.networks.build import ModelSpec, build_model
from tests.strategies import in_memory, running_keys, unit_rows

T, D = 3, 8
SPEC = ModelSpec(architecture="amn/original/1", dim=D, context=T, attention_dim=4, hidden_dim=8)


def windows(*lengths: int, context: int = T) -> Windows:
    articles, chunks = running_keys(*(lengths or (30, 5, 5, 8)))
    rows = unit_rows(len(articles), dim=D, dtype=np.float32)
    return find_windows(in_memory(articles, chunks, rows), context)


def network() -> nn.Module:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return build_model(SPEC).eval()


class DependsOnTheBatch(nn.Module):
    """Subtracts the mean over the batch, as a batch norm in training mode does."""

    def forward(self, context: Tensor) -> Tensor:
        last = context[:, -1]
        return last - 0.5 * last.mean(dim=0)


def test_a_sample_is_drawn_evenly_over_articles() -> None:
    found = windows()  # 27, 2, 2 and 5 windows
    chosen = sample_windows(found, 8, seed=0)

    assert np.bincount(found.article_ids[chosen]).tolist() == [2, 2, 2, 2]


@given(n=st.integers(1, 50), seed=st.integers(0, 99))
@settings(deadline=None, derandomize=True, max_examples=40)
def test_a_sample_names_different_windows_in_order(n: int, seed: int) -> None:
    found = windows()
    chosen = sample_windows(found, n, seed=seed)

    assert len(chosen) == min(n, len(found))
    assert (np.diff(chosen) > 0).all()
    assert chosen[0] >= 0
    assert chosen[-1] < len(found)
    counts = np.bincount(found.article_ids[chosen], minlength=4)
    sizes = np.bincount(found.article_ids)
    assert all(counts[a] == sizes[a] or counts[a] >= counts.max() - 1 for a in range(4))


def test_a_sample_follows_its_seed() -> None:
    found = windows()

    assert np.array_equal(sample_windows(found, 9, seed=1), sample_windows(found, 9, seed=1))
    assert not np.array_equal(sample_windows(found, 9, seed=1), sample_windows(found, 9, seed=2))


def test_a_network_has_one_cosine_on_every_path() -> None:
    assert path_difference(network(), windows(), np.arange(9), training_cosine=cosine_rows) < 1e-6


def test_a_prediction_that_depends_on_its_batch_is_seen() -> None:
    found, chosen = windows(), np.arange(9)
    alone = np.concatenate(
        [rescore(DependsOnTheBatch(), found, chosen[i : i + 1])[0] for i in range(9)]
    )
    together = rescore(DependsOnTheBatch(), found, chosen)[0]

    got = path_difference(DependsOnTheBatch(), found, chosen, training_cosine=cosine_rows)

    assert got == pytest.approx(np.abs(alone - together).max(), abs=1e-6)
    assert got > 0.01


def test_a_training_loss_with_a_cosine_of_its_own_is_seen() -> None:
    def higher(raw: Tensor, target: Tensor) -> Tensor:
        return cosine_rows(raw, target) + 0.02

    got = path_difference(network(), windows(), np.arange(9), training_cosine=higher)

    assert got == pytest.approx(0.02, abs=1e-6)


def test_scoring_again_gives_the_same_cosines() -> None:
    found, chosen = windows(), np.array([0, 5, 11, 30])

    scores = score(network(), found, asked=kept_metrics())
    again, values = rescore(network(), found, chosen, scores.values)

    np.testing.assert_allclose(again, scores.cosines[chosen], atol=1e-6)
    assert values.keys() == {"in_article", "reciprocal_rank", "contrastive"}
    for name, mine in values.items():
        np.testing.assert_allclose(mine, scores.values[name][chosen], atol=1e-6)


@pytest.mark.parametrize("context", [1, T])
def test_the_metric_gives_known_predictors_their_scores(context: int) -> None:
    found = windows(context=context)
    rows = found.gather(slice(None))
    adjacent = (rows[:, -2].astype(np.float64) * rows[:, -1]).sum(axis=-1).mean()

    chosen = np.arange(len(found))
    got = metric_self_test(found, chosen, metric=metrics.cosine_rows, seed=0)

    assert got["oracle"] == pytest.approx(1)
    assert got["opposite"] == pytest.approx(-1)
    assert abs(got["random"]) < 6 / np.sqrt(len(found) * D)
    assert got["copy"] == pytest.approx(got["adjacent"], abs=1e-9)
    assert got["copy"] == pytest.approx(adjacent, abs=1e-6)


def test_an_off_by_one_in_the_windows_parts_copy_from_adjacent(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    gather = Windows.gather

    def shifted(self: Windows, batch: np.ndarray) -> np.ndarray:
        return np.roll(gather(self, batch), 1, axis=1)

    monkeypatch.setattr(Windows, "gather", shifted)

    got = metric_self_test(windows(), np.arange(20), metric=metrics.cosine_rows, seed=0)

    assert abs(got["copy"] - got["adjacent"]) > 0.01


def test_a_metric_that_forgets_the_lengths_is_seen() -> None:
    got = metric_self_test(
        windows(), np.arange(20), metric=lambda a, b: (a * b).sum(axis=-1) / 2, seed=0
    )

    assert got["oracle"] == pytest.approx(0.5)
    assert got["opposite"] == pytest.approx(-0.5)
