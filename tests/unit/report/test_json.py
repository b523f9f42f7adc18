from __future__ import annotations

import json
import math
from dataclasses import replace
from datetime import date
from typing import Any

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from amn.checks.comparison import Compared
from amn.evaluation.summary import Summary
from amn.gate.result import GateResult, RecordNote
from amn.report.json import json_schema, to_json
from amn.training.records.history import RunStatus
from amn.verdict import Finding, Loosening, Outcome, Review, Standing, Status, Verdict, Waiver
from tests.scores import interval

OUTCOME = Outcome(
    "C002",
    "ood",
    Status.FAIL,
    value="0.5701",
    limit=">= 0.6000",
    detail="0.55 ... 0.59",
    findings=(Finding("ood", "expected at least 0.6, got 0.5701", "look"),),
    number=0.5701,
    standing=Standing(0.55, 0.59, least=0.6),
    seconds=0.123456,
)
RESULT = GateResult(
    case="wiki-mini",
    declared=("C002-ood",),
    outcomes=(OUTCOME,),
    made={"summaries": {"ood": Summary(0.5701, (0.57,), references={"mean": 0.56})}},
    title="Wikipedia",
    reproduce="amn gate wiki-mini",
)


def scored(score: Summary) -> GateResult:
    return replace(RESULT, made={"summaries": {"ood": score}})


def test_a_result_becomes_this_document() -> None:
    assert json.loads(to_json([RESULT])) == {
        "schema": 2,
        "results": [
            {
                "case": "wiki-mini",
                "verdict": "FAIL",
                "word": "FAIL",
                "exit_code": 1,
                "scope": {
                    "looked": [],
                    "lacks": [{"kind": "scores", "why": "scores only"}],
                    "declared": "",
                    "is_declared": False,
                },
                "declared": ["C002-ood"],
                "facts": {
                    "title": "Wikipedia",
                    "scores": {
                        "ood": {"mean": 0.5701, "per_seed": [0.57], "references": {"mean": 0.56}}
                    },
                },
                "checks": [
                    {
                        "id": "C002",
                        "name": "ood",
                        "status": "FAIL",
                        "value": "0.5701",
                        "number": 0.5701,
                        "standing": {"low": 0.55, "high": 0.59, "least": 0.6, "most": None},
                        "limit": ">= 0.6000",
                        "detail": "0.55 ... 0.59",
                        "waiver": "",
                        "approval": "",
                        "seconds": 0.1235,
                        "findings": [
                            {
                                "where": "ood",
                                "message": "expected at least 0.6, got 0.5701",
                                "fix": "look",
                            }
                        ],
                    }
                ],
                "reproduce": "amn gate wiki-mini",
                "review": None,
                "waivers": [],
            }
        ],
        "alarms": None,
    }


def errors(text: str) -> list[str]:
    schema = json.loads(json_schema())
    jsonschema.Draft202012Validator.check_schema(schema)
    return [
        e.message for e in jsonschema.Draft202012Validator(schema).iter_errors(json.loads(text))
    ]


@pytest.mark.parametrize("status", list(Status))
def test_every_status_obeys_the_published_schema(status: Status) -> None:
    assert errors(to_json([replace(RESULT, outcomes=(replace(OUTCOME, status=status),))])) == []


def test_a_result_without_checks_or_intervals_obeys_the_published_schema() -> None:
    endless = replace(OUTCOME, standing=Standing(-math.inf, math.inf), number=math.nan)

    assert errors(to_json([GateResult("x", (), ()), replace(RESULT, outcomes=(endless,))])) == []


def test_a_review_and_waivers_obey_the_published_schema() -> None:
    day = date(2025, 1, 31)
    review = Review("main", "abc", loosenings=(Loosening("lowered a floor", "criteria.ood"),))
    waiver = Waiver("C002", "known", "A. Nonymous", created=day, expires=day)

    assert errors(to_json([replace(RESULT, review=review, waivers=(waiver,))])) == []


def test_the_published_schema_refuses_another_verdict() -> None:
    text = to_json([RESULT]).replace('"verdict": "FAIL"', '"verdict": "GREEN"')

    assert errors(text) == ["'GREEN' is not one of " + repr([v.value for v in Verdict])]


def test_numbers_that_json_cannot_hold_become_null() -> None:
    score = Summary(
        math.nan,
        (math.inf, 1.0),
        interval(math.nan, -math.inf, 0.5),
        {"d": -math.inf},
        interval(0.01, 0.0, math.inf),
    )
    (result,) = json.loads(to_json([scored(score)]))["results"]

    assert result["facts"]["scores"]["ood"] == {
        "mean": None,
        "per_seed": [None, 1.0],
        "low": None,
        "high": 0.5,
        "standard_error": 0.004,
        "articles": 60,
        "lift": {"mean": 0.01, "low": 0.0, "high": None},
        "references": {"d": None},
    }


def test_a_number_keeps_all_its_digits() -> None:
    value = math.nextafter(0.6, 0)
    (result,) = json.loads(to_json([scored(Summary(value))]))["results"]

    assert result["facts"]["scores"]["ood"]["mean"] == value


def test_scores_are_there_once_a_criterion_was_judged() -> None:
    waiting = replace(RESULT, outcomes=(replace(OUTCOME, status=Status.NOT_RUN),))

    assert "scores" in json.loads(to_json([RESULT]))["results"][0]["facts"]
    assert json.loads(to_json([waiting]))["results"][0]["facts"] == {"title": "Wikipedia"}


def test_a_record_says_what_it_came_to_and_what_nobody_read() -> None:
    note = RecordNote(
        (RunStatus.HARNESS, RunStatus.BELOW_FLOOR), "E005", stop_epoch=3, unread={"a": [1]}
    )
    (result,) = json.loads(to_json([GateResult("x", (), (), mode="record", record=note)]))[
        "results"
    ]

    assert result["facts"] == {
        "title": "",
        "mode": "record",
        "status": "HARNESS",
        "statuses": ["HARNESS", "BELOW_FLOOR"],
        "reason": "E005",
        "recorded_status": "",
        "stop_epoch": 3,
        "error": "",
        "unread": {"a": [1]},
    }


def test_a_result_without_any_check_is_an_error() -> None:
    document = json.loads(to_json([GateResult("x", (), ())]))

    assert document["results"][0]["verdict"] == "ERROR"
    assert document["results"][0]["exit_code"] == 3


VALUES = st.recursive(
    st.none() | st.booleans() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3)
    ),
    max_leaves=8,
)


@given(VALUES, st.lists(st.floats(), min_size=6, max_size=6))
@settings(deadline=None, derandomize=True, max_examples=50)
def test_any_figures_give_strict_json(unread: Any, figures: list[float]) -> None:
    mean, low, high, reference, number, p = figures

    def refuse(constant: str) -> None:
        raise AssertionError(constant)

    found = replace(
        OUTCOME,
        number=number,
        standing=Standing(low, high, least=mean),
        data=Compared("ood", 0.05, p),
    )
    shown = replace(
        scored(Summary(mean, (mean,), interval(mean, low, high), {"mean": reference})),
        outcomes=(found,),
        record=RecordNote((RunStatus.SUCCESS,), unread={"found": unread}),
    )
    text = to_json([shown])

    json.loads(text, parse_constant=refuse)


def test_outcomes_come_back_from_the_json_as_they_were(failed: GateResult) -> None:
    checks = json.loads(to_json([failed]))["results"][0]["checks"]

    assert tuple(Outcome.from_json(check) for check in checks) == failed.outcomes
