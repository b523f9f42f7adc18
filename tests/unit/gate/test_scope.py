"""What a verdict rests on, in every mode: read off the evidence, and said in the word."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import TYPE_CHECKING, Any

import pytest

from amn.gate.result import GateResult
from amn.gate.scope import DECLARED, Lack, Scope, scope_of, scope_of_items
from amn.verdict import VERDICTS, Outcome, Review, Status, Verdict, Waiver
from tests.whole import WHOLE

if TYPE_CHECKING:
    from collections.abc import Mapping

GOOD = Outcome("C002", "ood", Status.PASS)


def result(*outcomes: Outcome, made: Mapping[str, Any] = WHOLE) -> GateResult:
    found = outcomes or (GOOD,)
    return GateResult("toy", tuple(o.label for o in found), found, made)


def without(*parts: str) -> dict[str, Any]:
    return {part: value for part, value in WHOLE.items() if part not in parts}


def test_a_whole_gate_that_passes_is_pass_and_true() -> None:
    whole = result()

    assert (whole.word, whole.exit_code, bool(whole)) == ("PASS", 0, True)
    assert whole.verdict.exit_code(strict=True) == 0
    assert whole.scope.looked == ("data", "model", "record", "golden", "merge base")
    assert repr(whole) == "GateResult('toy': PASS, 1 check)"


@pytest.mark.parametrize(
    ("made", "why"),
    [
        (without("scanned"), "data not read"),
        (without("histories"), "no record of training"),
        (without("sides"), "golden not compared"),
        (without("review"), "no merge base"),
        (WHOLE | {"review": Review(note="no commit yet")}, "no merge base: no commit yet"),
        ({"summaries": {}, "review": WHOLE["review"]}, "scores only"),
        ({"scanned": ()}, "data only"),
        ({"histories": ()}, "record only"),
        ({"golden_folder": "x", "review": WHOLE["review"]}, "custody of the golden only"),
        ({}, "nothing looked at"),
    ],
)
def test_what_passes_with_less_is_partial_and_says_what_is_lacking(
    made: dict[str, Any], why: str
) -> None:
    partial = result(made=made)

    assert partial.word == f"PARTIAL ({why})"
    assert (partial.exit_code, bool(partial)) == (0, False)
    assert partial.verdict.exit_code(strict=True) == 4


@pytest.mark.parametrize("status", [s for s in Status if s not in (Status.PASS, Status.WARN)])
def test_what_does_not_pass_is_no_better_for_being_partial(status: Status) -> None:
    bad = replace(GOOD, status=status)
    whole, partial = result(bad), result(bad, made={})

    assert whole.verdict is partial.verdict
    assert whole.verdict not in (Verdict.PASS, Verdict.PARTIAL)
    assert not whole


def test_partial_is_worse_than_pass_and_better_than_any_other() -> None:
    assert VERDICTS[-2:] == (Verdict.PARTIAL, Verdict.PASS)
    assert set(VERDICTS) == set(Verdict)


def test_waived_and_approved_checks_are_in_the_word() -> None:
    waiver = Waiver("C002", "r", "o", date(2025, 1, 1), date(2025, 1, 9))
    waived = replace(GOOD, status=Status.WARN, waiver=str(waiver))
    approved = Outcome("G010", "not_loosened", Status.WARN, approval="C. Lead: agreed")

    assert result(waived).word == "PASS (1 waived)"
    assert result(waived, approved).word == "PASS (1 waived; approved by C. Lead: agreed)"
    assert result(waived, made={}).word == "PARTIAL (nothing looked at; 1 waived)"
    assert bool(result(waived)) is True


@pytest.mark.parametrize("scope", DECLARED)
def test_a_declared_scope_is_enough_for_what_it_names_and_for_nothing_else(scope: str) -> None:
    def of(*kinds: str) -> Scope:
        return Scope((), tuple(Lack(kind, kind) for kind in kinds), scope)

    assert of(*DECLARED[scope]).is_declared
    assert not of(*DECLARED[scope], "merge base").is_declared
    assert not of("golden").is_declared
    assert not replace(of(*DECLARED[scope]), declared="").is_declared
    assert not replace(of(*DECLARED[scope]), declared="whole").is_declared


def test_copies_of_one_run_are_one_seed() -> None:
    class Config:
        class training:  # noqa: N801 - stands for a section
            seeds = (0, 1, 2)

    class Brought:
        def __init__(self, digest: str) -> None:
            self.digest = digest

    case = type("Case", (), {"config": Config})
    made = {**WHOLE, "case": case, "candidates": [Brought("a"), Brought("a"), Brought("b")]}

    assert scope_of(made).why == "2 of 3 seeds"
    assert scope_of({**made, "asked": case}).lacks == ()  # a check counts them


def test_items_of_a_golden_without_a_course_lack_none() -> None:
    facts = [{"looked": ["data", "model", "golden", "merge base"], "without_course": True}]
    asks = [{**facts[0], "without_course": False}]

    assert scope_of_items(facts, 0, 1).lacks == ()
    assert [str(lack) for lack in scope_of_items(asks, 0, 1).lacks] == ["no record of training"]
