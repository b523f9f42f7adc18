"""The earlier analysis, put to what is known now: its tree begins with what nobody asked."""

from __future__ import annotations

import pytest

from amn.diagnosis.causes import causes
from amn.diagnosis.diagnosis import Diagnosis
from amn.diagnosis.figures import FIGURES
from amn.diagnosis.hypotheses import decide, hypotheses, stand, steps
from amn.diagnosis.subject import Subject
from amn.findings import Finding, Outcome, Status


def diagnosis(*failed: str, **figures: float) -> Diagnosis:
    found = tuple(Outcome(c, "x", Status.FAIL, findings=(Finding("a", "b"),)) for c in failed)
    return Diagnosis(Subject("x", "FAIL", found, figures=figures))


def test_every_name_in_the_table_is_known() -> None:
    known = {cause.id for cause in causes()}

    assert len(hypotheses()) == 4
    assert {h.cause for h in hypotheses()} <= known
    assert {cause for step in steps() for cause in step.causes} <= known
    assert {step.figure for step in steps() if step.figure} <= set(FIGURES)
    assert all(h.remedy and h.outcome for h in hypotheses())


@pytest.mark.parametrize(
    ("failed", "figures", "advice", "asked"),
    [
        (["E005", "C002"], {}, "Mend that first", 1),
        (["D005"], {"coherent_margin": 0.1}, "Mend that first", 1),
        (["C002"], {"coherent_margin": 0.01}, "Train on filtered rows", 2),
        (["C002"], {"coherent_margin": -0.01, "context_gain": 0.02}, "Use the longer context", 3),
        (["C002"], {"coherent_margin": -0.01, "context_gain": 0.0}, "Keep the accepted model", 4),
        (["C002"], {}, "Keep the accepted model", 4),
    ],
)
def test_the_tree_ends_where_its_question_is_answered(
    failed: list[str], figures: dict[str, float], advice: str, asked: int
) -> None:
    walked = decide(diagnosis(*failed, **figures))

    assert len(walked) == asked
    assert walked[-1].advice.startswith(advice)
    assert not any(step.advice for step in walked[:-1])


def test_a_hypothesis_stands_as_its_cause_does() -> None:
    assert set(stand(diagnosis("C002")).values()) == {"open"}
    found = stand(diagnosis("C002", context_gain=0.02, coherent_margin=-0.1))
    assert (found["context"], found["dilution"]) == ("supported", "refuted")
