"""What to do now: the first likely cause decides, in the order of the table."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from amn.diagnosis.causes import causes
from amn.diagnosis.diagnosis import NOTHING_LIKELY, Diagnosis
from amn.diagnosis.subject import Subject
from amn.report.diagnosis_text import print_diagnosis
from amn.verdict import Finding, Outcome, Status

# What the earlier analysis believed of its failed runs; each is a cause, settled by an experiment.
HYPOTHESES = {
    "dilution": "coherent_part",
    "context": "contexts",
    "learning_rate": "short_training",
    "split": "splits",
}


def diagnosis(*failed: str, **figures: float) -> Diagnosis:
    found = tuple(Outcome(c, "x", Status.FAIL, findings=(Finding("a", "b"),)) for c in failed)
    return Diagnosis(Subject("x", "FAIL", found, figures=figures))


@pytest.mark.parametrize(
    ("failed", "figures", "decision"),
    [
        (["E005", "C002"], {}, "Loader or class mismatch"),
        (["D005"], {"coherent_margin": 0.1}, "Row order"),
        (["C002"], {"coherent_margin": 0.01, "context_gain": 0.02}, "Dilution"),
        (["C002"], {"coherent_margin": -0.01, "context_gain": 0.02}, "The context is too short"),
        (["C002"], {"coherent_margin": -0.01, "context_gain": 0.0}, NOTHING_LIKELY),
        (["C002"], {}, NOTHING_LIKELY),
    ],
)
def test_the_first_likely_cause_decides(
    failed: list[str], figures: dict[str, float], decision: str
) -> None:
    assert diagnosis(*failed, **figures).decision.startswith(decision)


def test_a_decision_says_what_to_do_and_what_comes_after() -> None:
    found = diagnosis("C002", coherent_margin=0.01).decision

    assert ". Compare coherence with that of the data set" in found
    assert found.endswith(
        ". Then: Train on the filtered rows, judge on the same articles as before"
    )


def test_each_hypothesis_of_the_earlier_work_is_a_cause_that_an_experiment_settles() -> None:
    assert {c.id: c.trial for c in causes() if c.id in HYPOTHESES} == HYPOTHESES


@pytest.mark.parametrize(
    ("cause", "settled", "refuted"),
    [
        ("dilution", {"coherent_margin": 0.01}, {"coherent_margin": -0.01}),
        ("context", {"context_gain": 0.02}, {"context_gain": 0.0}),
        ("learning_rate", {"slower_gain": 0.02}, {"slower_gain": -0.02}),
        ("split", {"split_gap": 0.1}, {"split_gap": 0.01}),
    ],
)
def test_an_experiment_supports_a_hypothesis_or_rules_it_out(
    cause: str, settled: dict[str, float], refuted: dict[str, float]
) -> None:
    failed = ("C002", "C003", "R002")

    assert cause in {r.cause.id for r in diagnosis(*failed, **settled).causes if r.points >= 2}
    found = diagnosis(*failed, **refuted)
    assert cause in {r.cause.id for r in found.ruled_out}
    assert cause not in {r.cause.id for r in found.causes}


def test_what_is_ruled_out_is_said_with_its_evidence() -> None:
    out = io.StringIO()
    print_diagnosis(diagnosis("C002", context_gain=0.0), Console(file=out, width=200))

    assert "Ruled out\n  The context is too short: a longer context scores hardly more" in (
        out.getvalue()
    )
