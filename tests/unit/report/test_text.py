from __future__ import annotations

import io
from dataclasses import replace
from datetime import date
from typing import Any

import pytest
from rich.console import Console

from amn.evaluation.summary import Summary
from amn.gate.result import GateResult
from amn.report.terminal import WIDTH
from amn.report.text import print_result
from amn.report.verdict import last_line
from amn.verdict import Finding, Loosening, Outcome, Review, Status, Verdict, Waiver
from tests.scores import interval
from tests.whole import WHOLE

NAMES = ("C001", "C002", "G001", "D009")


def result(*statuses: Status, **changes: Any) -> GateResult:
    """A result whose checks C001, C002, G001 and D009 ended so."""
    names = {"C001": "in_dist", "C002": "ood", "G001": "ood", "D009": "stages"}
    outcomes = tuple(
        Outcome(check, names[check], status, value="0.6", limit=">= 0.5")
        for check, status in zip(NAMES, statuses, strict=False)
    )
    made = GateResult(
        case="wiki-mini",
        declared=tuple(o.label for o in outcomes),
        outcomes=outcomes,
        made=WHOLE,
        reproduce="amn gate wiki-mini",
    )
    return replace(made, **changes)


def printed(shown: GateResult, **options: Any) -> list[str]:
    text = io.StringIO()
    console = Console(file=text, width=WIDTH, highlight=False, color_system=None)
    print_result(shown, console, **options)
    return text.getvalue().splitlines()


PASS, WARN, FAIL = Status.PASS, Status.WARN, Status.FAIL


@pytest.mark.parametrize(
    ("statuses", "line"),
    [
        ((PASS, PASS, PASS), "PASS: 3 of 3 checks."),
        ((PASS, PASS, PASS, WARN), "PASS: 4 of 4 checks, warnings: D009 stages."),
        ((PASS, FAIL, FAIL), "FAIL: 2 of 3 checks (C002 ood, G001 ood)."),
        ((FAIL, Status.NOT_RUN, PASS), "FAIL: 1 of 3 checks (C001 in_dist), 1 not run."),
        ((PASS, Status.INCONCLUSIVE, PASS), "INCONCLUSIVE: 1 of 3 checks (C002 ood)."),
        ((PASS, Status.HARNESS, FAIL), "HARNESS: 2 of 3 checks (C002 ood, G001 ood)."),
        ((PASS, Status.ERROR, PASS), "ERROR: 1 of 3 checks (C002 ood)."),
    ],
)
def test_the_last_line_says_verdict_checks_and_command(
    statuses: tuple[Status, ...], line: str
) -> None:
    shown = result(*statuses)

    assert last_line(shown) == f"{line} Reproduce: amn gate wiki-mini"
    assert printed(shown)[-1] == last_line(shown)


def test_the_last_line_of_a_result_with_a_check_missing_is_an_error() -> None:
    shown = result(PASS, PASS, declared=("C001-in_dist", "C002-ood", "E001-all_windows"))

    assert shown.verdict is Verdict.ERROR
    assert last_line(shown).startswith("ERROR: ")
    assert last_line(shown).endswith("Reproduce: amn gate wiki-mini")


def test_a_finding_is_printed_with_its_place_and_its_fix() -> None:
    shown = result(FAIL)
    finding = Finding("ood", "expected at least 0.6, got 0.57", "look at the data")
    shown = replace(shown, outcomes=(replace(shown.outcomes[0], findings=(finding,)),))

    text = "\n".join(printed(shown))

    assert "ood: expected at least 0.6, got 0.57" in text
    assert "look at the data" in text
    assert "amn rules C001" in text


def test_brackets_in_a_message_are_text_and_no_markup() -> None:
    shown = result(FAIL)
    finding = Finding("[bold]", "got [red]7[/red] of [0, 1]", "pip install 'amn[train]'")
    outcome = replace(shown.outcomes[0], findings=(finding,), value="[dim]", detail="[/x]")

    text = "\n".join(printed(replace(shown, outcomes=(outcome,), case="[a]")))

    for part in ("[bold]: got [red]7[/red] of [0, 1]", "pip install 'amn[train]'", "[dim]", "[/x]"):
        assert part in text
    assert "[a]" in text


REFERENCES = {"constant": 0.2, "last": 0.5, "mean": 0.59, "weighted_mean": 0.6, "ridge": 0.61}
SCORE = Summary(
    0.6126,
    (0.61, 0.62, 0.6078),
    interval(0.6126, 0.6, 0.62),
    REFERENCES,
    interval(0.0188, 0.0168, 0.0208),
)
SCORES = {"summaries": {"in_dist": SCORE, "ood": SCORE}}


@pytest.mark.parametrize("verbose", [False, True])
def test_the_report_stays_within_its_width(verbose: bool) -> None:  # noqa: FBT001 - a parameter
    shown = result(PASS, FAIL, PASS, WARN, title="Wikipedia " * 4, made=SCORES)
    long = tuple(
        replace(o, value="3,808 cosines " * 4, limit="in -1 ... 1 " * 4, detail="0.5968 ... " * 9)
        for o in shown.outcomes
    )

    lines = printed(replace(shown, outcomes=long), verbose=verbose)

    assert len(lines) > 10
    assert [line for line in lines[:-1] if len(line) > WIDTH] == []


def test_the_scores_are_shown_beside_the_reference_predictors() -> None:
    text = "\n".join(printed(result(PASS, made=SCORES)))

    for part in ("0.6126", "0.6000-0.6200", "+0.0188", "weighted_mean", "0.5900"):
        assert part in text


@pytest.mark.parametrize("verbose", [False, True])
def test_scores_of_a_metrics_file_have_no_interval_and_unlike_references(
    verbose: bool,  # noqa: FBT001 - a parameter
) -> None:
    scores = {
        "in_dist": Summary.of_score(0.56, {"constant": 0.2}),
        "ood": Summary.of_score(None, {"mean": 0.5}),
    }

    text = "\n".join(printed(result(PASS, made={"summaries": scores}), verbose=verbose))

    assert "0.5600" in text
    assert "0.2000" in text


def test_a_pass_on_merit_says_so() -> None:
    shown = result(PASS, PASS, review=Review(target="origin/main", base="a" * 40))

    assert last_line(shown) == "PASS: 2 of 2 checks, on merit. Reproduce: amn gate wiki-mini"


def test_a_loosened_gate_lists_what_the_change_did() -> None:
    lowered = Loosening("lowered a floor", "case.toml criteria.ood", "0.6", "0.5")
    review = Review(
        target="main", base="a" * 40, loosenings=(lowered,), worse_on_base=("C002-ood",)
    )
    line = last_line(result(PASS, Status.LOOSENED, review=review))

    assert line.startswith("LOOSENED: passes only because this change lowered a floor (case.toml")


def test_waivers_are_shown_on_every_run() -> None:
    waiver = Waiver("C002", "new region", "B. Owner", date(2025, 1, 1), date(2025, 1, 31))
    lines = printed(result(PASS, PASS, waivers=(waiver,)))

    assert "  C002 waived until 2025-01-31 by B. Owner: new region" in lines


@pytest.mark.parametrize(("columns", "width"), [("72", 72), ("40", 72), ("140", 140), ("x", 100)])
def test_tables_follow_columns_from_72_on(
    columns: str, width: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", columns)
    shown = result(PASS, FAIL, PASS, WARN, made=SCORES)
    long = tuple(replace(o, value="0.5 " * 20, detail="0.5 " * 60) for o in shown.outcomes)

    print_result(replace(shown, outcomes=long), verbose=True)

    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines[:-1])) <= width
    assert any(len(line.rstrip()) > width - 20 for line in lines[:-1])


@pytest.mark.parametrize("status", [PASS, FAIL])
def test_a_narrow_terminal_cuts_no_number(status: Status) -> None:
    shown = result(status, title="toy", made=SCORES)
    detail = "0.5968 ... 0.6280, z +9.9"
    shown = replace(shown, outcomes=(replace(shown.outcomes[0], detail=detail),))
    text = io.StringIO()

    print_result(shown, Console(file=text, width=60, highlight=False, color_system=None))

    lines = text.getvalue().splitlines()
    assert ["weighted_mean", "0.6000", "0.6000"] in [line.split() for line in lines]
    assert ["95", "%", "interval", "0.6000-0.6200", "0.6000-0.6200"] in [x.split() for x in lines]
    assert "…" not in text.getvalue()
    assert ("+9.9" in text.getvalue()) == (status is FAIL)
