"""C101, G101 and I101 and on: what a case declares of its own, a check each."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from amn.checks.check import Check, Defect, checks
from amn.checks.golden import guard_broken, not_worse
from amn.checks.recall import configuration_checks
from amn.data.slices import in_slice
from amn.errors import DoesNotApplyError
from amn.evaluation.metric import LIFT
from amn.evaluation.statistics import MIN_CLUSTERS, cluster_interval, seed_from
from amn.evaluation.summary import lift_over, rivals
from amn.golden.schema import COSINE
from amn.verdict import Finding, Measured, Severity, Standing, count_of, shown

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from amn.case.config import CaseConfig
    from amn.case.limits import Guard, Limit
    from amn.case.load import Case
    from amn.checks.comparison import Guarded
    from amn.data.dataset import DataSet
    from amn.data.windows import Windows
    from amn.evaluation.metrics import SplitScores
    from amn.evaluation.statistics import Interval
    from amn.evaluation.storage import Evaluation

    Parts = dict[str, object]

MISSED_BY = 0.01  # of a limit's own size, at least of a hundredth: a defect that must be seen


def all_checks(config: CaseConfig | None) -> Mapping[str, Check]:
    """Return every check by id, and those of a case's own limits."""
    own = limit_checks(config) if config else ()
    return {**checks(), **{check.id: check for check in own}}


def limit_checks(config: CaseConfig) -> tuple[Check, ...]:
    """Return a check for each limit, guard and configuration of an index of a case's own."""
    limits = [_check_of(limit) for limit in config.criteria.limit]
    guards = [_guard_of(guard) for guard in config.criteria.guards]
    return (*configuration_checks(config.index), *limits, *guards)


def _guard_of(guard: Guard) -> Check:
    """Return the check of one metric that may not get worse than the golden's."""

    def holds(guarded: Guarded, judged_data: dict[str, DataSet]) -> Measured:
        return not_worse(guarded, guard.name, judged_data.get(guard.split))

    def worse(guarded: Guarded) -> Parts:
        return guard_broken(guard.name, guarded)

    holds.__doc__ = (
        f"{guard}.\n\nBy at most the margin, paired by window and clustered by article.\n\n"
        "Why: This case is judged by it, or guards it: [criteria] in case.toml.\n"
        "Fix: Find what changed (G007, amn golden diff CASE); accept it only with a reason: amn "
        "golden update CASE --reason TEXT"
    )
    worse.__doc__ = f"By {guard.metric}, {guard.split} is worse than the golden."
    worse.__name__ = f"worse_{guard.id.lower()}"
    name = f"{guard.metric}_{guard.split}"
    return Check(guard.id, name, holds, needs=("G003",), broken_by=(Defect(worse),))


def _check_of(limit: Limit) -> Check:
    """Return the check of one limit; the windows themselves are read where it is about a slice."""

    def of_all(
        case: Case,
        measured: tuple[dict[str, SplitScores], ...],
        evaluations: tuple[Evaluation, ...],
    ) -> Measured:
        return _measure(limit, measured, _others(limit, case, evaluations), None)

    def of_slice(
        case: Case,
        measured: tuple[dict[str, SplitScores], ...],
        evaluations: tuple[Evaluation, ...],
        judged: dict[str, Windows],
    ) -> Measured:
        return _measure(limit, measured, _others(limit, case, evaluations), judged)

    def missed(
        case: Case,
        measured: tuple[dict[str, SplitScores], ...],
        evaluations: tuple[Evaluation, ...],
        judged: dict[str, Windows],
    ) -> Parts:
        return _missed(limit, measured, _others(limit, case, evaluations), judged)

    holds = of_slice if limit.slice else of_all
    holds.__doc__ = (
        f"{limit}.\n\nWhy: It is a limit of this case: [[criteria.limit]] in case.toml.\n"
        "Fix: See what the windows of the slice have in common; a limit is loosened in the open."
    )
    missed.__doc__ = f"The limit {limit.id} is missed."
    missed.__name__ = f"missed_{limit.id.lower()}"
    name = f"{limit.metric}_{limit.split}"
    return Check(limit.id, name, holds, needs=("M001",), broken_by=(Defect(missed),))


def _others(
    limit: Limit, case: Case, evaluations: tuple[Evaluation, ...]
) -> dict[str, NDArray[np.float64]]:
    """Return the cosines of the reference predictors that the model is not itself."""
    return rivals(evaluations[0], limit.split, case.config.model.reference)


def _measure(
    limit: Limit,
    measured: tuple[dict[str, SplitScores], ...],
    references: Mapping[str, NDArray[np.float64]],
    judged: dict[str, Windows] | None,
) -> Measured:
    """Compare a metric of some windows with its limit; NaN fails."""
    ids = measured[0][limit.split].article_ids
    here = np.ones(len(ids), np.bool_)
    if judged and limit.slice:
        [(column, wanted)] = limit.slice.items()
        here = in_slice(judged[limit.split], column, wanted)
    articles = ids[here]
    bound = f">= {limit.least:g}" if limit.least is not None else f"<= {limit.most:g}"
    n, where = len(np.unique(articles)), limit.where
    if n < MIN_CLUSTERS:
        message = f"expected at least {MIN_CLUSTERS} articles to judge, got {n}: {limit}"
        finding = Finding(where, message, "more articles, or a wider slice", Severity.INCONCLUSIVE)
        return Measured(count_of(n, "article"), f">= {MIN_CLUSTERS} articles", [finding])
    values = _values(limit, measured)[here]
    if not np.isfinite(values).all():
        finding = Finding(where, f"expected {bound}, got a number that is none: {limit}")
        return Measured("nan", bound, [finding], number=math.nan)
    interval = _interval(limit, values, articles, references, here)
    findings = []
    detail = f"{interval.low:.4f} ... {interval.high:.4f}, {count_of(n, 'article')}"
    text = f"{interval.mean:.4f} ({detail})"
    if not limit.holds(interval.mean):
        findings.append(Finding(where, f"expected {bound}, got {text}"))
    elif limit.by == "bound" and not limit.holds(
        interval.low if limit.least is not None else interval.high
    ):
        message = f"expected {bound} with the interval, got {text}"
        findings.append(Finding(where, message, "judge on more articles", Severity.INCONCLUSIVE))
    standing = Standing(interval.low, interval.high, least=limit.least, most=limit.most)
    edge = limit.least if limit.least is not None else limit.most
    value = shown(interval.mean, edge if edge is not None else math.nan)
    return Measured(value, bound, findings, detail, interval.mean, standing)


def _values(limit: Limit, measured: tuple[dict[str, SplitScores], ...]) -> NDArray[np.float64]:
    """Return what each window has by the metric, the mean over seeds: (N,)."""
    metric = COSINE if limit.metric == LIFT else limit.metric
    return np.asarray(np.mean([scores[limit.split].of(metric) for scores in measured], axis=0))


def _interval(
    limit: Limit,
    values: NDArray[np.float64],
    articles: NDArray[np.int64],
    references: Mapping[str, NDArray[np.float64]],
    here: NDArray[np.bool_],
) -> Interval:
    """Return the mean and its interval; of a lift, that over the strongest reference predictor."""
    if limit.metric != LIFT:
        return cluster_interval(values, articles, seed=seed_from("limit", str(limit)))
    theirs = {name: cosines[here] for name, cosines in references.items()}
    return lift_over(values, theirs, articles, limit.split)[1]


def _missed(
    limit: Limit,
    measured: tuple[dict[str, SplitScores], ...],
    references: Mapping[str, NDArray[np.float64]],
    judged: dict[str, Windows],
) -> Parts:
    """Return scores that miss a limit in every window."""
    now = _measure(limit, measured, references, judged).number
    if now is None:
        raise DoesNotApplyError(f"{limit.id}: expected a slice of enough articles")
    wanted = limit.least if limit.least is not None else limit.most
    sign = -1 if limit.least is not None else 1
    step = (wanted or 0.0) - now + sign * MISSED_BY * max(abs(wanted or 0.0), 1.0)
    metric = COSINE if limit.metric == LIFT else limit.metric

    def change(scores: SplitScores) -> SplitScores:
        moved = scores.of(metric) + step
        if metric == COSINE:
            return replace(scores, cosines=moved)
        return replace(scores, values={**scores.values, metric: moved})

    return {"measured": tuple({**one, limit.split: change(one[limit.split])} for one in measured)}
