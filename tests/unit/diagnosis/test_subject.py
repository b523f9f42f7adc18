"""A gate's JSON, a record and a gate in memory say the same to a diagnosis."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from amn.diagnosis.diagnosis import Diagnosis
from amn.diagnosis.figures import record_figures, score_figures
from amn.diagnosis.subject import of_record, of_result, read_results
from amn.errors import DataError
from amn.findings import Finding, Outcome, Status
from amn.gate.result import GateResult
from amn.gate.records import ABORT_PROFILES, judge_records
from amn.records.history import EpochFigures, RunHistory
from amn.report.json import to_json

if TYPE_CHECKING:
    from pathlib import Path

FACTS = {
    "scores": {
        "in_dist": {"mean": 0.61, "lift": {"mean": 0.02}, "references": {"mean": 0.59}},
        "ood": {"mean": 0.5, "lift": {"mean": -0.03}, "references": {"mean": 0.53}},
    }
}
FAILED = Outcome("C002", "ood", Status.FAIL, "0.5", findings=(Finding("ood", "expected 0.6"),))
RESULT = GateResult("wiki", ("C002-ood",), (FAILED,), FACTS, "amn gate wiki")


def test_a_gate_reads_the_same_from_its_json(tmp_path: Path) -> None:
    path = tmp_path / "verdict.json"
    path.write_text(to_json([RESULT]))
    found = read_results(path)

    assert found is not None
    assert Diagnosis(of_result(found[0])).to_json() == Diagnosis(of_result(RESULT)).to_json()
    assert of_result(RESULT).verdict == "FAIL"
    assert of_result(RESULT).lift == -0.03
    assert of_result(RESULT).figures == {"mean_cosine": 0.53}


def test_json_of_something_else_is_left_to_the_readers_of_records(tmp_path: Path) -> None:
    for text in ('{"history": []}', "[1]", "{", ""):
        (tmp_path / "a.json").write_text(text)
        assert read_results(tmp_path / "a.json") is None


@pytest.mark.parametrize(
    ("document", "message"),
    [
        ({"schema": 2, "results": []}, "expected schema 1, got 2"),
        ({"schema": 1, "results": [{"case": "x"}]}, "expected results of a gate, got: KeyError"),
        ({"schema": 1, "results": 3}, "expected results of a gate, got: TypeError"),
    ],
)
def test_a_damaged_verdict_is_refused(tmp_path: Path, document: object, message: str) -> None:
    path = tmp_path / "verdict.json"
    path.write_text(json.dumps(document))

    with pytest.raises(DataError, match=message):
        read_results(path)


def test_the_figures_of_a_record_are_its_own() -> None:
    lines = [(1, 0.50, 0.50), (2, 0.58, 0.55), (3, 0.66, 0.52)]
    epochs = tuple(EpochFigures(epoch=n, train_cosine=t, val_cosine=v) for n, t, v in lines)
    figures = record_figures([RunHistory(name="x", epochs=epochs), RunHistory(name="empty")])

    assert figures == pytest.approx({"fall_after_best": 0.03, "train_gap": 0.14})
    assert record_figures([]) == score_figures({}) == {}


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
