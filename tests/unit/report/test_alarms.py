from __future__ import annotations

import io
import json

import pytest
from rich.console import Console

from amn.checks.comparison import Compared
from amn.gate.result import GateResult
from amn.report.github import to_annotations
from amn.report.json import to_json
from amn.report.markdown import to_markdown
from amn.report.page.html import to_html
from amn.report.text import print_results
from amn.report.verdict import alarms_of
from amn.verdict import Outcome, Status
from tests.whole import WHOLE


def case(name: str, *, alpha: float = 0.05, **p: float | None) -> GateResult:
    """A case whose comparisons have these p; None is no alarm."""
    outcomes = tuple(
        Outcome(
            check,
            "x",
            Status.PASS if value is None else Status.FAIL,
            data=Compared(check, alpha, value),
        )
        for check, value in p.items()
    )
    return GateResult(name, tuple(o.label for o in outcomes), outcomes, WHOLE)


CLEAR, CHANCE, FINE = (
    case("clear", G001=0.0005, G002=None),
    case("chance", G001=None, G002=0.02),
    case("fine", G001=None, G002=None),
)


def test_an_alarm_that_many_comparisons_explain_is_told_from_one_that_they_do_not() -> None:
    alarms = alarms_of([CLEAR, CHANCE, FINE])

    assert alarms is not None
    assert (alarms.standing, alarms.doubtful) == (("clear G001",), ("chance G002",))
    assert str(alarms) == (
        "1 of 2 alarms survives Holm at 5 % over the 6 comparisons of this run (clear G001); "
        "chance G002 may be chance among so many, and fails by its own case all the same"
    )


def test_the_same_alarm_stands_beside_fewer_comparisons() -> None:
    alarms = alarms_of([case("a", G001=0.02), case("b", G001=None)])

    assert alarms is not None
    assert alarms.standing == ("a G001",)


def test_cases_of_one_name_in_two_folders_are_two() -> None:
    alarms = alarms_of([case("a", G001=0.0005, G002=None)] * 2)

    assert alarms is not None
    assert alarms.comparisons == 4
    assert alarms.standing == ("a G001", "a G001")


def test_the_smallest_alpha_of_the_cases_holds_for_all() -> None:
    alarms = alarms_of([case("a", G001=0.01), case("b", alpha=0.01, G001=None)])

    assert alarms is not None
    assert alarms.doubtful == ("a G001",)
    assert "Holm at 1 %" in str(alarms)


@pytest.mark.parametrize("results", [[CLEAR], [FINE, FINE], [case("a"), case("b")], []])
def test_one_case_and_cases_without_alarms_need_no_note(results: list[GateResult]) -> None:
    assert alarms_of(results) is None
    assert json.loads(to_json(results))["alarms"] is None


def test_every_form_has_the_note_and_no_fail_becomes_a_pass() -> None:
    results = [CLEAR, CHANCE, FINE]
    out = io.StringIO()
    print_results(results, Console(file=out, width=300, color_system=None))
    forms = [
        out.getvalue(),
        to_annotations(results),
        to_markdown(results),
        to_html(results),
    ]

    for form in forms:
        assert "1 of 2 alarms survives Holm at 5 % over the 6 comparisons of this run" in form
        assert "FAIL: 2 of 3 cases" in form
    assert forms[0].endswith("\nFAIL: 2 of 3 cases (FAIL clear, FAIL chance)\n")
    assert json.loads(to_json(results))["alarms"] == {
        "comparisons": 6,
        "alpha": 0.05,
        "standing": ["clear G001"],
        "doubtful": ["chance G002"],
    }


def test_one_case_ends_with_its_own_line() -> None:
    out = io.StringIO()

    print_results([FINE], Console(file=out, width=100, color_system=None))

    assert out.getvalue().endswith("\nPASS: 2 of 2 checks. Reproduce:\n")


def test_the_last_line_of_cases_that_all_pass_says_so() -> None:
    assert to_annotations([FINE, FINE]).endswith("\nPASS: 2 of 2 cases")
