"""A golden's record refuses to contradict itself."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from pydantic import ValidationError

from amn.golden.schema import Golden, GoldenRecord, GoldenSplit, summarise

if TYPE_CHECKING:
    from collections.abc import Callable

    Build = Callable[..., GoldenRecord]
    Splits = dict[str, GoldenSplit]


def test_a_summary_has_the_means_of_each_seed_and_the_lift(splits: Splits) -> None:
    split = splits["ood"]
    metrics = summarise(split, se=0.004, references={"mean": 0.55})

    assert metrics.per_seed == pytest.approx(split.cosines.mean(axis=1))
    assert metrics.mean == pytest.approx(split.cosines.mean())
    assert metrics.lift == pytest.approx(metrics.mean - 0.55)
    assert (metrics.windows, metrics.articles) == (30, 6)


def test_a_summary_of_nan_is_refused(splits: Splits) -> None:
    splits["ood"].cosines[0, 0] = np.nan

    with pytest.raises(ValidationError):
        summarise(splits["ood"], se=0.004, references={"mean": 0.55})


def test_the_same_record_gives_the_same_bytes_and_digest(
    build_record: Build, splits: Splits
) -> None:
    one, two = build_record(splits), build_record(splits)

    assert one.to_bytes() == two.to_bytes()
    assert Golden(one, splits).digest == Golden(two, splits).digest


def test_another_reason_gives_another_digest(build_record: Build, splits: Splits) -> None:
    other = build_record(splits, reason="new data")

    assert Golden(other, splits).digest != Golden(build_record(splits), splits).digest


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"reason": "  "}, "reason"),
        ({"author": ""}, "author"),
        ({"created": "yesterday"}, "created"),
        ({"previous": "abc"}, "previous"),
        ({"seeds": [0, 1, 1]}, "seeds: expected different ones"),
        ({"checks": ["C001", "C001"]}, "checks: expected different ones"),
        ({"checks": []}, "checks"),
        ({"artefacts": []}, "artefacts: expected one for each of 3 seeds, got 0"),
        ({"seeds": [0, 1]}, "expected one for each of 2 seeds, got 3"),
        ({"metrics": {}}, "got no in_dist and no ood"),
        ({"tolerances": {"margin": 0.0, "alpha": 0.05, "why": "x"}}, "margin"),
        ({"mood": "good"}, "mood"),
    ],
)
def test_a_wrong_field_is_refused_by_name(
    build_record: Build, splits: Splits, changes: dict[str, Any], message: str
) -> None:
    with pytest.raises(ValidationError, match=message):
        build_record(splits, **changes)


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("mean", 0.7, "mean: expected the mean of per_seed"),
        ("lift", 0.7, "lift: expected mean - references"),
        ("references", {"last": 0.4}, "expected the mean of the context"),
        ("se", float("inf"), "finite"),
        ("windows", 0, "windows"),
    ],
)
def test_metrics_that_do_not_add_up_are_refused(
    golden: Golden, field: str, value: object, message: str
) -> None:
    values = golden.record.metrics["ood"].model_dump() | {field: value}

    with pytest.raises(ValidationError, match=message):
        type(golden.record.metrics["ood"]).model_validate(values)


def test_a_config_that_is_not_the_digested_one_is_refused(golden: Golden) -> None:
    values = golden.record.model_dump(mode="json", by_alias=True)
    values["config"]["training"]["epochs"] = 99

    with pytest.raises(ValidationError, match=r"config: expected the config of digests\.config"):
        GoldenRecord.model_validate(values)
