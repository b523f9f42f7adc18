"""Articles are joined by id alone, and every change between two goldens is listed."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from amn.checks.broken.golden import moved
from amn.errors import GoldenError
from amn.evaluation.metrics import SplitScores
from amn.evaluation.statistics import ClusterTable
from amn.golden.compare import (
    Change,
    diff_golden,
    joined,
    margin_of,
    moved_articles,
    vector_changes,
)
from amn.golden.schema import Golden, GoldenRecord
from amn.storage import canonical_json, sha256_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from amn.golden.table import Table

    Build = Callable[..., GoldenRecord]
    Splits = dict[str, Table]

PATH = Path("golden/wiki-mini/golden.csv")


def scores(order: Any = slice(None), **changes: Any) -> SplitScores:
    """Scores on the windows of the golden's OOD articles: chunks 5 to 9 of 100, 107, ... 135."""
    ids = np.repeat(np.arange(6) * 7 + 100, 5)
    values = {
        "cosines": np.linspace(0.4, 0.8, 30),
        "copy_cosines": np.zeros(30),
        "article_ids": ids,
        "target_chunks": np.tile(np.arange(5, 10, dtype=np.int32), 6),
    }
    values = {name: values[name][order] for name in values} | changes
    return SplitScores(**values, norm_error=0.0, rank=1.0, target_rank=1.0)


@given(seed=st.integers(0, 2**32 - 1), n_seeds=st.integers(2, 5))
def test_a_margin_has_the_unit_of_its_metric_and_five_errors_of_a_seed(
    seed: int, n_seeds: int
) -> None:
    sums = np.random.default_rng(seed).normal(size=(n_seeds, 20))
    once, twice = (
        margin_of(0.0, ClusterTable(np.arange(20), np.ones(20), (factor * sums,)))
        for factor in (1, 2)
    )

    assert twice == pytest.approx(2 * once)
    if n_seeds == 2:  # each seed differs from the other alone, by as much
        difference = sums[0] - sums[1]
        assert once == pytest.approx(5 * difference.std(ddof=1) / np.sqrt(20))


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(0, 2**32 - 1))
def test_shuffled_windows_find_their_article(golden: Golden, seed: int) -> None:
    order = np.random.default_rng(seed).permutation(30)

    table = joined(golden, "ood", [scores(), scores(order)], path=PATH)

    assert table.labels.tolist() == [100, 107, 114, 121, 128, 135]
    assert table.sizes.tolist() == [5] * 6
    expected = np.linspace(0.4, 0.8, 30).reshape(6, 5).sum(axis=1)
    assert table.sides[0] == pytest.approx(np.stack([expected, expected]), abs=1e-9)
    assert np.array_equal(table.sides[0][0], table.sides[0][1])
    assert np.array_equal(table.sides[1], golden.sums("ood"))


def test_other_windows_are_not_comparable_and_the_first_are_named(golden: Golden) -> None:
    articles = scores().article_ids.copy()
    articles[:5] = 999

    with pytest.raises(GoldenError, match="not comparable") as e:
        joined(golden, "ood", [scores(article_ids=articles)], path=PATH)

    assert str(e.value) == (
        f"{PATH}: not comparable: expected the golden's 30 windows, got 30; "
        "only in the golden: 5 (article 100 chunk 5, article 100 chunk 6, article 100 chunk 7, "
        "...), only in the candidate: 5 (article 999 chunk 5, article 999 chunk 6, "
        "article 999 chunk 7, ...). Fix: restore the data set and the split, "
        "or amn golden update wiki-mini with a reason"
    )


@pytest.mark.parametrize(
    ("order", "message"),
    [
        (slice(29), r"got 29; only in the golden: 1 \(article 135 chunk 9\), .*: 0 \(none\)"),
        (slice(0), "got 0; only in the golden: 30"),
        ([0, *range(30)], r"once, got 1 window twice \(article 100 chunk 5\)"),
    ],
)
def test_missing_and_repeated_windows_are_not_comparable(
    golden: Golden, order: Any, message: str
) -> None:
    with pytest.raises(GoldenError, match=message):
        joined(golden, "ood", [scores(), scores(order)], path=PATH)


def test_ids_that_are_names_are_not_those_that_are_numbers(golden: Golden) -> None:
    named = scores(article_ids=scores().article_ids.astype(np.str_))

    with pytest.raises(GoldenError, match=r"only in the golden: 30 .*, only in the candidate: 30"):
        joined(golden, "ood", [named], path=PATH)


def test_the_articles_that_moved_are_named_lowest_first(golden: Golden) -> None:
    table = golden.tables["ood"]
    by = np.array([0, 0.05, 0, -0.1, 0, 0])
    sums = {n: v + by if n in ("cosine.0", "cosine.1", "cosine.2") else v
            for n, v in table.sums.items()}  # fmt: skip
    other = Golden(golden.record, {**golden.tables, "ood": replace(table, sums=sums)})

    assert moved_articles(golden, golden, "ood") == []
    moved = moved_articles(golden, other, "ood")
    assert [name for name, _ in moved] == ["121", "107"]
    assert [by for _, by in moved] == pytest.approx([-0.02, 0.01])


def test_articles_whose_vectors_changed_came_and_went_are_named(golden: Golden) -> None:
    train, ood = golden.tables["train"], golden.tables["ood"]
    other = {
        **golden.tables,
        "train": replace(train, vectors=("otherVec", train.vectors[1])),
        "ood": replace(ood, articles=np.array([100, 107, 114, 121, 128, 140])),
    }

    found = vector_changes(golden.tables, other)

    assert found.kinds == {
        "changed": (("train", 3),),
        "came": (("ood", 140),),
        "went": (("ood", 135),),
    }
    assert not vector_changes(golden.tables, golden.tables)


def test_a_golden_does_not_differ_from_itself(golden: Golden) -> None:
    assert diff_golden(golden.record, golden.record) == []


def test_a_lower_mean_is_listed_with_its_delta_as_loosening(
    golden: Golden, build_record: Build
) -> None:
    tables = moved(golden, by=-0.02).tables

    changes = {change.key: change for change in diff_golden(golden.record, build_record(tables))}

    assert set(changes) == {"metrics.ood.mean", "metrics.ood.lift", "metrics.in_dist.mean",
                            "metrics.in_dist.lift", "digests.table"}  # fmt: skip
    mean = changes["metrics.ood.mean"]
    assert (mean.kind, mean.loosens) == ("metric", True)
    assert mean.delta == pytest.approx(-0.02)
    assert changes["digests.table"].delta is None


def test_a_higher_mean_loosens_nothing(golden: Golden, build_record: Build) -> None:
    changes = diff_golden(golden.record, build_record(moved(golden, by=0.02).tables))

    assert not any(change.loosens for change in changes)


def test_config_keys_that_differ_are_listed_one_by_one(golden: Golden, build_record: Build) -> None:
    config = {"training": {"epochs": 20, "seeds": [0, 1, 2]}, "model": {"recipe": "recency"}}
    other = build_record(golden.tables, config=config)

    assert diff_golden(golden.record, other) == [
        Change("config", "config.training.epochs", 15, 20),
        Change("config", "config.windows.context", 5, None),
        Change("config", "config.model.recipe", None, "recency"),
        Change(
            "digest",
            "digests.config",
            golden.record.digests.config,
            sha256_of(canonical_json(config)),
        ),
    ]


def test_a_check_that_is_gone_loosens_and_a_new_one_does_not(
    golden: Golden, build_record: Build
) -> None:
    other = build_record(golden.tables, checks=["D001-finite", "S001-disjoint"])

    assert diff_golden(golden.record, other) == [
        Change("check", "checks.G001-ood", "G001-ood", None, loosens=True),
        Change("check", "checks.S001-disjoint", None, "S001-disjoint"),
    ]


@pytest.mark.parametrize(
    ("tolerances", "loosens"),
    [
        ({"margin": 0.02, "alpha": 0.05, "why": "noise"}, True),
        ({"margin": 0.01, "alpha": 0.10, "why": "noise"}, True),
        ({"margin": 0.005, "alpha": 0.025, "why": "noise"}, False),
    ],
)
def test_a_wider_tolerance_loosens(
    golden: Golden, build_record: Build, tolerances: dict[str, Any], *, loosens: bool
) -> None:
    changes = diff_golden(golden.record, build_record(golden.tables, tolerances=tolerances))

    assert {change.kind for change in changes} == {"tolerance"}
    assert any(change.loosens for change in changes) is loosens


def test_fewer_windows_loosen(golden: Golden, build_record: Build) -> None:
    fewer = golden.tables["ood"].take(np.arange(5))
    changes = diff_golden(golden.record, build_record({**golden.tables, "ood": fewer}))

    found = {change.key: change.delta for change in changes if change.loosens}
    assert found["metrics.ood.windows"] == -5
    assert found["metrics.ood.articles"] == -1


def test_versions_models_and_numerics_that_differ_are_listed(
    golden: Golden, build_record: Build
) -> None:
    versions = golden.record.versions.model_dump() | {"torch": "2.5"}
    models = ["f" * 64, *golden.record.digests.models[1:]]
    numerics = {"class": "float32, AVX512, MKL"}
    other = build_record(
        golden.tables, versions=versions, digests={"models": models}, numerics=numerics
    )

    assert diff_golden(golden.record, other) == [
        Change("digest", "digests.models", golden.record.digests.models, tuple(models)),
        Change("version", "versions.torch", None, "2.5"),
        Change("version", "numerics", "float32, AVX2, MKL", "float32, AVX512, MKL"),
    ]


def test_a_check_that_ended_in_another_way_is_listed_before_numbers_that_moved(
    golden: Golden,
) -> None:
    checks = {"data": {"D001-finite": ["WARN", None]}, "result": {"G001-ood": ["PASS", 0.7]}}
    other = GoldenRecord.model_validate(
        golden.record.model_dump(mode="json", by_alias=True) | {"checks": checks}
    )

    assert diff_golden(golden.record, other) == [
        Change("check", "checks.D001-finite", "PASS", "WARN"),
        Change("number", "checks.G001-ood", 0.6, 0.7),
    ]


def test_another_course_of_the_trainings_is_listed_in_its_first_and_last_epoch(
    golden: Golden,
) -> None:
    course = {"windows": 884, "mean": 0.591, "best": [[0.59, 0.61]] * 3}
    values = golden.record.model_dump(mode="json", by_alias=True)
    other = GoldenRecord.model_validate({**values, "course": course})

    assert diff_golden(golden.record, other) == [
        Change("metric", "course", None, "2 epochs, best 0.5900 to 0.6100")
    ]
