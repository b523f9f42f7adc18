"""The reference predictors against brute force, and on data whose truth was planted."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from amn.data.windows import Windows, find_windows
from amn.evaluation import reference
from amn.evaluation.metrics import REFERENCES, cosine_rows
from amn.evaluation.reference import RIDGE_SHARE, References, fit_references, score_references
from tests.strategies import in_memory, running_keys

if TYPE_CHECKING:
    import pytest

T, D = 3, 8
WEIGHTS = np.array([0.2, 0.3, 0.7])


def windows_of(vectors: Any, *, length: int = T + 1) -> Windows:
    """Windows over articles of `length` rows each."""
    articles, chunks = running_keys(*[length] * (len(vectors) // length))
    return find_windows(in_memory(articles, chunks, vectors.astype(np.float32)), T)


def planted(n: int = 60, *, noise: float = 0.0, turn: float = 0.0, seed: int = 0) -> Windows:
    """Windows whose target is the planted weighted sum, turned by a matrix, plus noise."""
    rng = np.random.default_rng(seed)
    rows = rng.standard_normal((n, T + 1, D))
    matrix = np.eye(D) + turn * rng.standard_normal((D, D))
    rows[:, -1] = np.einsum("t,ntd->nd", WEIGHTS, rows[:, :-1]) @ matrix
    rows[:, -1] += noise * rng.standard_normal((n, D))
    return windows_of(rows.reshape(-1, D))


def brute_force(windows: Windows) -> dict[str, Any]:
    """Fit by normal equations written out row by row, in float64."""
    rows = windows.gather(np.arange(len(windows))).astype(np.float64)
    context, target = rows[:, :-1], rows[:, -1]
    design = context.transpose(0, 2, 1).reshape(-1, T)  # a row for each window and number
    weights = np.linalg.pinv(design) @ target.ravel()
    weighted = np.einsum("t,ntd->nd", weights, context)
    inputs = np.concatenate([weighted, context[:, -1]], axis=1)
    penalty = RIDGE_SHARE * np.mean(np.linalg.eigvalsh(inputs.T @ inputs))
    stacked = np.vstack([inputs, np.sqrt(penalty) * np.eye(2 * D)])
    wanted = np.vstack([target - weighted, np.zeros((2 * D, D))])
    ridge = np.linalg.lstsq(stacked, wanted, rcond=None)[0]
    return {"center": target.mean(axis=0), "weights": weights, "ridge": ridge}


def test_the_fit_equals_brute_force() -> None:
    windows = planted(noise=0.3, turn=0.2)
    fitted, expected = fit_references(windows), brute_force(windows)

    np.testing.assert_allclose(fitted.center, expected["center"], atol=1e-6)
    np.testing.assert_allclose(fitted.weights, expected["weights"], atol=1e-5)
    np.testing.assert_allclose(fitted.ridge, expected["ridge"], atol=1e-5)


def test_predictions_equal_brute_force() -> None:
    windows = planted(noise=0.3, turn=0.2)
    fitted = fit_references(windows)
    context = windows.gather(np.arange(len(windows)))[:, :-1]

    got = fitted.predict(context)

    assert tuple(got) == REFERENCES
    for i, window in enumerate(context.astype(np.float64)):
        weighted = sum(w * row for w, row in zip(fitted.weights, window, strict=True))
        corrected = weighted + np.concatenate([weighted, window[-1]]) @ fitted.ridge
        expected = [fitted.center, window[-1], window.mean(axis=0), weighted, corrected]
        for name, row in zip(REFERENCES, expected, strict=True):
            np.testing.assert_allclose(got[name][i], row / np.linalg.norm(row), atol=1e-5)


def test_weights_recover_the_planted_ones() -> None:
    np.testing.assert_allclose(fit_references(planted()).weights, WEIGHTS, atol=1e-5)


def test_weights_come_closer_with_more_windows() -> None:
    errors = [
        np.abs(fit_references(planted(n, noise=1.0)).weights - WEIGHTS).max() for n in (15, 3000)
    ]

    assert errors[1] < 0.02 < errors[0]


def test_ridge_beats_every_other_reference_on_planted_linear_data() -> None:
    scores = score_references(fit_references(planted(2000, turn=0.5)), planted(200, turn=0.5))
    means = {name: cosines.mean() for name, cosines in scores.items()}

    assert max(means, key=means.__getitem__) == "ridge"
    assert means["ridge"] > means["mean"] + 0.02


def test_a_fit_is_identical_twice() -> None:
    first, second = fit_references(planted(noise=0.3)), fit_references(planted(noise=0.3))

    assert np.array_equal(first.ridge, second.ridge)
    assert np.array_equal(first.weights, second.weights)


def test_a_fit_does_not_depend_on_its_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    windows = planted(noise=0.3)
    whole = fit_references(windows)
    monkeypatch.setattr(reference, "FIT_BLOCK", 7)

    blocks = fit_references(windows)

    np.testing.assert_allclose(blocks.ridge, whole.ridge, atol=1e-6)
    np.testing.assert_allclose(blocks.weights, whole.weights, atol=1e-6)
    np.testing.assert_allclose(blocks.center, whole.center, atol=1e-12)


def test_a_large_data_set_is_fitted_on_evenly_spaced_windows(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    windows = planted(60, noise=0.3)
    monkeypatch.setattr(reference, "FIT_WINDOWS", 2)

    fitted = fit_references(windows)

    ends = windows.gather(np.array([0, 59]))[:, -1]
    np.testing.assert_allclose(fitted.center, ends.mean(axis=0), atol=1e-6)


def test_one_window_is_enough_to_fit() -> None:
    fitted = fit_references(planted(1))

    assert np.isfinite(fitted.ridge).all()
    assert np.isfinite(fitted.weights).all()


def test_repeated_context_rows_share_their_weight() -> None:
    row = np.eye(D)[0]
    windows = windows_of(np.tile(row, (T + 1, 1)))

    np.testing.assert_allclose(fit_references(windows).weights, np.full(T, 1 / T), atol=1e-6)


def test_a_prediction_of_nothing_stays_zero_and_scores_nan() -> None:
    fitted = References(np.ones(D), WEIGHTS, np.zeros((2 * D, D), np.float32))

    mean = fitted.predict(np.zeros((1, T, D), np.float32))["mean"]

    assert not mean.any()
    assert np.isnan(cosine_rows(mean, np.ones((1, D)))).all()


def test_the_constant_predicts_one_vector_everywhere() -> None:
    fitted = References(np.ones(D), WEIGHTS, np.zeros((2 * D, D), np.float32))

    constant = fitted.predict(np.zeros((4, T, D), np.float32))["constant"]

    np.testing.assert_allclose(constant, np.full((4, D), 1 / np.sqrt(D)))
