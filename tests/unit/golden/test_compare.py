"""Windows are joined by id alone, and every change between two goldens is listed."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from amn.errors import GoldenError
from amn.golden.compare import Change, align, diff_golden
from amn.golden.schema import Golden, GoldenRecord, GoldenSplit
from amn.storage import canonical_json, sha256_of

if TYPE_CHECKING:
    from collections.abc import Callable

    Build = Callable[..., GoldenRecord]
    Splits = dict[str, GoldenSplit]

PATH = Path("golden/wiki-mini/golden.npz")


@pytest.fixture
def split(splits: Splits) -> GoldenSplit:
    return splits["ood"]


def test_windows_in_the_same_order_are_left_alone(split: GoldenSplit) -> None:
    positions = align(split, split.article_ids, split.target_chunks, path=PATH)

    assert positions.tolist() == list(range(30))


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(0, 2**32 - 1))
def test_shuffled_windows_find_their_place(split: GoldenSplit, seed: int) -> None:
    rng = np.random.default_rng(seed)
    mine, theirs = rng.permutation(30), rng.permutation(30)
    golden = GoldenSplit(split.cosines[:, mine], split.article_ids[mine], split.target_chunks[mine])

    positions = align(golden, split.article_ids[theirs], split.target_chunks[theirs], path=PATH)

    assert np.array_equal(split.cosines[:, theirs][:, positions], golden.cosines)


def test_other_windows_are_not_comparable_and_the_first_are_named(split: GoldenSplit) -> None:
    articles = split.article_ids.copy()
    articles[:5] = 999

    with pytest.raises(GoldenError, match="not comparable") as e:
        align(split, articles, split.target_chunks, path=PATH)

    assert str(e.value) == (
        f"{PATH}: not comparable: expected the golden's 30 windows, got 30; "
        "only in the golden: 5 (article 100 chunk 5, article 100 chunk 6, article 100 chunk 7, "
        "...), only in the candidate: 5 (article 999 chunk 5, article 999 chunk 6, "
        "article 999 chunk 7, ...). Fix: restore the data set and the split, "
        "or amn golden update wiki-mini with a reason"
    )


def test_a_missing_window_is_not_comparable(split: GoldenSplit) -> None:
    with pytest.raises(
        GoldenError,
        match=r"got 29; only in the golden: 1 \(article 135 chunk 9\), only in the "
        r"candidate: 0 \(none\)",
    ):
        align(split, split.article_ids[:-1], split.target_chunks[:-1], path=PATH)


def test_no_windows_are_not_comparable(split: GoldenSplit) -> None:
    with pytest.raises(GoldenError, match="got 0; only in the golden: 30"):
        align(split, split.article_ids[:0], split.target_chunks[:0], path=PATH)


def test_a_window_twice_in_the_candidate_is_not_comparable(split: GoldenSplit) -> None:
    chunks = split.target_chunks.copy()
    chunks[1] = chunks[0]

    with pytest.raises(
        GoldenError, match=r"window of the candidate once, got 1 repeats \(article 100 chunk 5\)"
    ):
        align(split, split.article_ids, chunks, path=PATH)


def test_a_window_twice_in_the_golden_is_not_comparable(split: GoldenSplit) -> None:
    chunks = split.target_chunks.copy()
    chunks[1] = chunks[0]

    with pytest.raises(GoldenError, match="window of the golden once, got 1 repeats"):
        align(
            replace(split, target_chunks=chunks), split.article_ids, split.target_chunks, path=PATH
        )


def test_a_golden_does_not_differ_from_itself(golden: Golden) -> None:
    assert diff_golden(golden.record, golden.record) == []


def test_a_lower_mean_is_listed_with_its_delta_as_loosening(
    golden: Golden, build_record: Build
) -> None:
    splits = dict(golden.splits)
    splits["ood"] = replace(splits["ood"], cosines=splits["ood"].cosines - 0.02)

    changes = {change.key: change for change in diff_golden(golden.record, build_record(splits))}

    assert set(changes) == {"metrics.ood.mean", "metrics.ood.lift", "digests.cosines"}
    mean = changes["metrics.ood.mean"]
    assert (mean.kind, mean.loosens) == ("metric", True)
    assert mean.delta == pytest.approx(-0.02)
    assert changes["digests.cosines"].delta is None


def test_a_higher_mean_loosens_nothing(golden: Golden, build_record: Build) -> None:
    splits = dict(golden.splits)
    splits["ood"] = replace(splits["ood"], cosines=splits["ood"].cosines + 0.02)

    changes = diff_golden(golden.record, build_record(splits))

    assert not any(change.loosens for change in changes)


def test_config_keys_that_differ_are_listed_one_by_one(golden: Golden, build_record: Build) -> None:
    config = {"training": {"epochs": 20, "seeds": [0, 1, 2]}, "model": {"recipe": "recency"}}
    other = build_record(golden.splits, config=config)

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
    other = build_record(golden.splits, checks=["D001-finite", "S001-disjoint"])

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
    changes = diff_golden(golden.record, build_record(golden.splits, tolerances=tolerances))

    assert {change.kind for change in changes} == {"tolerance"}
    assert any(change.loosens for change in changes) is loosens


def test_fewer_windows_loosen(golden: Golden, build_record: Build) -> None:
    split = golden.splits["ood"]
    fewer = GoldenSplit(split.cosines[:, :25], split.article_ids[:25], split.target_chunks[:25])
    changes = diff_golden(golden.record, build_record({**golden.splits, "ood": fewer}))

    found = {change.key: change.delta for change in changes if change.loosens}
    assert found["metrics.ood.windows"] == -5
    assert found["metrics.ood.articles"] == -1


def test_versions_and_artefacts_that_differ_are_listed(golden: Golden, build_record: Build) -> None:
    versions = golden.record.versions.model_dump() | {"torch": "2.5"}
    artefacts = ["f" * 64, *golden.record.artefacts[1:]]
    other = build_record(golden.splits, versions=versions, artefacts=artefacts)

    assert diff_golden(golden.record, other) == [
        Change("artefact", "artefacts.seed-0", golden.record.artefacts[0], "f" * 64),
        Change("version", "versions.torch", None, "2.5"),
    ]
