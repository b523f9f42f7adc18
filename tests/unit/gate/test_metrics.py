from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Any

import pytest

from amn.errors import ConfigError
from amn.training.records.metrics import read_metrics

if TYPE_CHECKING:
    from pathlib import Path


def write(folder: Path, content: Any) -> Path:
    path = folder / "metrics.json"
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return path


def test_scores_are_read_unrounded(tmp_path: Path) -> None:
    value = math.nextafter(0.6, 0)
    got = read_metrics(write(tmp_path, {"name": "790k", "in_dist": 0.5597, "ood": value})).summaries

    assert got["in_dist"].mean == 0.5597
    assert got["ood"].mean == value
    assert got["ood"].per_seed == (value,)
    assert got["ood"].interval is None
    assert got["ood"].lift is None


@pytest.mark.parametrize("content", [{"in_dist": 0.2675}, {"in_dist": 0.2675, "ood": None}])
def test_a_score_that_was_not_measured_is_none_and_not_zero(tmp_path: Path, content: Any) -> None:
    got = read_metrics(write(tmp_path, content)).summaries

    assert math.isnan(got["ood"].mean)
    assert got["ood"].per_seed == ()


def test_a_score_that_is_not_a_number_was_measured_and_stays_one(tmp_path: Path) -> None:
    got = read_metrics(write(tmp_path, '{"in_dist": NaN}')).summaries["in_dist"]

    assert math.isnan(got.mean)
    assert len(got.per_seed) == 1


def test_a_score_of_zero_was_measured(tmp_path: Path) -> None:
    assert read_metrics(write(tmp_path, {"ood": 0.0})).summaries["ood"].per_seed == (0.0,)


def test_reference_predictors_are_read_for_their_split(tmp_path: Path) -> None:
    content = {"in_dist": 0.5, "ood": 0.5, "references": {"ood": {"constant": 0.2}}}
    got = read_metrics(write(tmp_path, content)).summaries

    assert got["ood"].references == {"constant": 0.2}
    assert got["in_dist"].references == {}


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ({"in_dist": 55.97}, "expected a cosine in -1 ... 1, got 55.97"),
        ({"in_dist": -1.5}, "expected a cosine in -1 ... 1, got -1.5"),
        ('{"in_dist": Infinity}', "expected a cosine in -1 ... 1, got inf"),
        ({"in_dist": 0.5, "odd": 0.6}, "odd: expected no such key"),
        ({"in_dist": "high"}, "in_dist: expected a valid number"),
        ({"references": {"ood": {"mean": 7}}}, "expected a cosine in -1 ... 1, got 7"),
        ("[0.5, 0.6]", "expected a valid dictionary"),
        ("0.5", "expected a valid dictionary"),
        ("", "expected JSON, got"),
        ("{'in_dist': 0.5}", "expected JSON, got"),
    ],
)
def test_what_is_no_metrics_file_is_refused(tmp_path: Path, content: Any, problem: str) -> None:
    with pytest.raises(ConfigError) as caught:
        read_metrics(write(tmp_path, content))

    assert any(problem in p for p in caught.value.problems), caught.value.problems
    assert caught.value.path.name == "metrics.json"


def test_every_problem_is_listed_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        read_metrics(write(tmp_path, {"in_dist": 2, "ood": 3, "odd": 1}))

    (line,) = caught.value.problems
    assert line.startswith(
        "in_dist: expected a cosine in -1 ... 1, got 2.0; ood: expected a cosine in -1 ... 1, "
        "got 3.0; odd: expected no such key, got 1. Fix: write "
    )


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="expected a metrics file, got none"):
        read_metrics(tmp_path / "absent.json")
