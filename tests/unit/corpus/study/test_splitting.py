from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from amn.corpus.study.splitting import (
    IN_DIST,
    OOD,
    TRAIN,
    assess,
    plan_split,
    settle,
)
from amn.corpus.study.study import Study
from amn.data.ids import IdSet
from amn.errors import ArgumentError
from tests.strategies import drifting_rows, unit_rows

if TYPE_CHECKING:
    from collections.abc import Callable

    from amn.corpus.study.region import Region

LENGTHS = [12] * 100


@pytest.fixture
def study(region: Callable[..., Region]) -> Study:
    rows = drifting_rows(100, 12, 16)
    rows[12 * 99 :] = rows[:12]  # the last article is a copy of the first
    rows[12 * 50 : 12 * 51] = rows[12 * 51 : 12 * 52]
    return Study(region(LENGTHS, rows))


def planned(study: Study, **options: Any) -> np.ndarray:
    return plan_split(study, **({"by": "article", "in_dist": 0.2, "ood": 0.2} | options)).labels


@pytest.mark.parametrize("by", ["article", "block", "cluster"])
@pytest.mark.parametrize("seed", range(5))
def test_near_duplicates_never_end_on_both_sides(study: Study, by: str, seed: int) -> None:
    labels = planned(Study(study.region, seed=seed), by=by)

    for left, right in ((0, 99), (50, 51)):
        assert labels[left] == labels[right]
    assert (labels == OOD).sum() >= 18
    assert (labels == IN_DIST).sum() >= 14


def test_whole_clusters_need_no_moving(study: Study) -> None:
    for seed in range(5):
        drawn = Study(study.region, seed=seed)
        assert plan_split(drawn, by="cluster", in_dist=0.2, ood=0.2).moved == 0


def test_a_block_is_the_highest_ids_but_for_copies_of_what_trains(study: Study) -> None:
    plan = plan_split(study, by="block", in_dist=0.2, ood=0.2)

    assert (plan.labels[80:99] == OOD).all()
    assert plan.labels[99] == TRAIN
    assert plan.moved >= 1


def test_a_region_of_ids_can_be_the_ood(study: Study) -> None:
    labels = planned(study, ood_articles=IdSet.of("10-19, 30"))

    assert np.flatnonzero(labels == OOD).tolist() == [*range(10, 20), 30]


def test_articles_without_a_window_train(region: Callable[..., Region]) -> None:
    lengths = [12, 3] * 60
    rows = unit_rows(sum(lengths), dim=64, dtype=np.float32)

    labels = planned(Study(region(lengths, rows)))

    assert (labels[1::2] == TRAIN).all()
    assert (labels == OOD).sum() == 12


def test_the_same_seed_draws_the_same_and_another_does_not(study: Study) -> None:
    assert np.array_equal(planned(study), planned(Study(study.region)))
    assert not np.array_equal(planned(study), planned(Study(study.region, seed=1)))


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 2)), min_size=1, max_size=30))
def test_settled_clusters_are_where_training_or_ood_had_one(pairs: list[tuple[int, int]]) -> None:
    clusters, labels = np.array(pairs).T

    found = settle(clusters, labels.astype(np.int8))

    for cluster in np.unique(clusters):
        before = set(labels[clusters == cluster].tolist())
        expected = next(label for label in (TRAIN, OOD, IN_DIST) if label in before)
        assert set(found[clusters == cluster].tolist()) == {expected}


def test_lists_hold_every_article_once(study: Study) -> None:
    found = plan_split(study, by="block", in_dist=0.2, ood=0.2).to_json()

    lists = [found[name] for name in ("train", "in_dist", "ood")]
    assert sorted(i for part in lists for i in part) == list(range(100))
    assert found["made"]["dataset"] == study.region.dataset.digest
    assert found["made"]["by"] == "block"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"ood": 0.0}, "--ood: expected a share between 0 and 1, got 0.0"),
        ({"in_dist": 1.0}, "--in-dist: expected a share between 0 and 1, got 1.0"),
        ({"ood": 0.02}, "ood: expected at least 8 articles with a window of context 5, got 2"),
    ],
)
def test_splits_that_cannot_be_judged_are_refused(
    study: Study, options: dict[str, float], message: str
) -> None:
    with pytest.raises(ArgumentError, match=message):
        planned(study, **options)


def test_a_split_drawn_by_chance_warns_of_nothing(study: Study) -> None:
    train, *evaluated = assess(plan_split(study, by="article", in_dist=0.2, ood=0.2))

    assert train.coherence.value == 0
    assert train.ridge is None
    for report in evaluated:
        assert report.warning == ""
        assert report.ridge is not None
        assert report.windows == 7 * report.articles


def test_a_harder_region_is_called_harder(region: Callable[..., Region]) -> None:
    rows = drifting_rows(100, 12, 16)
    rows[960:] += 0.6 * unit_rows(240, dim=16, seed=4, dtype=np.float32)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)

    *_, ood = assess(plan_split(Study(region(LENGTHS, rows)), by="block", in_dist=0.2, ood=0.2))

    assert ood.warning.startswith("ood is harder than train: coherence -0.")
    assert "mean of the context -0." in ood.warning
