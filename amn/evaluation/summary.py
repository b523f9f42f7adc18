"""A split's score as a person reads it: mean, interval, reference predictors, lift.

Letters: S seeds, N windows.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np

from amn.evaluation.statistics import Interval, cluster_interval, cluster_intervals, seed_from

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from amn.evaluation.metric import Metric
    from amn.evaluation.storage import Evaluation

LIFT_OVER = "mean"  # the reference predictor that figures are drawn beside


@dataclass(frozen=True)
class Summary:
    """One split's score over all seeds.

    Attributes:
        mean: Mean cosine over windows and seeds; NaN when it was not measured.
        per_seed: Mean cosine of each seed.
        interval: Of `mean`, clustered by article; None where only the mean is known.
        references: Mean cosine of each reference predictor that is known.
        lift: Interval of the gain over the strongest reference predictor, see `lift_over`; None
            where windows are not known.
        strongest: Name of that reference predictor; empty where windows are not known.
    """

    mean: float
    per_seed: tuple[float, ...] = ()
    interval: Interval | None = None
    references: dict[str, float] = field(default_factory=dict)
    lift: Interval | None = None
    strongest: str = ""

    @classmethod
    def of_score(cls, value: float | None, references: dict[str, float] | None = None) -> Summary:
        """Return the summary of a score of which nothing else is known; None: not measured."""
        if value is None:
            return cls(mean=float("nan"), references=references or {})
        return cls(mean=value, per_seed=(value,), references=references or {})


def summarise_split(evaluations: Sequence[Evaluation], split: str, own: str = "") -> Summary:
    """Summarise one split over seeds. A cosine that is not finite makes the mean NaN.

    Args:
        evaluations: One a seed, of the same windows.
        own: The reference predictor that is judged itself: it is compared with the others.
    """
    scores = [evaluation.scores[split] for evaluation in evaluations]
    references = rivals(evaluations[0], split, own)
    means = {name: float(cosines.mean()) for name, cosines in references.items()}
    per_seed = tuple(score.mean for score in scores)
    mean = float(np.sum(per_seed) / len(per_seed))
    if not np.isfinite(mean):
        return Summary(mean, per_seed, references=means)
    cosines = np.mean([score.cosines for score in scores], axis=0)  # (N,) over seeds
    articles = scores[0].article_ids
    strongest, lift = lift_over(cosines, references, articles, split)
    return Summary(
        mean=mean,
        per_seed=per_seed,
        interval=cluster_interval(cosines, articles, seed=seed_from("score", split)),
        references=means,
        lift=lift,
        strongest=strongest,
    )


def rivals(evaluation: Evaluation, split: str, own: str) -> dict[str, NDArray[np.float64]]:
    """Return the cosines (N,) of the reference predictors but `own`, which is judged itself."""
    return {n: cosines for n, cosines in evaluation.references[split].items() if n != own}


@dataclass(frozen=True, slots=True)
class Skill:
    """The gain of a split over the strongest reference predictor, by any metric.

    Attributes:
        strongest: Name of that reference predictor.
        gain: In units of the metric, above 0 where the candidate is better; see `lift_over`.
        size: Mean of the metric for that reference predictor.
    """

    metric: str
    strongest: str
    gain: Interval
    size: float


def skill_over(
    metric: Metric,
    values: NDArray[np.float64],
    references: Mapping[str, NDArray[np.float64]],
    articles: NDArray[np.int64],
    split: str,
) -> Skill:
    """Return the gain of some values of a metric over the strongest reference predictor's.

    Args:
        values: (N,) of the candidate, finite.
        references: Name -> (N,), at least one.
        articles: (N,) article of each window.
    """
    signed = {name: metric.sign * theirs for name, theirs in references.items()}
    strongest, gain = lift_over(metric.sign * values, signed, articles, split)
    return Skill(metric.name, strongest, gain, float(references[strongest].mean()))


def lift_over(
    values: NDArray[np.float64],
    references: Mapping[str, NDArray[np.float64]],
    articles: NDArray[np.int64],
    split: str,
) -> tuple[str, Interval]:
    """Return the reference predictor with the least gain over it, and that gain's interval.

    Its ends are the lowest of all references' lower ends and of their upper ends. To be better than
    the strongest is to be better than each: an intersection-union test (Berger 1982), in which
    every reference is tested at the full level and the union keeps it.

    Args:
        values: (N,) of the candidate, higher is better.
        references: Name -> (N,), at least one.
        articles: (N,) article of each window.
    """
    differences = {name: values - theirs for name, theirs in references.items()}
    gains = cluster_intervals(differences, articles, seed=seed_from("lift", split))
    strongest = min(gains, key=lambda name: gains[name].mean)
    return strongest, replace(
        gains[strongest],
        low=min(gain.low for gain in gains.values()),
        high=min(gain.high for gain in gains.values()),
    )
