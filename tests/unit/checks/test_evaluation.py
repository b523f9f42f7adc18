"""E: each check fires on a broken measurement, and names the split and the number."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from amn.checks.check import checks
from amn.evaluation.summary import Summary
from amn.gate.evidence import Evidence
from amn.verdict import Status


def with_scores(candidate: Any, split: str = "ood", **changes: Any) -> Any:
    """Return a candidate's evaluation with other scores of a split."""
    scores = candidate.recorded.scores
    changed = {**scores, split: replace(scores[split], **changes)}
    return replace(candidate.recorded, scores=changed)


def cut(candidate: Any, n: int) -> Any:
    """Return a candidate's evaluation over the first n OOD windows."""
    ood = candidate.recorded.scores["ood"]
    names = ("cosines", "copy_cosines", "article_ids", "target_chunks")
    return with_scores(candidate, **{name: getattr(ood, name)[:n] for name in names})


def summaries(in_dist: float, ood: float, constant: float | None) -> Evidence:
    references = {} if constant is None else {"constant": constant}
    values = {"in_dist": in_dist, "ood": ood}
    made = {name: Summary(v, (v,), references=references) for name, v in values.items()}
    return Evidence({}, summaries=made)


@pytest.mark.parametrize("check", [f"E00{i}" for i in range(1, 9)])
def test_a_sound_evaluation_passes(check: str, run_evidence: Any, passes: Any) -> None:
    passes(check, run_evidence())


@pytest.mark.parametrize("n", [0, 100])
def test_e001_fires_on_windows_that_were_left_out(
    run_evidence: Any, toy_candidates: Any, fires: Any, n: int
) -> None:
    finding = fires("E001", run_evidence(evaluation=cut(toy_candidates[0], n)))

    assert finding.where == "seed 0, ood"
    assert finding.message == f"expected 156 windows, got {n}"


@pytest.mark.parametrize("name", ["article_ids", "target_chunks"])
def test_e001_fires_on_windows_in_another_order(
    run_evidence: Any, toy_candidates: Any, fires: Any, name: str
) -> None:
    turned = getattr(toy_candidates[0].recorded.scores["ood"], name)[::-1]
    evaluation = with_scores(toy_candidates[0], **{name: turned})

    finding = fires("E001", run_evidence(evaluation=evaluation))

    assert finding.message == "expected the windows of the case in their order, got other ids"


@pytest.mark.parametrize("bad", [math.nan, math.inf, 1.5])
def test_e002_fires_on_a_cosine_that_is_none_and_names_its_window(
    run_evidence: Any, toy_candidates: Any, fires: Any, bad: float
) -> None:
    cosines = toy_candidates[0].recorded.scores["ood"].cosines.copy()
    cosines[17] = bad

    evaluation = with_scores(toy_candidates[0], cosines=cosines)
    finding = fires("E002", run_evidence(evaluation=evaluation))

    assert finding.where == "seed 0, ood"
    assert finding.message == (
        f"expected finite cosines, got {bad} in window 17 (article 54, chunk 7)"
    )


def test_e003_fires_when_predictions_are_the_targets(
    run_evidence: Any, toy_candidates: Any, fires: Any
) -> None:
    evaluation = with_scores(toy_candidates[0], cosines=np.ones(156))

    finding = fires("E003", run_evidence(evaluation=evaluation))

    assert finding.where == "seed 0, ood"
    assert finding.message == (
        "expected at most 1% of predictions equal to their target, got 100.0%"
    )


def test_e003_allows_one_hit_in_a_hundred_and_no_more(
    run_evidence: Any, toy_candidates: Any, fires: Any, passes: Any
) -> None:
    cosines = np.full(156, 0.6)
    cosines[:1] = 1.0
    passes("E003", run_evidence(evaluation=with_scores(toy_candidates[0], cosines=cosines)))
    cosines[:2] = 1.0

    evaluation = with_scores(toy_candidates[0], cosines=cosines)
    assert "got 1.3%" in fires("E003", run_evidence(evaluation=evaluation)).message


def test_e004_fires_when_predictions_are_the_last_row(
    run_evidence: Any, toy_candidates: Any, fires: Any
) -> None:
    copies = np.full(156, 0.5)
    copies[:90] = 0.99995

    evaluation = with_scores(toy_candidates[0], copy_cosines=copies)
    finding = fires("E004", run_evidence(evaluation=evaluation))

    assert finding.message == (
        "expected at most 50% of predictions equal to the last row, got 57.7%"
    )


def test_e005_fires_on_a_score_below_the_constant_predictor(
    run_evidence: Any, toy_candidates: Any, fires: Any
) -> None:
    constant = toy_candidates[0].recorded.references["ood"]["constant"].mean()
    evaluation = with_scores(toy_candidates[0], cosines=np.full(156, 0.0211))

    finding = fires("E005", run_evidence(evaluation=evaluation))

    assert finding.where == "ood"
    assert finding.message == (
        f"expected above the constant predictor's {constant:.4f}, got 0.0211: "
        "the model is not connected to its input"
    )


@pytest.mark.parametrize(
    ("ood", "constant"), [(0.0211, None), (-0.0118, None), (0.10, None), (0.2, 0.2)]
)
def test_e005_fires_at_or_below_what_any_constant_scores(
    fires: Any, ood: float, constant: float | None
) -> None:
    finding = fires("E005", summaries(0.5597, ood, constant))

    assert finding.where == "ood"
    assert f"got {ood:.4f}" in finding.message


def test_e005_fires_when_the_constant_predictor_has_no_score(fires: Any) -> None:
    finding = fires("E005", summaries(0.5597, 0.6375, math.nan))

    assert "expected above the constant predictor's nan, got 0.5597" in finding.message


@pytest.mark.parametrize("constant", [None, 0.2])
def test_e005_passes_above_it_and_leaves_missing_scores_to_the_criteria(
    passes: Any, constant: float | None
) -> None:
    passes("E005", summaries(0.5597, 0.6375, constant))
    passes("E005", summaries(0.5597, math.nan, constant))


def test_e006_fires_on_a_metric_that_is_off(run_evidence: Any, fires: Any) -> None:
    finding = fires("E006", run_evidence(metric=lambda a, b: (a * b).sum(axis=-1) / 2))

    assert finding.where == "in_dist"
    assert finding.message == "expected 1.0000 for oracle within 1e-06, got 0.5000"


def test_e006_fires_on_a_metric_that_gives_nan(run_evidence: Any, fires: Any) -> None:
    evidence = run_evidence(metric=lambda a, _: np.full(len(a), np.nan))

    assert "got nan" in fires("E006", evidence).message


def test_e007_fires_on_a_record_of_another_model(
    run_evidence: Any, toy_candidates: Any, fires: Any
) -> None:
    ood = toy_candidates[0].recorded.scores["ood"]
    recorded = with_scores(
        toy_candidates[0], cosines=np.where(ood.article_ids == 60, 0.0, ood.cosines)
    )

    finding = fires("E007", run_evidence(recorded=recorded))

    assert finding.where == "seed 0, ood"
    assert "expected the recorded cosine within 0.001, got 0." in finding.message
    assert "for 0.0000 (article 60, chunk " in finding.message


def test_e007_fires_on_a_recorded_cosine_that_is_not_a_number(
    run_evidence: Any, toy_candidates: Any, fires: Any
) -> None:
    recorded = with_scores(toy_candidates[0], cosines=np.full(156, np.nan))

    assert "for nan (article" in fires("E007", run_evidence(recorded=recorded)).message


def test_e007_fires_on_a_record_of_other_windows(
    run_evidence: Any, toy_candidates: Any, fires: Any
) -> None:
    finding = fires("E007", run_evidence(recorded=cut(toy_candidates[0], 40)))

    assert finding.where == "seed 0, ood"
    assert (
        finding.message == "expected a record of the case's 156 windows, got 40, not the same ones"
    )


def test_e007_fires_on_recorded_values_that_the_model_does_not_have(
    run_evidence: Any, toy_candidates: Any, fires: Any
) -> None:
    values = toy_candidates[0].recorded.scores["ood"].values
    better = {**values, "reciprocal_rank": np.ones(156)}

    finding = fires("E007", run_evidence(recorded=with_scores(toy_candidates[0], values=better)))

    assert finding.where == "seed 0, ood"
    assert finding.message.startswith(
        "expected the recorded reciprocal_rank for 99% of 156 windows, got another for 1"
    )
    assert " for 1.0000 (article 53, chunk " in finding.message


def test_e007_lets_rows_that_are_as_near_change_places(
    run_evidence: Any, toy_candidates: Any, passes: Any
) -> None:
    values = toy_candidates[0].recorded.scores["ood"].values
    one = {**values, "in_article": values["in_article"] + (np.arange(156) == 7) / 30}

    passes("E007", run_evidence(recorded=with_scores(toy_candidates[0], values=one)))


def test_e007_scores_a_bare_checkpoint_twice(run_evidence: Any, passes: Any) -> None:
    passes("E007", run_evidence(recorded=None, record=None))


def test_e008_fires_on_a_declared_seed_that_is_missing(run_evidence: Any, fires: Any) -> None:
    finding = fires("E008", run_evidence(n=2), Status.HARNESS)

    assert finding.message == "expected seeds [0, 1, 2], got no [2]"


def test_e008_is_undecided_about_fewer_than_three_seeds(
    run_evidence: Any, fires: Any, make_case: Any, tmp_path: Any
) -> None:
    case = make_case(tmp_path, training={"seeds": [0, 1]})

    finding = fires("E008", run_evidence(case=case, n=2))

    assert finding.message == "expected at least 3 seeds, got 2"
    assert checks()["E008"].run(run_evidence(case=case, n=2)).status is Status.INCONCLUSIVE


def test_e008_waits_for_no_seed_beyond_the_look_at_which_it_was_decided(
    run_evidence: Any, fires: Any, passes: Any, make_case: Any, tmp_path: Any
) -> None:
    seeds = {"seeds": [0, 1, 2, 3, 4]}
    case = make_case(tmp_path, golden={"adaptive_seeds": [3, 5]}, training=seeds)

    passes("E008", run_evidence(case=case, n=3))
    finding = fires("E008", run_evidence(case=case, n=2), Status.HARNESS)
    assert finding.message == "expected seeds [0, 1, 2], got no [2]"
