from __future__ import annotations

from itertools import combinations_with_replacement

import pytest

from amn.gate.result import GateResult
from amn.verdict import EXECUTED, STATUS_OF, Finding, Outcome, Severity, Status, Verdict, judge


def outcome(check: str, status: Status) -> Outcome:
    return Outcome(check, "name", status)


def judge_all(*statuses: Status) -> Verdict:
    outcomes = [outcome(f"X{i:03d}", status) for i, status in enumerate(statuses)]
    return judge([o.label for o in outcomes], outcomes)


@pytest.mark.parametrize(
    ("statuses", "verdict"),
    [
        ((Status.PASS,), Verdict.PASS),
        ((Status.PASS, Status.WARN), Verdict.PASS),
        ((Status.WARN, Status.INCONCLUSIVE), Verdict.INCONCLUSIVE),
        ((Status.INCONCLUSIVE, Status.FAIL), Verdict.FAIL),
        ((Status.INCONCLUSIVE, Status.LOOSENED), Verdict.LOOSENED),
        ((Status.LOOSENED, Status.FAIL), Verdict.FAIL),
        ((Status.LOOSENED, Status.NOT_RUN), Verdict.ERROR),
        ((Status.FAIL, Status.NOT_RUN), Verdict.FAIL),
        ((Status.FAIL, Status.HARNESS), Verdict.HARNESS),
        ((Status.HARNESS, Status.NOT_RUN), Verdict.HARNESS),
        ((Status.HARNESS, Status.ERROR), Verdict.ERROR),
        ((Status.FAIL, Status.ERROR), Verdict.ERROR),
        ((Status.PASS, Status.NOT_RUN), Verdict.ERROR),
        ((Status.INCONCLUSIVE, Status.NOT_RUN), Verdict.ERROR),
    ],
)
def test_the_worst_outcome_decides(statuses: tuple[Status, ...], verdict: Verdict) -> None:
    assert judge_all(*statuses) is verdict
    assert judge_all(*reversed(statuses)) is verdict


def test_nothing_but_outcomes_that_ran_and_held_is_a_pass() -> None:
    harmless = {Status.PASS, Status.WARN}
    seen = 0
    for n in (1, 2, 3):
        for statuses in combinations_with_replacement(Status, n):
            seen += 1
            assert (judge_all(*statuses) is Verdict.PASS) == (set(statuses) <= harmless)
    assert seen == 8 + 36 + 120


def test_nothing_declared_is_an_error() -> None:
    assert judge([], []) is Verdict.ERROR


def test_a_declared_check_without_an_outcome_is_an_error() -> None:
    assert judge(["X001-name", "X002-name"], [outcome("X001", Status.PASS)]) is Verdict.ERROR


def test_an_outcome_that_nobody_declared_is_an_error() -> None:
    both = [outcome("X001", Status.PASS), outcome("X002", Status.PASS)]

    assert judge(["X001-name"], both) is Verdict.ERROR


def test_one_outcome_twice_does_not_stand_for_two_checks() -> None:
    twice = [outcome("X001", Status.PASS)] * 2

    assert judge(["X001-name", "X002-name"], twice) is Verdict.ERROR
    assert judge(["X001-name"], twice) is Verdict.ERROR


@pytest.mark.parametrize(
    ("verdict", "code", "strict"),
    [
        (Verdict.PASS, 0, 0),
        (Verdict.FAIL, 1, 1),
        (Verdict.INCONCLUSIVE, 0, 4),
        (Verdict.HARNESS, 3, 3),
        (Verdict.ERROR, 3, 3),
    ],
)
def test_a_verdict_has_an_exit_code(verdict: Verdict, code: int, strict: int) -> None:
    assert verdict.exit_code() == code
    assert verdict.exit_code(strict=True) == strict


def test_every_severity_has_a_status_and_the_worse_one_is_greater() -> None:
    assert set(STATUS_OF) == set(Severity)
    assert max(Severity) is Severity.HARNESS
    assert set(Status) - EXECUTED == {Status.NOT_RUN, Status.ERROR}


@pytest.mark.parametrize("status", Status)
def test_only_a_held_or_undecided_check_has_not_failed(status: Status) -> None:
    held = {Status.PASS, Status.WARN, Status.INCONCLUSIVE}

    assert outcome("X001", status).has_failed == (status not in held)


def test_a_finding_reads_where_what_fix() -> None:
    assert str(Finding("row 3", "expected 1, got 2", "amn data import")) == (
        "row 3: expected 1, got 2. Fix: amn data import"
    )
    assert str(Finding("row 3", "expected 1, got 2")) == "row 3: expected 1, got 2."


def test_a_result_judges_its_own_outcomes() -> None:
    result = GateResult("wiki", ("X001-name",), (outcome("X001", Status.FAIL),))

    assert result.verdict is Verdict.FAIL
    assert result.outcomes[0].label == "X001-name"


@pytest.mark.parametrize("strict", [False, True])
def test_a_loosened_gate_exits_with_5(strict: bool) -> None:  # noqa: FBT001 - a parameter
    assert Verdict.LOOSENED.exit_code(strict=strict) == 5
