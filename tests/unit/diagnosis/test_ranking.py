"""Ranking: what failed points at its cause first, evidence against it takes weight away."""

from __future__ import annotations

import pytest

from amn.checks.meaning import by_cause
from amn.diagnosis.ranking import RankedCause, Settled, line_of, rank_causes, suspects
from amn.verdict import Finding, Outcome, Status


def ended(check: str, status: Status = Status.FAIL, text: str = "expected a, got b") -> Outcome:
    findings = () if status is Status.PASS else (Finding("here", text),)
    return Outcome(check, "name", status, value="0.5", limit="> 0.4", findings=findings)


def ranked(*outcomes: Outcome, **figures: float) -> list[str]:
    return [cause.cause.id for cause in rank_causes(outcomes, figures)]


@pytest.mark.parametrize(
    ("checks", "first"),
    [
        (["M001", "E007", "C002"], "loader"),
        (["E005", "C001", "C002"], "loader"),
        (["D005", "D007", "W001"], "order"),
        (["D007", "D012"], "order"),
        (["D008", "D010"], "duplicates"),
        (["S001", "M004"], "leak"),
        (["S006", "S007"], "encoder"),
        (["R001", "R007", "R013", "C001", "C002"], "dominant_term"),
        (["R003"], "learning_rate"),
        (["C004", "C005", "C002"], "no_skill"),
        (["I003"], "index"),
        (["D001"], "damage"),
        (["R009"], "record"),
        (["G001"], "golden"),
        (["E006"], "measurement"),
    ],
)
def test_failed_checks_point_at_their_cause_first(checks: list[str], first: str) -> None:
    assert ranked(*(ended(check) for check in checks))[0] == first


def test_a_floor_that_is_missed_above_the_mean_of_the_context_is_dilution() -> None:
    missed = [ended("C002"), ended("C004", Status.PASS), ended("C005", Status.PASS)]

    assert ranked(*missed)[0] == "dilution"
    assert ranked(ended("C002"), ended("C005"))[0] == "no_skill"


def test_an_experiment_moves_the_ranking() -> None:
    missed = [ended("C002"), ended("C004", Status.PASS)]
    longer = [Settled("dilution", "refuted", "x"), Settled("context", "supported", "x")]

    assert rank_causes(missed, {}, longer)[0].cause.id == "context"
    slower = rank_causes([ended("R001")], {}, [Settled("learning_rate", "supported", "x")])
    assert (slower[0].cause.id, slower[0].points) == ("learning_rate", 6.0)
    alone = rank_causes([ended("C002")], {}, [Settled("learning_rate", "supported", "x")])
    assert alone[0].cause.id == "learning_rate"


@pytest.mark.parametrize(
    "checks",
    [
        ["R007", "E010", "M003"],  # 4 points for a broken measurement, 5 for the loss
        ["R007", "R006", "C002"],
        ["R003", "C002", "C004", "C005"],
        ["E005", "R007"],
        ["C004", "C002", "G001"],
    ],
)
def test_the_first_cause_is_behind_the_check_that_the_verdict_names_first(
    checks: list[str],
) -> None:
    outcomes = [ended(check) for check in checks]
    named = by_cause(outcomes)[0].check

    first = rank_causes(outcomes)[0]

    assert named in {outcome.check for outcome in first.outcomes}


def test_likely_causes_come_first_and_equals_in_the_order_in_which_to_decide() -> None:
    shifted = ended("S007", Status.WARN)

    assert ranked(ended("C002"), shifted)[0] == "encoder"  # 3 points beside 1
    assert ranked(ended("D012"), ended("S001"))[:2] == ["leak", "damage"]  # 4 points each and more


def test_nothing_is_tuned_before_measurement_rows_and_loss_are_sound() -> None:
    tuned = {"learning_rate", "overfit", "no_skill", "dilution", "context", "floor", "new_rows"}
    late = [ended(check) for check in ("R001", "R002", "R003", "C001", "C002", "C004")]

    assert set(ranked(*late)) & tuned == {"learning_rate", "overfit", "no_skill"}
    for early in ("E005", "M001", "D005", "S001", "R007", "R006", "S002"):
        assert not set(ranked(ended(early), *late)) & tuned, early
    told = rank_causes([ended("R006"), *late], {}, [Settled("learning_rate", "supported", "x")])
    assert [one.cause.id for one in told] == ["undeclared_term", "learning_rate"]


def test_evidence_against_a_cause_takes_weight_away_and_is_kept() -> None:
    alone = suspects([ended("E005")])[0]
    refuted = suspects([ended("E005")], {"rescore_change": 0.0})
    loader = next(found for found in refuted if found.cause.id == "loader")

    assert (alone.points, loader.points) == (4.0, 1.0)
    assert "rescore" not in alone.speaks_for[0].text
    assert loader.speaks_against[0].points == -3.0
    assert "the public loader gives the recorded scores" in loader.speaks_against[0].text


def test_a_possible_cause_whose_checks_a_heavier_one_explains_is_left_out() -> None:
    assert ranked(ended("M001"), ended("C001")) == ["loader"]
    assert ranked(ended("R099")) == ["other"]


def test_nothing_is_suspected_where_everything_passed() -> None:
    assert rank_causes([ended("D001", Status.PASS), ended("C004", Status.PASS)]) == []


def test_support_alone_raises_no_suspicion() -> None:
    assert ranked(ended("M006", Status.WARN), ended("R001")) == ["learning_rate"]


def test_a_check_that_could_not_look_and_one_that_cannot_decide_are_causes_too() -> None:
    assert ranked(ended("M001", Status.ERROR)) == ["not_looked"]
    assert ranked(ended("G001", Status.INCONCLUSIVE)) == ["too_little"]


def test_what_was_not_run_after_a_failure_is_no_evidence() -> None:
    waiting = Outcome("C002", "ood", Status.NOT_RUN, detail="not run: D001 failed first")

    assert ranked(ended("D001"), waiting) == ["damage"]


def test_the_evidence_carries_the_offending_number() -> None:
    found: RankedCause = rank_causes([ended("D008", text="expected 0.5%, got 50.0%")])[0]

    assert found.speaks_for[0].text == (
        "chunks sit beside their own copies: D008 here: expected 0.5%, got 50.0%"
    )
    assert found.degree == "very likely"
    assert line_of(ended("D007", Status.PASS)) == "D007 0.5 (> 0.4)"
