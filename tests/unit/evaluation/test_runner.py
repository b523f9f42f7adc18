"""Scoring against a loop over windows, one at a time."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from amn.data.windows import find_windows
from amn.evaluation.metrics import REFERENCES, cosine_rows, effective_rank
from amn.evaluation.reference import fit_references, score_references
from amn.evaluation.runner import score
from amn.training.networks.build import ModelSpec, build_model
from tests.strategies import in_memory, running_keys, unit_rows

if TYPE_CHECKING:
    from amn.data.windows import Windows

T, D = 3, 8
SPEC = ModelSpec(architecture="amn/original/1", dim=D, context=T, attention_dim=4, hidden_dim=8)


def windows(*lengths: int) -> Windows:
    lengths = lengths or (9, 3, 7, 12, 4)
    articles, chunks = running_keys(*lengths, first=10)
    return find_windows(
        in_memory(articles, chunks, unit_rows(len(articles), dim=D, dtype=np.float32)), T
    )


def network(seed: int = 0) -> nn.Module:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return build_model(SPEC)


class Last(nn.Module):
    """Predicts the last context row, at another length."""

    def forward(self, context: Tensor) -> Tensor:
        return 3 * context[:, -1]


class Broken(nn.Module):
    """Predicts NaN for the windows whose first number is largest."""

    def forward(self, context: Tensor) -> Tensor:
        first = context[:, :1, 0]
        return context[:, -1] + torch.where(first == first.max(), torch.nan, 0.0)


def test_scores_equal_a_loop_over_windows() -> None:
    found, model = windows(), network().eval()
    scores = score(model, found)

    assert len(found) == 20
    for i, start in enumerate(found.starts):
        rows = found.dataset.gather(np.arange(start, start + T + 1))
        with torch.no_grad():
            raw = model(torch.from_numpy(rows[None, :-1])).double().numpy()[0]
        raw /= np.linalg.norm(raw)
        assert scores.cosines[i] == pytest.approx(raw @ rows[-1], abs=1e-6)
        assert scores.copy_cosines[i] == pytest.approx(raw @ rows[-2], abs=1e-6)
    assert scores.mean == pytest.approx(scores.cosines.mean(), abs=1e-15)


def test_windows_keep_their_names_and_their_order() -> None:
    found = windows()
    scores = score(network(), found)

    assert np.array_equal(scores.article_ids, found.dataset.article_ids[found.starts])
    assert np.array_equal(scores.target_chunks, found.dataset.chunk_index[found.starts + T])


@pytest.mark.parametrize("batch", [1, 3, 20, 1000])
def test_the_size_of_a_batch_changes_no_score(batch: int) -> None:
    whole, parts = score(network(), windows()), score(network(), windows(), batch=batch)

    np.testing.assert_allclose(parts.cosines, whole.cosines, atol=1e-6)
    assert parts.rank == pytest.approx(whole.rank, rel=1e-4)
    assert parts.target_rank == pytest.approx(whole.target_rank, rel=1e-12)


def test_scoring_is_identical_twice() -> None:
    first, second = score(network(), windows()), score(network(), windows())

    assert np.array_equal(first.cosines, second.cosines)
    assert first.rank == second.rank


def test_a_copy_is_seen_as_one_and_its_length_is_normalised() -> None:
    scores = score(Last(), windows())

    np.testing.assert_allclose(scores.copy_cosines, 1, atol=1e-6)
    assert scores.norm_error < 1e-6
    rows = windows().gather(slice(None))
    np.testing.assert_allclose(scores.cosines, cosine_rows(rows[:, -2], rows[:, -1]), atol=1e-6)


def test_the_ranks_are_those_of_predictions_and_targets() -> None:
    scores = score(Last(), windows())
    rows = windows().gather(slice(None))

    assert scores.rank == pytest.approx(effective_rank(rows[:, -2]), rel=1e-5)
    assert scores.target_rank == pytest.approx(effective_rank(rows[:, -1]), rel=1e-5)


def test_one_prediction_that_is_not_a_number_is_kept_for_the_checks() -> None:
    scores = score(Broken(), windows(), batch=7)

    assert 0 < np.isnan(scores.cosines).sum() < len(scores.cosines)
    assert np.isnan(scores.mean)
    assert np.isnan(scores.norm_error)
    assert np.isnan(scores.rank)


def test_a_score_over_no_windows_is_not_a_number() -> None:
    scores = score(network(), windows(3, 2))

    assert len(scores.cosines) == 0
    assert np.isnan(scores.mean)


def test_the_model_is_put_in_evaluation_mode() -> None:
    model = network().train()

    score(model, windows())

    assert not model.training


@pytest.mark.parametrize("batch", [3, 1000])
def test_every_reference_is_scored_on_every_window(batch: int) -> None:
    found = windows()
    fitted = fit_references(found)
    rows = found.gather(slice(None))

    got = score_references(fitted, found, batch=batch)

    assert tuple(got) == REFERENCES
    for name, predicted in fitted.predict(rows[:, :-1]).items():
        np.testing.assert_allclose(got[name], cosine_rows(predicted, rows[:, -1]), atol=1e-6)
