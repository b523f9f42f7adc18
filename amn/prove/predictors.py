"""Which predictor training articles warrant, by cross-validation over them (Stone 1974).

Every article is scored by predictors that were fitted without it, so no judged split has a say. A
predictor is worth declaring where its gain over the strongest of the other reference predictors
would show on splits of the judged ones' size.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from amn.engines import LocalEngine
from amn.evaluation.runner import score, torch_threads
from amn.evaluation.statistics import MIN_CLUSTERS, shows_gain
from amn.evaluation.summary import lift_over
from amn.evaluation.warranted import KINDS, NETWORK, Tried
from amn.system import available_cores
from amn.training.loop import train
from amn.training.networks.linear import Stacked
from amn.training.plan import make_plan, score_plan_references
from amn.training.workers import WORTH_A_PROCESS

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from numpy.typing import NDArray

    from amn.case.config import CaseConfig
    from amn.data.windows import Windows
    from amn.engines import Tell
    from amn.training.plan import Plan

FOLDS = 4  # each network learns from three quarters of the articles
MOST_WINDOWS = 10_000  # of whole articles: half a minute on two cores at 768 numbers


def try_predictors(
    config: CaseConfig,
    windows: Windows,
    judged: Sequence[float],
    progress: Callable[[int, int, str], None] | None = None,
) -> tuple[Tried, ...]:
    """Score the predictors of `KINDS` on training articles held out by turns.

    Empty where there are too few articles; without the network where a rule stops its training.

    Args:
        config: Of the case, its model a network that is mixed.
        windows: Of the training articles.
        judged: Articles of each judged split, as so many equal ones.
    """
    folds = [_Fold(number, plan) for number, plan in enumerate(_plans(config, windows))]
    work = sum(len(fold.plan.train) for fold in folds) * (config.training.epochs or 1)
    engine = LocalEngine(1 if work < WORTH_A_PROCESS else available_cores())
    done: dict[int, _Scored] = {}
    for number, one in engine.map(_fit, folds):
        done[number] = one
        if progress:
            progress(len(done), len(folds), "predictors on held-out articles")
    if not done:
        return ()
    scored = [done[fold.number] for fold in folds]
    articles = np.concatenate([fold.plan.judged["ood"].codes for fold in folds])
    references = _joined([one.references for one in scored])
    models = _joined([one.models for one in scored])
    return tuple(
        _tried(kind, models[kind], references, articles, judged, config.criteria.lift)
        for kind in KINDS
        if kind in models
    )


def _plans(config: CaseConfig, windows: Windows) -> list[Plan]:
    """Return a plan a fold: trained on the articles of the others, scored on its own."""
    ids, counts = np.unique(windows.article_ids, return_counts=True)
    if len(ids) < MIN_CLUSTERS:
        return []
    order = np.random.default_rng(0).permutation(len(ids))
    some = ids[order[np.cumsum(counts[order]) - counts[order] < MOST_WINDOWS]]
    plans = []
    for fold in np.array_split(some, FOLDS):
        rest = np.setdiff1d(some, fold)
        held = windows.of(np.sort(fold))
        parts = {"train": windows.of(rest), "in_dist": held, "ood": held}
        plans.append(make_plan(config, parts, {"train": rest, "in_dist": fold, "ood": fold}, {}))
    return plans


@dataclass(frozen=True)
class _Fold:
    """A fold to fit and to score."""

    number: int
    plan: Plan

    def __str__(self) -> str:
        return f"fold {self.number}"


@dataclass(frozen=True)
class _Scored:
    """The cosines of a fold's held-out windows, (N,) float64 by name.

    Attributes:
        references: Of the reference predictors, as a gate fits them.
        models: Of the predictors that a case may declare, as a training fits them.
    """

    references: Mapping[str, NDArray[np.float64]]
    models: Mapping[str, NDArray[np.float64]]


def _fit(fold: _Fold, tell: Tell) -> tuple[int, _Scored]:
    """Fit every predictor on the articles of the other folds, and score them on the fold's."""
    del tell
    plan, held = fold.plan, fold.plan.judged["ood"]
    with torch_threads(1):
        references = score_plan_references(plan)
        trained = train(
            plan.spec,
            plan.train,
            plan.validation,
            plan.config.training,
            seed=fold.number,
            references=references.validation,
        )
        mixture = trained.model
        assert isinstance(mixture, Stacked)  # noqa: S101 - the config asks for one
        models = {
            "ridge": score(mixture.ridge, held).cosines,
            "weighted_mean": score(mixture.ridge.weighted_mean, held).cosines,
        }
        if not trained.record.stop:
            models[NETWORK] = score(mixture, held).cosines
    return fold.number, _Scored(references.judged["ood"], models)


def _joined(
    folds: Sequence[Mapping[str, NDArray[np.float64]]],
) -> dict[str, NDArray[np.float64]]:
    """Return the cosines of all folds, (N,), of those that each of them has."""
    shared = [name for name in folds[0] if all(name in one for one in folds)]
    return {name: np.concatenate([one[name] for one in folds]) for name in shared}


def _tried(
    kind: str,
    cosines: NDArray[np.float64],
    references: Mapping[str, NDArray[np.float64]],
    articles: NDArray[np.int64],
    judged: Sequence[float],
    least: float,
) -> Tried:
    """Return what a predictor gains over the strongest of the others."""
    rivals = {name: one for name, one in references.items() if name != kind}
    over, gain = lift_over(cosines, rivals, articles, "predictors")
    return Tried(kind, over, gain, math.prod(shows_gain(gain, n, least) for n in judged))
