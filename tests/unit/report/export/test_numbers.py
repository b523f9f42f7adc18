from __future__ import annotations

import json
import math
from dataclasses import replace
from typing import TYPE_CHECKING

import jsonschema
import pytest

from amn.evaluation.summary import Summary
from amn.gate.result import GateResult
from amn.report.export.curves import points
from amn.report.export.numbers import numbers, to_bencher, to_benchmark_action, to_dvc

if TYPE_CHECKING:
    from collections.abc import Callable

BENCHER = {  # https://bencher.dev/bmf.json
    "type": "object",
    "patternProperties": {
        ".+": {
            "type": "object",
            "patternProperties": {
                ".+": {
                    "type": "object",
                    "properties": {
                        "value": {"type": "number"},
                        "lower_value": {"type": "number"},
                        "upper_value": {"type": "number"},
                    },
                    "required": ["value"],
                }
            },
        }
    },
}


def test_every_finite_score_and_lift_is_a_number(scored: GateResult) -> None:
    found = [(n.split, n.measure, n.value, n.low, n.high) for n in numbers(scored)]

    assert found == [
        ("in_dist", "cosine", 0.62, None, None),
        ("ood", "cosine", 0.61, 0.6, 0.63),
        ("ood", "lift", 0.02, 0.01, None),
    ]


def test_what_is_not_finite_is_no_number(scored: GateResult) -> None:
    scores = {"ood": Summary(math.nan), "in_dist": Summary.of_score(None)}

    assert list(numbers(replace(scored, made={"summaries": scores}))) == []
    assert list(numbers(GateResult("x", (), ()))) == []


def test_bencher_reads_values_with_their_intervals(scored: GateResult) -> None:
    document = json.loads(to_bencher([scored]))

    jsonschema.validate(document, BENCHER)
    assert document["toy/ood"] == {
        "cosine": {"value": 0.61, "lower_value": 0.6, "upper_value": 0.63},
        "lift": {"value": 0.02, "lower_value": 0.01},
    }
    assert document["toy/in_dist"] == {"cosine": {"value": 0.62}}


def test_github_action_benchmark_reads_a_list(scored: GateResult) -> None:
    items = json.loads(to_benchmark_action([scored]))

    assert items[1] == {
        "name": "toy/ood/cosine",
        "unit": "cosine",
        "value": 0.61,
        "range": "± 0.0150",
        "extra": "PASS\namn gate toy",
    }
    assert len({item["name"] for item in items}) == 3


def test_dvc_reads_a_tree_by_case_and_split(scored: GateResult) -> None:
    assert json.loads(to_dvc([scored])) == {
        "toy": {
            "verdict": "PASS",
            "in_dist": {"cosine": 0.62},
            "ood": {"cosine": 0.61, "lift": 0.02},
        }
    }


def test_a_course_has_a_point_for_every_finite_number(
    trained: Callable[[float], GateResult],
) -> None:
    record = trained(math.nan).candidates[0].record
    assert record is not None

    found = {(p.name, p.epoch): (p.value, p.seconds) for p in points(record)}

    assert found["val_cosine", 2] == (pytest.approx(0.6), 4.0)
    assert found["terms/cosine", 1] == (0.5, 2.0)
    assert ("train_loss", 2) not in found
