"""C: the criteria. `not (value >= floor)` fails, so a NaN fails; intervals are always shown."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from amn.checks import broken
from amn.checks.check import check, warned
from amn.errors import CheckNotRunError, DoesNotApplyError
from amn.training.records.history import RunStatus
from amn.verdict import Finding, Measured, Severity, Standing, count_of, shown

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from amn.case.limits import CriteriaConfig
    from amn.evaluation.metrics import SplitScores
    from amn.evaluation.statistics import Interval
    from amn.evaluation.storage import Evaluation
    from amn.evaluation.summary import Skill, Summary
    from amn.verdict import Outcome

    Parts = dict[str, object]
    Measurements = tuple[dict[str, SplitScores], ...]
    Rivals = dict[str, dict[str, NDArray[np.float64]]]

ROUNDING = 1e-5  # of a metric's size: predictions are float32, sums of them differ by 1e-6
LEAST_SEEN = 0.00005  # a lift that is printed as +0.0000 is none
FUNDAMENTAL = 0.40  # an OOD score below it is no matter of tuning (the earlier project's rule)
FLOORS = {"in_dist": "C001", "ood": "C002"}  # the check of each
WARRANTED = "more articles, or the model that they warrant: amn case new tries which"
HAIR = 0.001  # beyond a limit: the smallest miss that must be seen


def in_dist_below_floor(evaluations: tuple[Evaluation, ...], criteria: CriteriaConfig) -> Parts:
    """In-dist is 0.001 below its floor."""
    mean = criteria.floor("in_dist") - HAIR
    return {
        "evaluations": tuple(broken.candidates.shifted(one, "in_dist", mean) for one in evaluations)
    }


@check("C001", "in_dist", needs=["M001"], broken_by=[in_dist_below_floor])
def check_in_dist(summaries: dict[str, Summary], criteria: CriteriaConfig) -> Measured:
    """The in-dist score is at or above its floor (0.54 in the minimum profile).

    Why: The floor below which the earlier project held a model to be no candidate.
    Fix: amn gate CASE --format json shows the articles; compare with the reference predictors first
    """
    return _floor("in_dist", summaries, criteria)


def ood_below_floor(evaluations: tuple[Evaluation, ...], criteria: CriteriaConfig) -> Parts:
    """OOD is 0.001 below its floor."""
    mean = criteria.floor("ood") - HAIR
    return {
        "evaluations": tuple(broken.candidates.shifted(one, "ood", mean) for one in evaluations)
    }


def nan_score(evaluations: tuple[Evaluation, ...]) -> Parts:
    """The OOD score is NaN."""
    return {
        "evaluations": tuple(broken.candidates.shifted(one, "ood", np.nan) for one in evaluations)
    }


def _name_collapse(outcome: Outcome) -> RunStatus:
    """Return what a missed floor means: far below it there is a name of its own."""
    is_far = outcome.number is not None and outcome.number < FUNDAMENTAL
    return RunStatus.OOD_COLLAPSE if is_far else RunStatus.BELOW_FLOOR


@check(
    "C002",
    "ood",
    needs=["M001"],
    broken_by=[ood_below_floor, nan_score],
    means=_name_collapse,
)
def check_ood(summaries: dict[str, Summary], criteria: CriteriaConfig) -> Measured:
    """The OOD score is at or above its floor (0.60 in the minimum profile).

    Why: Held-out articles of a region that training never saw are what a predictor is for.
    Fix: amn gate CASE --format json shows the articles; below 0.40 the set-up is wrong, not the
    tuning
    """
    return _floor("ood", summaries, criteria)


def _floor(split: str, summaries: dict[str, Summary], criteria: CriteriaConfig) -> Measured:
    """Compare a split's score with its floor; the data of the measurement are its summary."""
    summary, floor = summaries[split], criteria.floor(split)
    value = summary.mean
    if math.isnan(value) and not summary.per_seed:
        raise CheckNotRunError(f"{split}: expected a score, got none: it was never measured")
    findings = []
    if not value >= floor:
        text = f"expected at least {floor}, got {shown(value, floor)}"
        if split == "ood" and value < FUNDAMENTAL:
            text += f" (below {FUNDAMENTAL}: fundamental)"
        findings.append(Finding(split, text, _references(summary)))
    interval = summary.interval
    low, high = (interval.low, interval.high) if interval else (None, None)
    return Measured(
        value=shown(value, floor),
        limit=f">= {floor:.4f}",
        findings=findings,
        detail=_detail(summary, floor),
        number=value,
        standing=Standing(low, high, least=floor),
        data=summary,
    )


def _detail(summary: Summary, floor: float) -> str:
    """Return interval and distance from the floor: `0.5968 ... 0.6146, z +1.3`."""
    interval = summary.interval
    if interval is None:
        return "no interval: windows unknown"
    distance = (summary.mean - floor) / interval.se if interval.se > 0 else math.inf
    return f"{interval.low:.4f} ... {interval.high:.4f}, z {distance:+.1f}"


def _references(summary: Summary) -> str:
    """Return the reference predictors' scores as a hint."""
    if not summary.references:
        return ""
    texts = [f"{name} {value:.4f}" for name, value in summary.references.items()]
    return "look at the reference predictors first: " + ", ".join(texts)


def delta_outside(evaluations: tuple[Evaluation, ...], criteria: CriteriaConfig) -> Parts:
    """OOD - in-dist is 0.001 outside its range."""
    above = criteria.delta_range()[1] + HAIR
    moved = (
        broken.candidates.shifted(one, "ood", one.scores["in_dist"].mean + above)
        for one in evaluations
    )
    return {"evaluations": tuple(moved)}


@check(
    "C003",
    "delta",
    needs=["M001"],
    broken_by=[warned(delta_outside)],
    means=RunStatus.DELTA_OUTSIDE,
)
def check_delta(summaries: dict[str, Summary], criteria: CriteriaConfig) -> Measured:
    """OOD minus in-dist is in its range: a warning for a profile's, a failure for your own.

    Why: A difference far from what the regions' own coherence explains points at a leak or at an
    unlike region.
    Fix: Compare the reference predictors of both splits; set criteria.delta to the range this data
    set should keep
    """
    low, high = criteria.delta_range()
    delta = summaries["ood"].mean - summaries["in_dist"].mean
    if math.isnan(delta):
        raise CheckNotRunError("delta: expected both scores, got one that was not measured")
    findings = []
    if not low <= delta <= high:
        findings.append(
            Finding(
                "ood - in_dist",
                f"expected {low:+.2f} ... {high:+.2f}, got {delta:+.4f}",
                "compare the reference predictors of both splits; set criteria.delta",
                severity=Severity.WARNING if criteria.delta is None else None,
            )
        )
    standing = Standing(least=low, most=high)
    limit = f"{low:+.2f} ... {high:+.2f}"
    value = shown(delta, low if delta < low else high, sign="+")
    return Measured(value, limit, findings, number=delta, standing=standing)


def no_skill_in_dist(evaluations: tuple[Evaluation, ...], criteria: CriteriaConfig) -> Parts:
    """In-dist is 0.001 short of its lift."""
    return _without_skill("in_dist", evaluations, criteria)


@check(
    "C004", "lift_in_dist", needs=["M001"], broken_by=[no_skill_in_dist], means=RunStatus.NO_SKILL
)
def check_lift_in_dist(lifts: dict[str, Interval | None], criteria: CriteriaConfig) -> Measured:
    """In-dist, the gain over the strongest reference predictor is above criteria.lift.

    The lower end of its clustered 95 % interval is above 0, over each of constant, last, mean,
    weighted mean and ridge; above criteria.lift where that is negative.

    Why: Copying the last row or a ridge regression may score as much as any network: a cosine above
    a floor is no skill, and neither is a network that has learned nothing.
    Fix: More articles, or the model that they warrant: amn case new tries which; the floor on the
    cosine says nothing about this
    """
    return _lift("in_dist", lifts, criteria)


def no_skill_ood(evaluations: tuple[Evaluation, ...], criteria: CriteriaConfig) -> Parts:
    """OOD is 0.001 short of its lift."""
    return _without_skill("ood", evaluations, criteria)


@check("C005", "lift_ood", needs=["M001"], broken_by=[no_skill_ood], means=RunStatus.NO_SKILL)
def check_lift_ood(lifts: dict[str, Interval | None], criteria: CriteriaConfig) -> Measured:
    """OOD, the gain over the strongest reference predictor is above criteria.lift.

    The lower end of its clustered 95 % interval is above 0, over each of constant, last, mean,
    weighted mean and ridge; above criteria.lift where that is negative.

    Why: Copying the last row or a ridge regression may score as much as any network: a cosine above
    a floor is no skill, and neither is a network that has learned nothing.
    Fix: More articles, or the model that they warrant: amn case new tries which; the floor on the
    cosine says nothing about this
    """
    return _lift("ood", lifts, criteria)


def _lift(split: str, lifts: dict[str, Interval | None], criteria: CriteriaConfig) -> Measured:
    """Compare a split's gain over the strongest reference predictor with the least one."""
    lift, limit = lifts[split], criteria.lift
    if lift is None:
        raise CheckNotRunError(f"{split}: expected cosines of every window, got none")
    text = f"{lift.mean:+.4f} ({lift.low:+.4f} ... {lift.high:+.4f})"
    findings = []
    is_none = limit if limit < 0 else LEAST_SEEN
    if not lift.mean > max(limit, is_none):
        message = (
            f"expected a lift above {limit}, got {text}: a reference predictor is as good or better"
        )
        findings.append(Finding(split, message, WARRANTED))
    elif not lift.low > is_none:
        message = f"expected a lift above {min(limit, 0.0)} with its interval, got {text}"
        findings.append(
            Finding(split, message, "judge on more articles", severity=Severity.INCONCLUSIVE)
        )
    detail = f"{lift.low:+.4f} ... {lift.high:+.4f}, {count_of(lift.n_clusters, 'article')}"
    standing = Standing(lift.low, lift.high, least=limit)
    value = shown(lift.mean, limit, sign="+")
    return Measured(value, f"> {limit:+.4f}", findings, detail, lift.mean, standing)


def unskilled_in_dist(
    measured: Measurements, rivals: Rivals, skills: dict[str, Skill | None]
) -> Parts:
    """In-dist, predictions are worth what the strongest reference predictor's are."""
    return _as_good_as_rivals("in_dist", measured, rivals, skills)


@check(
    "C006",
    "skill_in_dist",
    needs=["M001"],
    broken_by=[unskilled_in_dist],
    means=RunStatus.NO_SKILL,
)
def check_skill_in_dist(skills: dict[str, Skill | None]) -> Measured:
    """In-dist, better than the strongest reference predictor by the metric that judges the case.

    The lower end of the clustered 95 % interval of the gain is above 0, over each of constant,
    last, mean, weighted mean and ridge. Asked where criteria.metric is not the cosine.

    Why: A distance below a limit is no skill: copying the last row may be as near to the target.
    Fix: Compare with the reference predictors; bring a model that beats them, or more data
    """
    return _skill("in_dist", skills)


def unskilled_ood(measured: Measurements, rivals: Rivals, skills: dict[str, Skill | None]) -> Parts:
    """OOD, predictions are worth what the strongest reference predictor's are."""
    return _as_good_as_rivals("ood", measured, rivals, skills)


@check(
    "C007", "skill_ood", needs=["M001"], broken_by=[unskilled_ood],
    means=RunStatus.NO_SKILL,
)  # fmt: skip
def check_skill_ood(skills: dict[str, Skill | None]) -> Measured:
    """OOD, better than the strongest reference predictor by the metric that judges the case.

    The lower end of the clustered 95 % interval of the gain is above 0, over each of constant,
    last, mean, weighted mean and ridge. Asked where criteria.metric is not the cosine.

    Why: A distance below a limit is no skill: copying the last row may be as near to the target.
    Fix: Compare with the reference predictors; bring a model that beats them, or more data
    """
    return _skill("ood", skills)


def _skill(split: str, skills: dict[str, Skill | None]) -> Measured:
    """Compare a split's gain over the strongest reference predictor with none."""
    skill = skills[split]
    if skill is None:
        raise CheckNotRunError(f"{split}: expected a number of every window, got none")
    gain, least = skill.gain, ROUNDING * abs(skill.size)
    over = f"over {skill.strongest} by {skill.metric}"
    text = f"{gain.mean:+.4g} ({gain.low:+.4g} ... {gain.high:+.4g}) {over}"
    findings = []
    if not gain.mean > least:
        message = f"expected a gain above 0, got {text}: a reference predictor is as good or better"
        findings.append(Finding(split, message, "a model that beats it, or better data"))
    elif not gain.low > least:
        message = f"expected a gain above 0 with its interval, got {text}"
        findings.append(Finding(split, message, "judge on more articles", Severity.INCONCLUSIVE))
    detail = f"{gain.low:+.4g} ... {gain.high:+.4g}, {count_of(gain.n_clusters, 'article')}, {over}"
    standing = Standing(gain.low, gain.high, least=0.0)
    limit = f"> {least:.1g}" if 0 < gain.mean <= least else "> 0"
    return Measured(f"{gain.mean:+.4g}", limit, findings, detail, gain.mean, standing)


def _as_good_as_rivals(
    split: str, measured: Measurements, rivals: Rivals, skills: dict[str, Skill | None]
) -> Parts:
    """Return measured scores that are those of the strongest reference predictor."""
    if (skill := skills[split]) is None:
        raise DoesNotApplyError(f"{split}: expected a number of every window")

    def change(scores: SplitScores) -> SplitScores:
        return replace(
            scores, values={**scores.values, skill.metric: rivals[split][skill.strongest]}
        )

    return {"measured": tuple({**one, split: change(one[split])} for one in measured)}


def _without_skill(
    split: str, evaluations: tuple[Evaluation, ...], criteria: CriteriaConfig
) -> Parts:
    """Return scores that are the strongest reference's, moved to just below the least lift."""

    def moved(one: Evaluation) -> Evaluation:
        strongest = max(one.references[split].values(), key=lambda cosines: float(cosines.mean()))
        cosines = strongest + (criteria.lift - HAIR)
        return broken.candidates.changed(one, split, lambda s: replace(s, cosines=cosines))

    return {"evaluations": tuple(moved(one) for one in evaluations)}
