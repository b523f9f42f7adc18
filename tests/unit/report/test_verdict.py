from __future__ import annotations

from typing import Any

from amn.findings import GateResult, Status, Verdict
from amn.report.verdict import (
    MEANING,
    STATUS_ORDER,
    WORST_FIRST,
    complete,
    worst_first,
    worst_verdict,
)


def test_every_verdict_has_a_meaning_and_a_rank() -> None:
    assert set(MEANING) == set(WORST_FIRST) == set(Verdict)
    assert set(STATUS_ORDER) == set(Status)


def test_a_declared_check_without_an_outcome_becomes_an_error(make_result: Any) -> None:
    shown = make_result(declared=("C001-in_dist", "C002-ood"))

    assert [(o.label, o.status) for o in complete(shown)] == [
        ("C001-in_dist", Status.ERROR),
        ("C002-ood", Status.ERROR),
    ]


def test_an_outcome_that_nobody_declared_becomes_an_error(
    make_result: Any, make_outcome: Any
) -> None:
    shown = make_result(make_outcome("C001", Status.PASS), declared=())

    (outcome,) = complete(shown)

    assert outcome.status is Status.ERROR
    assert "not declared" in outcome.findings[0].message


def test_outcomes_of_one_status_stay_in_the_order_of_the_gate(
    failed: GateResult, make_outcome: Any
) -> None:
    later = make_outcome("E001", Status.FAIL)

    checks = [o.check for o in worst_first([*failed.outcomes, later])]

    assert checks == ["C002", "E001", "R002", "D009", "G001", "D001"]


def test_the_worst_case_decides(make_result: Any, make_outcome: Any) -> None:
    passed, broken = (make_result(make_outcome("C001", s)) for s in (Status.PASS, Status.HARNESS))

    assert worst_verdict([passed, broken]) is Verdict.HARNESS
    assert worst_verdict([]) is Verdict.ERROR
