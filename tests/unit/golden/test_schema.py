"""A golden's record refuses to contradict itself, and is laid out for a diff."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from pydantic import ValidationError

from amn.golden.schema import Golden, GoldenRecord, SplitMetrics, numerics_class, summarise

if TYPE_CHECKING:
    from collections.abc import Callable

    from amn.golden.table import Table

    Build = Callable[..., GoldenRecord]
    Splits = dict[str, Table]


def test_a_summary_has_the_means_of_each_seed_and_the_lift(splits: Splits) -> None:
    table = splits["ood"]
    metrics = summarise(table, range(3), se=0.004, references={"mean": 0.55})
    sums = np.stack([table.sums[f"cosine.{seed}"] for seed in range(3)])

    assert metrics.per_seed == pytest.approx(sums.sum(axis=1) / 30)
    assert metrics.mean == pytest.approx(sums.sum() / 90)
    assert metrics.lift == pytest.approx(metrics.mean - 0.55)
    assert (metrics.windows, metrics.articles) == (30, 6)


def test_lift_is_over_the_strongest_reference_and_an_earlier_one_over_the_mean_is_read(
    splits: Splits,
) -> None:
    references = {"mean": 0.5, "ridge": 0.55}
    metrics = summarise(splits["ood"], range(3), se=0.004, references=references)
    values = metrics.model_dump()

    earlier = SplitMetrics.model_validate(values | {"lift": metrics.mean - 0.5})

    assert metrics.lift == pytest.approx(metrics.mean - 0.55)
    assert (metrics.is_over_mean, earlier.is_over_mean) == (False, True)
    with pytest.raises(ValidationError, match="lift: expected mean - references"):
        SplitMetrics.model_validate(values | {"lift": metrics.mean - 0.52})


def test_a_summary_of_nan_is_refused(splits: Splits) -> None:
    splits["ood"].sums["cosine.0"][0] = np.nan

    with pytest.raises(ValidationError):
        summarise(splits["ood"], range(3), se=0.004, references={"mean": 0.55})


def test_the_same_record_gives_the_same_bytes_and_digest(
    build_record: Build, splits: Splits
) -> None:
    one, two = build_record(splits), build_record(splits)

    assert one.to_bytes() == two.to_bytes()
    assert Golden(one, splits).digest == Golden(two, splits).digest


def test_another_reason_gives_another_digest(build_record: Build, splits: Splits) -> None:
    other = build_record(splits, reason="new data")

    assert Golden(other, splits).digest != Golden(build_record(splits), splits).digest


def test_what_changes_together_stands_on_one_line(build_record: Build, splits: Splits) -> None:
    text = build_record(splits).to_bytes().decode()
    first = [line.strip().split(":")[0].strip('{"') for line in text.splitlines()]

    assert first == [
        "schema", "accepted", "versions", "metrics", "ood", "checks", "result", "config",
    ]  # fmt: skip
    whole = build_record(splits).model_dump(
        mode="json", by_alias=True, exclude={"profile", "recall", "course"}
    )
    assert {one.pop("better") for one in whole["metrics"]["cosine"].values()} == {"higher"}
    assert json.loads(text) == whole


def test_numbers_have_twelve_digits_so_that_equal_results_give_equal_bytes(
    build_record: Build, splits: Splits
) -> None:
    noisy = {**splits, "ood": replace(splits["ood"], sums=dict(splits["ood"].sums))}
    noisy["ood"].sums["cosine.0"] = splits["ood"].sums["cosine.0"] * (1 + 1e-15)

    assert build_record(noisy).to_bytes() == build_record(splits).to_bytes()


def test_a_profile_and_recall_have_their_place(build_record: Build, splits: Splits) -> None:
    more = {
        "profile": {"neighbour_cosine": {"ood": {"value": 0.61, "spread": 0.02}}},
        "recall": {"sq8": {"recall": 0.97, "se": 0.002}},
        "course": {"windows": 884, "mean": 0.591, "best": [[0.59, 0.61]] * 2 + [[0.592, 0.6105]]},
    }
    record = build_record(splits, **more)
    again = GoldenRecord.model_validate_json(record.to_bytes())

    assert again == record
    assert again.profile["neighbour_cosine"]["ood"].spread == 0.02
    assert again.recall["sq8"]["recall"] == 0.97
    assert again.course
    assert again.course.best[2] == (0.592, 0.6105)


def test_the_class_of_numerics_names_precision_instructions_and_library() -> None:
    machine = {"instructions": "AVX512", "torch_blas": "MKL", "threads": "4"}

    assert numerics_class(machine, {"training": {"precision": "bfloat16"}}) == (
        "bfloat16, AVX512, MKL"
    )
    assert numerics_class({}, {}) == "float32, unknown, unknown"


COURSE = {"windows": 884, "mean": 0.591}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"reason": "  "}, "reason"),
        ({"author": ""}, "author"),
        ({"created": "yesterday"}, "created"),
        ({"previous": "abc"}, "previous"),
        ({"seeds": [0, 1, 1]}, "seeds: expected different ones"),
        ({"checks": []}, "checks"),
        ({"digests": {"models": []}}, r"digests\.models: expected one for each of 3 seeds, got 0"),
        ({"seeds": [0, 1]}, "expected one for each of 2 seeds, got 3"),
        ({"metrics": {}}, "metrics: expected cosine, got"),
        ({"metrics": {"cosine": {}}}, "got no in_dist"),
        ({"tolerances": {"margin": 0.0, "alpha": 0.05, "why": "x"}}, "margin"),
        ({"mood": "good"}, "mood"),
        ({"recall": {"sq8": {"recall": "much"}}}, "recall"),
        ({"profile": {"x": 1}}, "profile"),
        (
            {"course": {**COURSE, "best": [[0.59, 0.61]] * 2}},
            r"course\.best: expected one for each",
        ),
        ({"course": {**COURSE, "best": [[0.6, 0.59]] * 3}}, "expected the best so far, got a fall"),
        ({"course": {**COURSE, "best": [[0.6], [0.6], [0.5, 0.6]]}}, "as many epochs of each seed"),
        ({"articles": "uuid"}, "articles"),
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


def test_a_cosine_above_one_is_refused(golden: Golden) -> None:
    values = golden.record.model_dump(mode="json", by_alias=True)
    found = values["metrics"]["cosine"]["ood"]
    found.update(mean=2.0, per_seed=[2.0] * 3, lift=2.0 - found["references"]["mean"])

    with pytest.raises(ValidationError, match=r"metrics\.cosine\.ood: expected cosines, got 2\.0"):
        GoldenRecord.model_validate(values)


def test_a_config_that_is_not_the_digested_one_is_refused(golden: Golden) -> None:
    values = golden.record.model_dump(mode="json", by_alias=True)
    values["config"]["training"]["epochs"] = 99

    with pytest.raises(ValidationError, match=r"config: expected the config of digests\.config"):
        GoldenRecord.model_validate(values)
