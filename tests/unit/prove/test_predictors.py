"""Which predictor training articles warrant: those that they have never seen say so."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import pytest

from amn.case.config import CaseConfig
from amn.data.windows import find_windows
from amn.evaluation.statistics import Interval, cluster_interval, shows_gain
from amn.evaluation.warranted import KINDS, Tried, chosen_of
from amn.prove.predictors import FOLDS, MOST_WINDOWS, _plans, try_predictors
from tests.strategies import in_memory, running_keys

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from amn.data.windows import Windows

ROWS, DIM = 14, 12
CONFIG = CaseConfig.model_validate(
    {
        "schema": 1,
        "dataset": {"path": "data"},
        "split": {"in_dist": {"articles": [1]}, "ood": {"articles": [2]}},
        "model": {"kind": "amn", "stack": True, "attention_dim": 4, "hidden_dim": 8},
        "training": {"epochs": 2},
    }
)


def windows_of(turn: NDArray[np.float64], n_articles: int = 32, rows: int = ROWS) -> Windows:
    """Windows of rows that follow from the one before, turned, and noise."""
    rng = np.random.default_rng(7)
    found = rng.normal(size=(n_articles, rows, DIM))
    for row in range(1, rows):
        found[:, row] = 0.9 * found[:, row - 1] @ turn + 0.4 * rng.normal(size=(n_articles, DIM))
    found /= np.linalg.norm(found, axis=-1, keepdims=True)
    articles, chunks = running_keys(*[rows] * n_articles, first=1)
    dataset = in_memory(articles, chunks, found.reshape(-1, DIM).astype(np.float32))
    return find_windows(dataset, CONFIG.windows.context)


def test_rows_that_turn_warrant_a_ridge_that_no_mean_comes_near() -> None:
    turn = np.linalg.qr(np.random.default_rng(3).normal(size=(DIM, DIM)))[0]

    tried = {one.kind: one for one in try_predictors(CONFIG, windows_of(turn), [16.0, 16.0])}

    assert list(tried) == [*KINDS]
    assert tried["ridge"].gain.mean > 0.3
    assert tried["ridge"].over != "ridge"
    assert tried["weighted_mean"].over == "ridge"
    assert tried["weighted_mean"].shows < 1e-6
    assert tried["amn"].over == "ridge"
    assert tried["amn"].gain.mean < tried["ridge"].gain.mean
    assert tried["ridge"].shows > 0.99


def test_the_same_articles_give_the_same_gains_and_too_few_give_none() -> None:
    windows = windows_of(np.eye(DIM))
    heard: list[tuple[int, int]] = []

    once = try_predictors(CONFIG, windows, [16.0], lambda k, n, _: heard.append((k, n)))

    assert once == try_predictors(CONFIG, windows, [16.0])
    assert heard == [(k, FOLDS) for k in range(1, FOLDS + 1)]
    assert try_predictors(CONFIG, windows_of(np.eye(DIM), 7), [16.0]) == ()


def test_every_article_is_held_out_once_from_what_scores_it() -> None:
    windows = windows_of(np.eye(DIM))

    plans = _plans(CONFIG, windows)

    held = [set(plan.judged["ood"].article_ids.tolist()) for plan in plans]
    seen = [
        {*plan.train.article_ids.tolist(), *plan.validation.article_ids.tolist()} for plan in plans
    ]
    assert sorted(one for fold in held for one in fold) == list(range(1, 33))
    assert [fold & rest for fold, rest in zip(held, seen, strict=True)] == [set()] * FOLDS
    assert all(len(fold | rest) == 32 for fold, rest in zip(held, seen, strict=True))


def test_of_many_windows_whole_articles_are_tried() -> None:
    windows = windows_of(np.eye(DIM), 400, 105)  # 100 windows each

    plans = _plans(CONFIG, windows)

    assert sum(len(plan.judged["ood"]) for plan in plans) == MOST_WINDOWS
    assert {len(np.unique(plan.judged["ood"].codes)) for plan in plans} == {25}


def test_a_network_whose_training_a_rule_stops_is_not_among_them() -> None:
    bad = CONFIG.model_copy(update={"training": CONFIG.training.model_copy(update={"lr": 1e30})})

    tried = try_predictors(bad, windows_of(np.eye(DIM)), [16.0])

    assert [one.kind for one in tried] == ["ridge", "weighted_mean"]


def gain(mean: float, sd: float, n: int) -> Interval:
    values = np.random.default_rng(1).normal(size=n)
    values = mean + sd * (values - values.mean()) / values.std()
    return cluster_interval(values, np.arange(n), seed=0)


def test_a_gain_is_seen_as_often_as_draws_of_articles_see_it() -> None:
    rng = np.random.default_rng(0)
    mean, sd, n, least = 0.0016, 0.003, 25, 0.001
    draws = rng.normal(mean, sd, (4000, n))
    low = draws.mean(axis=1) - 2.064 * draws.std(axis=1, ddof=1) / math.sqrt(n)  # t of 24

    seen = float(((draws.mean(axis=1) > least) & (low > 0)).mean())

    assert shows_gain(gain(mean, sd, 20_000), n, least) == pytest.approx(seen, abs=0.03)


def test_a_gain_that_is_measured_on_few_articles_is_seen_less_surely() -> None:
    few, many = (shows_gain(gain(0.003, 0.002, n), 25, 0.001) for n in (10, 10_000))

    assert 0.5 < few < many <= 1
    assert shows_gain(gain(0.0005, 0.002, 50), 25, 0.001) < 0.5
    assert shows_gain(gain(0.002, 0.0, 50), 25, 0.001) == 1.0
    assert shows_gain(gain(0.0005, 0.0, 50), 25, 0.001) == 0.0


@pytest.mark.parametrize(
    ("shows", "kind"),
    [
        ((0.81, 0.99, 0.0), "amn"),  # the first that shows in 80 %
        ((0.79, 0.81, 0.9), "ridge"),
        ((0.4, 0.5, 0.6), "ridge"),  # none does: the first that shows in half of the draws
        ((0.0, 0.4, 0.1), "amn"),  # nor that: never the worse of both
    ],
)
def test_the_first_that_shows_often_enough_is_chosen(shows: tuple[float, ...], kind: str) -> None:
    some = gain(0.001, 0.001, 9)
    tried = [Tried(name, "mean", some, often) for name, often in zip(KINDS, shows, strict=True)]

    assert chosen_of(tried).kind == kind
