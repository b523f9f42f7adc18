"""The first screen of every form: what failed, by how much, the likely cause, what to do."""

from __future__ import annotations

import io
import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from rich.console import Console

from amn.diagnosis.diagnosis import Diagnosis
from amn.diagnosis.subject import of_result
from amn.report.markdown import to_comment
from amn.report.page.html import to_html
from amn.report.text import print_result
from amn.report.why import MOST_NUMBERS, OF_RUN, meaning, why
from amn.training.records.history import RunStatus
from amn.verdict import Finding, Loosening, Review, Status, Verdict

if TYPE_CHECKING:
    from amn.gate.result import GateResult

EPOCHS = Finding("training.epochs", "golden 15, now 1")


@pytest.fixture
def worse(make_result: Any, make_outcome: Any) -> GateResult:
    """A result that a changed setting made worse."""
    below = Finding("ood", "expected at least 0.6, got 0.57", "more data")
    shown = make_result(
        make_outcome("D021", Status.PASS, value="0.1", limit="<= 8%"),
        make_outcome("C001", Status.FAIL, below, value="0.5801", limit=">= 0.6000"),
        make_outcome("C002", Status.FAIL, below, value="0.5701", limit=">= 0.6000"),
        make_outcome("C101", Status.FAIL, below, value="0.1", limit="<= 0.05"),
        make_outcome("G007", Status.WARN, EPOCHS, value="1 change", limit="none"),
        make_outcome("G012", Status.FAIL, value="-0.02", limit=">= -0.01"),
        title="Wikipedia",
    )
    assert shown.verdict is Verdict.FAIL
    return shown


def printed(shown: GateResult) -> list[str]:
    text = io.StringIO()
    print_result(shown, Console(file=text, width=80, highlight=False, color_system=None))
    return text.getvalue().splitlines()


def test_the_first_eight_lines_of_a_terminal_say_it_all(worse: GateResult) -> None:
    assert printed(worse)[:8] == [
        "wiki-mini  Wikipedia",
        "FAIL: a floor or limit is missed; the golden cannot be relied on",
        "  C001 name     0.5801, expected >= 0.6000",
        "  C002 name     0.5701, expected >= 0.6000",
        "  G012 name     -0.02, expected >= -0.01",
        "  and 1 more    C101",
        "  likely cause  training.epochs: golden 15, now 1",
        "  do            undo that, then: amn gate wiki-mini",
    ]


def test_the_first_eight_lines_of_a_comment_say_the_same(worse: GateResult) -> None:
    marker, *lines = filter(None, to_comment([worse]).splitlines())

    assert marker.startswith("<!--")
    assert lines[0] == "## ❌ FAIL: wiki-mini"
    assert lines[1] == (
        "**This change must not be merged: a floor or limit is missed; the golden cannot be relied "
        "on.**"
    )
    assert lines[2] == "- C001 name: 0.5801, expected &gt;= 0.6000"
    assert lines[6] == "- likely cause: training.epochs: golden 15, now 1"
    assert lines[7] == "- do: undo that, then: amn gate wiki-mini"


def test_the_head_of_a_page_says_the_same(worse: GateResult) -> None:
    head = re.sub(r"<[^>]+>", "", to_html([worse]).partition("</header>")[0].partition("<main")[2])

    for words in (meaning(worse), "0.5701, expected &gt;= 0.6000", "training.epochs: golden 15"):
        assert words in head


def test_a_diagnosis_looks_first_at_what_changed(worse: GateResult) -> None:
    diagnosis = Diagnosis(of_result(worse))

    assert diagnosis.likely == "training.epochs: golden 15, now 1"
    assert diagnosis.decision == (
        "Not the golden's: training.epochs: golden 15, now 1. What to do: undo that, then: amn "
        "gate wiki-mini"
    )


def test_data_that_are_others_stand_before_settings(make_result: Any, make_outcome: Any) -> None:
    others = Finding("train", "expected the accepted vectors, got others in 3: 4, 5, 6")
    shown = make_result(
        make_outcome("C002", Status.FAIL, value="0.5"),
        make_outcome("G007", Status.WARN, EPOCHS),
        make_outcome("G021", Status.INCONCLUSIVE, others, value="3 of 9 articles", number=3.0),
    )

    found = why(shown)
    assert found is not None
    assert found.cause == (
        "data: 3 of 9 articles are not the golden's; training.epochs: golden 15, now 1"
    )


def test_a_line_that_is_too_long_ends_with_a_whole_clause(
    make_result: Any, make_outcome: Any
) -> None:
    places = ", ".join(f"wiki/{i} (Title {i}) (-0.09{i})" for i in range(3))
    fix = f"look at articles {places}: broad shift: 18 of 18 articles are worse (sign test p 4e-06)"
    found = why(
        make_result(make_outcome("G001", Status.FAIL, Finding("ood", "worse", fix * 2), value="-1"))
    )

    assert found is not None
    assert found.do == f"look at articles {places}: broad shift: 18 of 18 articles are worse…"


def test_broken_data_explain_themselves_whatever_changed(
    make_result: Any, make_outcome: Any
) -> None:
    cut = Finding("vectors-00000.npy row 7", "expected finite numbers, got nan", "amn data build")
    shown = make_result(
        make_outcome("D001", Status.FAIL, cut, value="1 of 9 rows", limit="0 rows"),
        make_outcome("G007", Status.WARN, EPOCHS),
        make_outcome("C002", Status.NOT_RUN, detail="not run: D001-name failed first"),
    )

    found = why(shown)
    assert found is not None
    assert found.what == "the data are broken"
    assert found.numbers == (
        ("D001 name", "1 of 9 rows, expected 0 rows (vectors-00000.npy row 7)"),
    )
    assert found.cause.startswith("The data set is damaged")
    assert found.do == "amn data build"


@pytest.mark.parametrize(
    ("check", "status", "what"),
    [
        ("I003", Status.FAIL, "the index is broken"),
        ("S001", Status.FAIL, "the split is not sound"),
        ("W001", Status.FAIL, "the windows are not whole"),
        ("C004", Status.FAIL, "no better than a reference predictor"),
        ("G008", Status.FAIL, "the golden cannot be relied on"),
        ("R016", Status.FAIL, "worse than the golden"),
        ("G004", Status.HARNESS, "nothing can be compared with the golden"),
        ("G010", Status.LOOSENED, "the change loosens what it is judged by"),
        ("E007", Status.HARNESS, "the measurement is broken"),
        ("D003", Status.ERROR, "a check could not run"),
        ("X001", Status.FAIL, "a floor or limit is missed"),
    ],
)
def test_what_failed_is_named_for_what_it_is(
    check: str, status: Status, what: str, make_result: Any, make_outcome: Any
) -> None:
    found = why(make_result(make_outcome(check, status, value="1", limit="0")))

    assert found is not None
    assert found.what == what


def test_what_breaks_the_measurement_stands_before_what_it_then_shows(
    make_result: Any, make_outcome: Any
) -> None:
    class_ = "load the checkpoint with the class that trained it"
    lost = Finding("ood", "expected above the constant, got 0.01", class_)
    same = Finding("ood", "expected answers that differ", "lower training.lr")
    shown = make_result(
        make_outcome("M009", Status.FAIL, same, value="21%", limit=">= 25%"),
        make_outcome("E005", Status.HARNESS, lost, value="0.01", limit="> constant"),
        make_outcome("C002", Status.FAIL, value="0.01", limit=">= 0.6"),
    )

    found = why(shown)

    assert found is not None
    assert found.numbers[0] == ("E005 name", "0.01, expected > constant")
    assert found.cause.startswith("Loader or class mismatch")
    assert found.do == class_


def test_every_status_of_a_run_has_words() -> None:
    assert set(OF_RUN) == set(RunStatus)


def test_what_is_undecided_is_named_and_what_is_loosened_is_listed(
    make_result: Any, make_outcome: Any
) -> None:
    undecided = make_result(make_outcome("G001", Status.INCONCLUSIVE, value="-0.01", limit="0"))
    floors = tuple(Loosening("lowered a floor", f"case.toml {n}", "0.6", "0.5") for n in "abcd")
    loosened = make_result(
        make_outcome("G010", Status.LOOSENED),
        review=Review(target="main", base="a" * 40, loosenings=floors),
    )

    one, other = why(undecided), why(loosened)

    assert one is not None
    assert other is not None
    assert (one.what, one.numbers) == (
        "the data cannot decide", (("G001 name", "-0.01, expected 0"),),
    )  # fmt: skip
    assert other.what == "this change lowered a floor"
    assert other.numbers[0] == ("case.toml a", "0.6 -> 0.5")
    assert (len(other.numbers), other.more) == (MOST_NUMBERS, ("case.toml d",))


def test_one_error_that_keeps_many_checks_from_running_is_said_once(
    make_result: Any, make_outcome: Any
) -> None:
    lost = "could not run: m.onnx: expected a model, got 0 bytes. Fix: export it again"
    checks = ("M002", "M003", "E001", "C001")
    shown = make_result(*(make_outcome(c, Status.ERROR, Finding(c, lost)) for c in checks))

    found = why(shown)

    assert found is not None
    assert found.numbers == (
        ("M002 name", "m.onnx: expected a model, got 0 bytes. Fix: export it again"),
    )
    assert (found.more, found.cause, found.do) == (checks[1:], "", "export it again")


def test_of_a_fix_that_does_not_fit_nothing_is_shown_beside_the_number(
    make_result: Any, make_outcome: Any
) -> None:
    lost = f"could not run: m.onnx: expected a model, got 0 bytes. Fix: {'export it again ' * 20}"

    found = why(make_result(make_outcome("M002", Status.ERROR, Finding("M002", lost))))

    assert found is not None
    assert found.numbers == (("M002 name", "m.onnx: expected a model, got 0 bytes"),)


def test_what_passes_has_no_such_screen(make_result: Any, make_outcome: Any) -> None:
    passing = make_result(make_outcome("D001", Status.PASS))

    assert why(passing) is None
    assert why(replace(passing, made={})) is None  # PARTIAL
    assert printed(passing)[:2] == ["wiki-mini  ", ""]
