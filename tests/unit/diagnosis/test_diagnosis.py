"""What to do now: the first likely cause decides, in the order of the table."""

from __future__ import annotations

import io
from dataclasses import replace
from typing import Any

import pytest
from rich.console import Console

from amn.diagnosis.diagnosis import NOTHING_LIKELY, Diagnosis, Trial
from amn.diagnosis.ranking import HYPOTHESES, Settled
from amn.diagnosis.subject import Subject
from amn.report.diagnosis_text import print_diagnosis
from amn.verdict import Finding, Outcome, Standing, Status


def settled(*answers: str) -> Trial:
    """An experiment: `context supported`, and the like."""
    pairs: list[Any] = [answer.split() for answer in answers]
    told = tuple(Settled(cause, answer, "gains +0.02", "") for cause, answer in pairs)
    return Trial("trainings", "x", (), settled=told)


def diagnosis(*failed: str, trial: Trial | None = None) -> Diagnosis:
    found = tuple(Outcome(c, "x", Status.FAIL, findings=(Finding("a", "b"),)) for c in failed)
    return Diagnosis(Subject("x", "FAIL", found), (trial,) if trial else ())


@pytest.mark.parametrize(
    ("failed", "answers", "decision"),
    [
        (["E005", "C002"], [], "Loader or class mismatch"),
        (["D005"], ["dilution supported"], "Row order"),
        (["C002"], ["dilution supported", "context supported"], "Dilution"),
        (["C002"], ["dilution refuted", "context supported"], "The context is too short"),
        (["C002"], ["new_rows supported"], "New rows"),
        (["C002"], ["learning_rate supported"], "Wrong learning rate or schedule"),
        (["C002"], ["dilution refuted", "context refuted"], NOTHING_LIKELY),
        (["C002"], ["dilution undecided"], NOTHING_LIKELY),
        (["C002"], [], NOTHING_LIKELY),
    ],
)
def test_the_first_likely_cause_decides(
    failed: list[str], answers: list[str], decision: str
) -> None:
    found = diagnosis(*failed, trial=settled(*answers))

    assert found.decision.startswith(decision)
    if decision != NOTHING_LIKELY:
        assert found.causes[0].cause.title.startswith(decision)


def test_a_decision_says_what_to_do_and_what_comes_after() -> None:
    found = diagnosis("C002", trial=settled("dilution supported")).decision

    assert ". Compare coherence with that of the data set" in found
    assert found.endswith(
        ". Then: Train on the filtered rows, judge on the same articles as before"
    )


@pytest.mark.parametrize("cause", HYPOTHESES)
def test_an_experiment_supports_a_hypothesis_or_rules_it_out(cause: str) -> None:
    failed = ("C002", "C003", "R002")

    supported = diagnosis(*failed, trial=settled(f"{cause} supported"))
    refuted = diagnosis(*failed, trial=settled(f"{cause} refuted"))

    assert cause in {r.cause.id for r in supported.causes if r.points >= 4}
    assert cause in {r.cause.id for r in refuted.ruled_out}
    assert cause not in {r.cause.id for r in refuted.causes}


def test_every_answer_is_said_with_its_numbers_and_an_open_one_with_what_it_would_take() -> None:
    told = settled("context refuted", "dilution undecided")
    first, second = told.settled
    trial = replace(told, settled=(first, second._replace(needs="9 seeds: --plan 512x9")))
    found, out = diagnosis("C002", trial=trial), io.StringIO()
    print_diagnosis(found, Console(file=out, width=200))

    lines = [line.strip() for line in out.getvalue().splitlines()]
    at = lines.index("Hypotheses")
    assert lines[at + 1] == "refuted    The context is too short"
    assert lines[at + 3].startswith("undecided  Dilution")
    assert lines[at + 5] == "would take: 9 seeds: --plan 512x9"
    assert "Ruled out" in lines
    assert found.to_json()["hypotheses"][1]["needs"] == "9 seeds: --plan 512x9"
    assert "Then: never" not in out.getvalue()


@pytest.mark.parametrize(
    ("check", "standing", "likely"),
    [
        ("G001", Standing(-0.03, -0.02, least=-0.01), "Over-fitting"),
        ("G004", None, ""),
        ("G008", None, ""),
    ],
)
def test_a_gap_explains_a_score_and_no_golden_that_cannot_be_read(
    check: str, standing: Standing | None, likely: str
) -> None:
    status = Status.HARNESS if check == "G004" else Status.FAIL
    outcome = Outcome(check, "x", status, standing=standing)
    subject = Subject("x", status.value, (outcome,), figures={"train_gap": 0.1})

    assert Diagnosis(subject).likely.partition(":")[0] == likely


def test_many_changes_are_the_first_three_and_how_many_more() -> None:
    changed = tuple(Finding(f"training.key{i}", f"golden {i}, now 9") for i in range(5))
    found = Diagnosis(
        Subject(
            "x",
            "FAIL",
            (
                Outcome("C002", "ood", Status.FAIL),
                Outcome("G007", "config", Status.WARN, findings=changed),
            ),
        )
    )

    assert found.likely.endswith("training.key2: golden 2, now 9; and 2 more (G007)")
