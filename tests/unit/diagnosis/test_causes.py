"""The table of causes is whole: every check that can fail has one, every name in it is known."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from amn.checks.check import checks
from amn.diagnosis.causes import Sign, causes
from amn.diagnosis.figures import FIGURES
from amn.verdict import Outcome, Severity, Status

ASKED_FOR = {
    "loader", "order", "duplicates", "leak", "encoder", "dilution", "split", "dominant_term",
    "undeclared_term", "learning_rate", "context", "overfit", "no_skill",
}  # fmt: skip


def signs() -> list[Sign]:
    return [s for c in causes() for s in (*c.sign, *c.support, *c.against)]


def test_every_cause_of_the_earlier_work_is_there_once() -> None:
    ids = [cause.id for cause in causes()]

    assert set(ids) >= ASKED_FOR
    assert len(ids) == len(set(ids))


def test_every_check_that_can_fail_a_merge_raises_a_suspicion() -> None:
    severe = [c for c in checks().values() if c.severity in (Severity.FAIL, Severity.HARNESS)]
    failed = [Outcome(check.id, check.name, Status.FAIL) for check in severe]

    assert len(severe) > 50
    unexplained = [
        o.check for o in failed if not any(s.matches(o) for c in causes() for s in c.sign)
    ]
    assert unexplained == []


def test_every_check_that_a_sign_names_exists() -> None:
    known = set(checks()) | {check[0] for check in checks()}

    assert {check for sign in signs() for check in sign.checks} <= known


def test_every_figure_is_used_and_every_cause_says_what_to_do() -> None:
    assert {sign.figure for sign in signs() if sign.figure} == set(FIGURES)
    for cause in causes():
        assert cause.why.endswith(".")
        assert cause.experiment.endswith(".")
        assert cause.actions
        assert all(text.startswith("Do not ") for text in cause.avoid)
        assert cause.next


def test_a_sign_is_of_checks_or_of_a_known_figure_on_one_side() -> None:
    for wrong in (
        {},
        {"checks": ["D001"], "figure": "train_gap", "above": 0.1},
        {"figure": "train_gap"},
        {"figure": "train_gap", "above": 0.1, "below": 0.2},
        {"figure": "unknown", "above": 0.1},
    ):
        with pytest.raises(ValidationError, match="expected"):
            Sign(weight=1, says="x", **wrong)


def test_a_figure_that_is_no_number_is_on_neither_side() -> None:
    above = Sign(figure="train_gap", above=0.1, weight=1, says="x")
    below = Sign(figure="train_gap", below=0.1, weight=1, says="x")

    assert (above.holds(0.2), below.holds(0.2)) == (True, False)
    assert not above.holds(float("nan"))
    assert not below.holds(float("nan"))
