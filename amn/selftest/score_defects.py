"""Defects of scores and of their record: not all scored, not by this model, below a limit."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from amn.evaluation.metrics import cosine_rows
from amn.evaluation.summary import LIFT_OVER
from amn.evaluation.surroundings import CURVE_OFFSETS, offset_curve
from amn.selftest.defects import (
    BLOCKS,
    WARNS,
    Defect,
    in_candidate,
    in_code,
    in_scores,
    scored,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

    from amn.checks.evidence.runs import Candidate
    from amn.config import CaseConfig
    from amn.evaluation.scores import SplitScores
    from amn.evaluation.storage import Evaluation
    from amn.gate.session import GateSession
    from amn.selftest.lab import Lab

HAIR = 0.001  # below a limit: the smallest miss that must be seen
PER_WINDOW = ("cosines", "copy_cosines", "article_ids", "target_chunks")


def changed(
    evaluation: Evaluation, split: str, change: Callable[[SplitScores], SplitScores]
) -> Evaluation:
    """Return an evaluation with other scores of one split."""
    scores = {**evaluation.scores, split: change(evaluation.scores[split])}
    return replace(evaluation, scores=scores)


def select_windows(split: SplitScores, chosen: NDArray[np.int64]) -> SplitScores:
    """Return the scores of some windows, in that order."""
    return replace(split, **{name: getattr(split, name)[chosen] for name in PER_WINDOW})


def _on_ood(change: Callable[[SplitScores], SplitScores]) -> Callable[[Candidate, Lab], Candidate]:
    """Return the change of one candidate's OOD scores."""

    def inject(candidate: Candidate, _: Lab) -> Candidate:
        evaluation = changed(candidate.evaluation, "ood", change)
        return scored(candidate, evaluation)

    return inject


def _first_half(split: SplitScores) -> SplitScores:
    return select_windows(split, np.arange(len(split.cosines) // 2))


def _other_order(split: SplitScores) -> SplitScores:
    return select_windows(split, np.arange(len(split.cosines))[::-1])


def _one_nan(split: SplitScores) -> SplitScores:
    cosines = split.cosines.copy()
    cosines[len(cosines) // 2] = np.nan
    return replace(split, cosines=cosines)


def _oracle(split: SplitScores) -> SplitScores:
    return replace(split, cosines=np.ones_like(split.cosines))


def _copies(split: SplitScores) -> SplitScores:
    return replace(split, copy_cosines=np.ones_like(split.copy_cosines))


def _disconnected(split: SplitScores) -> SplitScores:
    """Return cosines of directions that have nothing to do with the target."""
    noise = np.random.default_rng(0).standard_normal(len(split.cosines))
    return replace(split, cosines=0.02 + 0.04 * np.clip(noise, -3, 3))


def record_of_another(candidate: Candidate, _: Lab) -> Candidate:
    """Record cosines that the checkpoint does not reproduce."""
    recorded = changed(candidate.evaluation, "ood", lambda s: replace(s, cosines=s.cosines - 0.01))
    return replace(candidate, recorded=recorded, load=lambda: candidate.checkpoint)


@contextmanager
def _seed_missing(lab: Lab) -> Iterator[GateSession]:
    yield lab.clean.judging(lab.clean.candidates[1:])


def _shifted(evaluation: Evaluation, split: str, mean: float) -> Evaluation:
    """Return an evaluation whose mean on a split is another, by the same step in every window."""
    return changed(evaluation, split, lambda s: replace(s, cosines=s.cosines + (mean - s.mean)))


def _below_floor(split: str) -> Callable[[Evaluation, CaseConfig], Evaluation]:
    def change(evaluation: Evaluation, config: CaseConfig) -> Evaluation:
        return _shifted(evaluation, split, config.criteria.floor(split) - HAIR)

    return change


def _all_nan(evaluation: Evaluation, _: CaseConfig) -> Evaluation:
    return changed(evaluation, "ood", lambda s: replace(s, cosines=np.full_like(s.cosines, np.nan)))


def _outside_delta(evaluation: Evaluation, config: CaseConfig) -> Evaluation:
    high = config.criteria.delta_range()[1]
    return _shifted(evaluation, "ood", evaluation.scores["in_dist"].mean + high + HAIR)


def _without_skill(split: str) -> Callable[[Evaluation, CaseConfig], Evaluation]:
    def change(evaluation: Evaluation, config: CaseConfig) -> Evaluation:
        mean = evaluation.references[split][LIFT_OVER]
        cosines = mean + (config.criteria.lift - HAIR)
        return changed(evaluation, split, lambda s: replace(s, cosines=cosines))

    return change


def _worse_than_golden(split: str) -> Callable[[Evaluation, CaseConfig], Evaluation]:
    """Return scores that are twice the margin lower, by chance more in some windows than others."""

    def change(evaluation: Evaluation, config: CaseConfig) -> Evaluation:
        noise = np.random.default_rng(0).standard_normal(len(evaluation.scores[split].cosines))
        loss = 2 * config.golden.margin * (1 + 0.5 * noise)
        return changed(evaluation, split, lambda s: replace(s, cosines=s.cosines - loss))

    return change


def _off_by_one(left: NDArray[Any], right: NDArray[Any]) -> NDArray[np.float64]:
    """Compare each row with the row before its partner."""
    return cosine_rows(left, np.roll(right, 1, axis=0))


def _curve_off_by_one(*args: Any) -> NDArray[np.float64]:  # noqa: ANN401 - those of `offset_curve`
    """Shift the curve by one offset."""
    curve: NDArray[np.float64] = np.roll(offset_curve(*args), 1)
    assert len(curve) == len(CURVE_OFFSETS)  # noqa: S101 - what the code itself guarantees
    return curve


DEFECTS = (
    in_candidate(
        "half-evaluated", "E001", "half of the OOD windows were scored", _on_ood(_first_half)
    ),
    in_candidate(
        "other-order", "E001", "the windows were scored in another order", _on_ood(_other_order)
    ),
    in_candidate("nan-cosine", "E002", "the cosine of one window is NaN", _on_ood(_one_nan)),
    in_candidate("oracle", "E003", "the target was handed over as prediction", _on_ood(_oracle)),
    in_candidate("copy", "E004", "the last row was handed over as prediction", _on_ood(_copies)),
    in_candidate(
        "below-constant", "E005", "OOD scores 0.02, below any constant", _on_ood(_disconnected)
    ),
    in_code(
        "metric-off-by-one",
        "E006",
        "the metric compares with the row before",
        ("amn.evaluation.probes", "cosine_rows"),
        _off_by_one,
    ),
    in_candidate(
        "other-record", "E007", "the record is 0.01 off what the model scores", record_of_another
    ),
    Defect("seed-missing", "E008", "a declared seed was not judged", _seed_missing),
    in_code(
        "probe-off-by-one",
        "E013",
        "the offset curve is off by one",
        ("amn.checks.behaviour", "offset_curve"),
        _curve_off_by_one,
    ),
    in_scores(
        "in-dist-below-floor", "C001", "in-dist is 0.001 below its floor", _below_floor("in_dist")
    ),
    in_scores("ood-below-floor", "C002", "OOD is 0.001 below its floor", _below_floor("ood")),
    in_scores("nan-score", "C002", "the OOD score is NaN", _all_nan),
    in_scores(
        "delta-outside",
        "C003",
        "OOD - in-dist is 0.001 outside its range",
        _outside_delta,
        BLOCKS | WARNS,
    ),
    in_scores(
        "no-skill-in-dist", "C004", "in-dist is 0.001 short of its lift", _without_skill("in_dist")
    ),
    in_scores("no-skill-ood", "C005", "OOD is 0.001 short of its lift", _without_skill("ood")),
    in_scores(
        "worse-ood",
        "G001",
        "OOD is worse than the golden by twice the margin",
        _worse_than_golden("ood"),
    ),
    in_scores(
        "worse-in-dist",
        "G002",
        "in-dist is worse than the golden by twice the margin",
        _worse_than_golden("in_dist"),
    ),
)  # fmt: skip - a defect is one entry
