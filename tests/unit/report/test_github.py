from __future__ import annotations

from dataclasses import replace

import pytest

from amn.gate.result import GateResult
from amn.report.github import MOST, to_annotations
from amn.report.verdict import last_line
from amn.verdict import Finding, Outcome, Status
from tests.whole import WHOLE


def outcome(check: str, status: Status, *findings: Finding, detail: str = "") -> Outcome:
    return Outcome(check, "name", status, findings=findings, detail=detail)


def result(*outcomes: Outcome) -> GateResult:
    return GateResult(
        case="wiki-mini",
        declared=tuple(o.label for o in outcomes),
        outcomes=outcomes,
        made=WHOLE,
        reproduce="amn gate wiki-mini",
    )


FINDING = Finding("ood", "expected at least 0.6, got 0.57", "look")


@pytest.mark.parametrize(
    ("status", "level"),
    [
        (Status.FAIL, "error"),
        (Status.HARNESS, "error"),
        (Status.ERROR, "error"),
        (Status.WARN, "warning"),
        (Status.INCONCLUSIVE, "warning"),
    ],
)
def test_a_finding_is_an_annotation_of_its_case(status: Status, level: str) -> None:
    shown = result(outcome("C002", status, FINDING))

    first, last = to_annotations([shown]).splitlines()

    assert first == (
        f"::{level} file=golden/wiki-mini/case.toml,title=amn C002-name"
        "::ood: expected at least 0.6, got 0.57. Fix: look"
    )
    assert last == last_line(shown)


def test_what_passed_is_no_annotation() -> None:
    assert "::" not in to_annotations([result(outcome("C002", Status.PASS, FINDING))])


def test_what_did_not_run_is_no_annotation_beside_its_cause() -> None:
    shown = result(outcome("D001", Status.FAIL, FINDING), outcome("C002", Status.NOT_RUN))

    assert to_annotations([shown]).count("::error") == 1


@pytest.mark.parametrize("outcomes", [(), (outcome("C002", Status.NOT_RUN),)])
def test_a_blocking_verdict_is_an_annotation_when_no_check_says_why(
    outcomes: tuple[Outcome, ...],
) -> None:
    first, last = to_annotations([result(*outcomes)]).splitlines()

    assert first.startswith("::error file=golden/wiki-mini/case.toml,title=amn verdict::ERROR")
    assert last.startswith("ERROR: ")


def test_a_declared_check_without_an_outcome_is_an_annotation() -> None:
    shown = replace(result(outcome("C001", Status.PASS)), declared=("C001-name", "C002-ood"))

    first, last = to_annotations([shown]).splitlines()

    assert "title=amn C002-ood::C002-ood: expected the check to run, found no outcome" in first
    assert last.startswith("ERROR: 1 of 2 checks (C002 ood).")


def test_what_would_end_a_command_is_escaped() -> None:
    finding = Finding("a: b, c", "50% of\r\nrows\n::error::forged", "")
    shown = replace(result(outcome("C002", Status.FAIL, finding)), case="a,b:c%")

    first, _ = to_annotations([shown]).splitlines()

    assert first == (
        "::error file=golden/a%2Cb%3Ac%25/case.toml,title=amn C002-name"
        "::a: b, c: 50%25 of rows \\x3a:error::forged."
    )


def test_several_findings_are_lines_of_one_annotation() -> None:
    text = to_annotations([result(outcome("C002", Status.FAIL, FINDING, FINDING))])

    assert text.count("::error") == 1
    assert text.count("%0A") == 1


def test_the_detail_stands_in_for_findings() -> None:
    assert "::no interval" in to_annotations(
        [result(outcome("C002", Status.WARN, detail="no interval"))]
    )


def test_the_worst_comes_first_and_the_rest_is_counted() -> None:
    warnings = [outcome(f"D{i:03d}", Status.WARN, FINDING) for i in range(MOST + 2)]
    shown = result(*warnings, outcome("C002", Status.HARNESS, FINDING))

    lines = to_annotations([shown]).splitlines()

    assert "C002" in lines[0]
    assert len([line for line in lines if line.startswith("::")]) == MOST
    assert lines[-2] == "3 more in the log"
    assert lines[-1] == last_line(shown)


def test_the_worst_of_all_cases_comes_first_within_what_github_shows() -> None:
    warned = result(*(outcome(f"D{i:03d}", Status.WARN, FINDING) for i in range(MOST)))
    failed = result(outcome("C002", Status.FAIL, FINDING))

    lines = to_annotations([warned, failed]).splitlines()

    assert lines[0].startswith("::error ")
    assert len([line for line in lines if line.startswith("::")]) == MOST
    assert lines[MOST] == "1 more in the log"


def test_every_case_ends_with_its_verdict() -> None:
    lines = to_annotations([result(outcome("C001", Status.PASS))] * 2).splitlines()

    assert lines[:-1] == ["PASS: 1 of 1 check. Reproduce: amn gate wiki-mini"] * 2
    assert lines[-1] == "PASS: 2 of 2 cases"
