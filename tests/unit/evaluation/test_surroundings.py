"""Offset curve, retrieval and diversity have their known values on predictors that are known."""

from __future__ import annotations

import numpy as np
import pytest

from amn.data.windows import find_windows
from amn.evaluation.surroundings import (
    CURVE_OFFSETS,
    Surroundings,
    find_surroundings,
    known_predictors,
    offset_curve,
    pairwise_cosine,
    retrieve_in_article,
    retrieve_in_batch,
)
from tests.strategies import drifting_rows, in_memory, running_keys, unit_rows

DIM, CONTEXT = 16, 3


@pytest.fixture
def around() -> Surroundings:
    """Every second window of eight articles of twelve rows."""
    articles, chunks = running_keys(*[12] * 8)
    dataset = in_memory(articles, chunks, drifting_rows(8, 12, DIM))
    windows = find_windows(dataset, CONTEXT)
    return find_surroundings(windows, np.arange(0, len(windows), 2))


def test_the_surroundings_hold_the_windows_of_the_data_set() -> None:
    articles, chunks = running_keys(9, 7)
    dataset = in_memory(articles, chunks)
    windows = find_windows(dataset, CONTEXT)
    chosen = np.array([0, 3, 7])

    around = find_surroundings(windows, chosen)

    rows = windows.gather(chosen)
    assert np.array_equal(around.targets, rows[:, -1])
    assert np.array_equal(around.contexts, rows[:, :-1])


def test_rows_of_other_articles_and_beyond_a_hole_are_not_there() -> None:
    articles, chunks = running_keys(6, 6)
    chunks[4:6] += 1  # a hole after chunk 3 of the first article
    windows = find_windows(in_memory(articles, chunks), CONTEXT)

    around = find_surroundings(windows, np.array([0, 1]))

    for window, (before, after) in enumerate([(3, 0), (3, 2)]):
        there = around.offsets[around.is_there[window]]
        assert there.tolist() == list(range(-before, after + 1))


def test_the_curve_of_the_oracle_is_1_at_the_target_and_that_of_a_copy_at_the_last_row(
    around: Surroundings,
) -> None:
    made = known_predictors(around, np.random.default_rng(0))
    oracle, last = (offset_curve(made[name], around) for name in ("oracle", "last"))

    assert oracle[CURVE_OFFSETS.index(0)] == pytest.approx(1, abs=1e-6)
    assert last[CURVE_OFFSETS.index(-1)] == pytest.approx(1, abs=1e-6)
    assert np.nanargmax(oracle) == CURVE_OFFSETS.index(0)
    assert np.nanargmax(last) == CURVE_OFFSETS.index(-1)


def test_a_curve_equals_its_definition_row_by_row(around: Surroundings) -> None:
    predicted = unit_rows(len(around.rows), dim=DIM, dtype=np.float32)
    expected = []
    for offset in CURVE_OFFSETS:
        column = list(around.offsets).index(offset)
        values = [
            float(p @ rows[column]) / float(np.linalg.norm(p) * np.linalg.norm(rows[column]))
            for p, rows, there in zip(predicted, around.rows, around.is_there, strict=True)
            if there[column]
        ]
        expected.append(np.mean(values) if values else np.nan)

    np.testing.assert_allclose(offset_curve(predicted, around), expected, atol=1e-6)


def test_an_offset_that_no_window_has_is_nan() -> None:
    windows = find_windows(in_memory(*running_keys(4, 4)), CONTEXT)
    around = find_surroundings(windows, np.array([0, 1]))

    curve = offset_curve(around.targets, around)

    assert np.isnan(curve[CURVE_OFFSETS.index(-4)])
    assert np.isnan(curve[CURVE_OFFSETS.index(1)])
    assert np.isfinite(curve[CURVE_OFFSETS.index(-3) : CURVE_OFFSETS.index(0) + 1]).all()


def test_the_oracle_always_finds_its_target(around: Surroundings) -> None:
    assert retrieve_in_batch(around.targets, around.targets).first == 1
    assert retrieve_in_article(around.targets, around).first == 1


def test_one_vector_for_all_finds_one_target_in_the_batch(around: Surroundings) -> None:
    same = np.broadcast_to(around.targets[0], around.targets.shape)

    found = retrieve_in_batch(same, around.targets)

    assert found.first == found.chance == 1 / found.n


def test_random_predictions_find_their_target_by_chance() -> None:
    targets = unit_rows(4000, dim=DIM, seed=1, dtype=np.float32).reshape(20, 200, DIM)
    noise = unit_rows(4000, dim=DIM, seed=2, dtype=np.float32).reshape(20, 200, DIM)

    hits = [retrieve_in_batch(p, t).first for p, t in zip(noise, targets, strict=True)]

    assert np.mean(hits) == pytest.approx(1 / 200, abs=5 * np.sqrt(1 / 200 / 4000))


def test_the_context_is_no_candidate_in_the_article(around: Surroundings) -> None:
    copy = around.contexts[:, -1]  # nearest to itself, were it a candidate

    found = retrieve_in_article(copy, around)

    assert 0 < found.first <= 1
    assert found.chance == pytest.approx(1 / (12 - CONTEXT))


def test_a_prediction_of_nan_finds_nothing(around: Surroundings) -> None:
    bad = np.full_like(around.targets, np.nan)

    assert retrieve_in_batch(bad, around.targets).first == 0
    assert retrieve_in_article(bad, around).first == 0


def test_windows_without_other_candidates_do_not_count() -> None:
    windows = find_windows(in_memory(*running_keys(4, 4)), CONTEXT)
    around = find_surroundings(windows, np.array([0, 1]))

    found = retrieve_in_article(around.targets, around)

    assert found.n == 0
    assert np.isnan(found.first)


def test_pairwise_cosine_equals_the_mean_over_pairs() -> None:
    rows = unit_rows(9, dim=DIM, dtype=np.float32) * np.arange(1, 10, dtype=np.float32)[:, None]
    unit = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    pairs = [float(unit[i] @ unit[j]) for i in range(9) for j in range(9) if i != j]

    assert pairwise_cosine(rows) == pytest.approx(np.mean(pairs), abs=1e-6)


def test_pairwise_cosine_of_one_direction_is_1_and_of_a_single_row_nan() -> None:
    assert pairwise_cosine(np.ones((5, DIM))) == pytest.approx(1)
    assert np.isnan(pairwise_cosine(np.ones((1, DIM))))
    assert np.isnan(pairwise_cosine(np.zeros((3, DIM))))
