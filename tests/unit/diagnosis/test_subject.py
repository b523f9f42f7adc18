"""A gate's JSON, a record and a gate in memory say the same to a diagnosis."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from amn.diagnosis.diagnosis import Diagnosis
from amn.diagnosis.figures import record_figures
from amn.diagnosis.records import ABORT_PROFILES, judge_records
from amn.diagnosis.subject import of_record, of_result, read_subjects
from amn.errors import DataError
from amn.evaluation.summary import Summary
from amn.gate.result import GateResult
from amn.report.json import to_json
from amn.training.records.history import EpochFigures, RunHistory
from amn.verdict import Finding, Outcome, Status
from tests.scores import interval

if TYPE_CHECKING:
    from pathlib import Path

SCORES = {
    "in_dist": Summary(0.61, references={"mean": 0.59}, lift=interval(0.02, 0.01, 0.03)),
    "ood": Summary(0.5, references={"mean": 0.53}, lift=interval(-0.03, -0.04, -0.02)),
}
FAILED = Outcome("C002", "ood", Status.FAIL, "0.5", findings=(Finding("ood", "expected 0.6"),))
RESULT = GateResult(
    "wiki", ("C002-ood",), (FAILED,), {"summaries": SCORES}, reproduce="amn gate wiki"
)


def test_a_gate_reads_the_same_from_its_json(tmp_path: Path) -> None:
    path = tmp_path / "verdict.json"
    path.write_text(to_json([RESULT]))
    found = read_subjects(path)

    assert found is not None
    assert Diagnosis(found[0]).to_json() == Diagnosis(of_result(RESULT)).to_json()
    assert of_result(RESULT).verdict == "FAIL"
    assert of_result(RESULT).lift == -0.03
    assert of_result(RESULT).figures == {"mean_cosine": 0.53}


def test_json_of_something_else_is_left_to_the_readers_of_records(tmp_path: Path) -> None:
    for text in ('{"history": []}', "[1]", "{", ""):
        (tmp_path / "a.json").write_text(text)
        assert read_subjects(tmp_path / "a.json") is None


@pytest.mark.parametrize(
    ("document", "message"),
    [
        ({"schema": 1, "results": []}, "expected schema 2, got 1"),
        ({"schema": 2, "results": [{"case": "x"}]}, "expected results of a gate, got: KeyError"),
        ({"schema": 2, "results": 3}, "expected results of a gate, got: TypeError"),
    ],
)
def test_a_damaged_verdict_is_refused(tmp_path: Path, document: object, message: str) -> None:
    path = tmp_path / "verdict.json"
    path.write_text(json.dumps(document))

    with pytest.raises(DataError, match=message):
        read_subjects(path)


def test_the_figures_of_a_record_are_its_own() -> None:
    lines = [(1, 0.50, 0.50), (2, 0.58, 0.55), (3, 0.66, 0.52)]
    epochs = tuple(EpochFigures(epoch=n, train_cosine=t, val_cosine=v) for n, t, v in lines)
    figures = record_figures([RunHistory(name="x", epochs=epochs), RunHistory(name="empty")])

    assert figures == pytest.approx({"fall_after_best": 0.03, "train_gap": 0.14})
    assert record_figures([]) == {}


def test_what_was_not_measured_is_no_figure(tmp_path: Path) -> None:
    scores = {"in_dist": Summary.of_score(0.61, {"constant": 0.2}), "ood": Summary.of_score(None)}
    result = replace(RESULT, made={"summaries": scores})
    (tmp_path / "verdict.json").write_text(to_json([result]))
    found = read_subjects(tmp_path / "verdict.json")

    assert found is not None
    for subject in (of_result(result), *found):
        assert subject.scores == {"in_dist": 0.61}
        assert (subject.lift, subject.figures) == (None, {})


def test_over_fitting_is_read_from_the_course_of_training(tmp_path: Path) -> None:
    lines = [
        {"epoch": i, "train_cosine": 0.5 + 0.02 * i, "val_cosine": 0.55 - 0.003 * i}
        for i in range(1, 14)
    ]
    (tmp_path / "a.json").write_text(json.dumps(lines))
    subject = of_record(
        judge_records([tmp_path], ABORT_PROFILES["calibrated"])[0], "amn diagnose a"
    )

    assert not subject.is_healthy
    assert Diagnosis(subject).causes[0].cause.id == "overfit"


def test_an_unreadable_record_is_a_check_that_could_not_look(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text("{")
    subject = of_record(
        judge_records([tmp_path], ABORT_PROFILES["calibrated"])[0], "amn diagnose a"
    )

    assert subject.verdict == "UNREADABLE"
    assert [found.cause.id for found in Diagnosis(subject).causes] == ["not_looked"]


def test_nothing_looked_at_is_not_healthy() -> None:
    assert not of_result(GateResult("x", (), ())).is_healthy
