"""What a training is made of: windows, network, settings, digests; the same for all its seeds."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch

from amn.case.config import EVALUATED
from amn.data.ids import as_ids
from amn.data.sampling import evenly_spaced
from amn.errors import ArgumentError
from amn.evaluation.metrics import METRIC_VERSION
from amn.storage import canonical_json, sha256_of
from amn.training.networks.build import ModelSpec, admit, spec_for
from amn.training.record import ValidationReferences

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from amn.case.config import CaseConfig
    from amn.case.load import Case
    from amn.data.ids import Ids
    from amn.data.splits import Split
    from amn.data.windows import Windows
    from amn.training.aim import Aim
    from amn.training.blend import Blend

TRAINING_VERSION = 4  # part of every cache key: raise it when training changes its results
VALIDATION_SHARE = 0.1  # of the training articles; they choose the best epoch and train nothing
FEWEST_ARTICLES = 2  # one to learn from, one for validation
HERE = Path()
VALIDATION_WINDOWS = 8192  # more would slow every epoch and move the mean by less than 1e-3


@dataclass(frozen=True)
class Plan:
    """Everything a run needs, the same for all its seeds.

    Attributes:
        train: Windows to learn from.
        validation: Windows of other training articles, which choose the best epoch.
        judged: Windows of in_dist and ood.
        articles: Ids of each split, as resolved.
        digests: Of the data sets and the resolved config.
        blend: The checkpoint to go on from, where there is one.
        folder: Of the case: where a factory of one's own is looked for.
        code: sha256 of that factory's module; empty where the case names none.
        aim: What a seed has to come to; a finished run is the same with and without, so it is no
            part of the key.
    """

    config: CaseConfig
    spec: ModelSpec
    train: Windows
    validation: Windows
    judged: dict[str, Windows]
    articles: dict[str, list[int] | list[str]]
    digests: dict[str, str]
    blend: Blend | None = None
    folder: Path = HERE
    code: str = ""
    aim: Aim | None = None

    def seen_articles(self) -> Ids:
        """Return the ids of all articles that a trained network has seen, ascending."""
        own = as_ids(self.articles["train"])
        return own if self.blend is None else np.union1d(own, self.blend.articles)

    def key(self, seed: int) -> str:
        """Return what the result of a seed depends on, as one digest: equal keys, equal results."""
        config = self.config.resolved()
        training = {k: v for k, v in config["training"].items() if k != "seeds"}
        training["init_from"] = self.blend and self.blend.digest
        content = {
            "spec": self.spec.to_json(),
            "training": training,
            "articles": self.articles,
            "data": {k: v for k, v in self.digests.items() if k != "config"},
            "seed": seed,
            **({"code": self.code} if self.code else {}),
            "versions": [TRAINING_VERSION, METRIC_VERSION, torch.__version__, np.__version__],
        }
        return sha256_of(canonical_json(content))


def make_plan(
    config: CaseConfig, windows: Mapping[str, Windows], articles: Mapping[str, Ids],
    digests: Mapping[str, str], *, folder: Path = HERE,
) -> Plan:  # fmt: skip
    """Set training articles aside for validation and put a plan together.

    Args:
        windows: Of train, in_dist and ood.
        articles: Ids of the same splits.
        folder: Of the case: where `training.init_from` is looked for.

    Raises:
        ArgumentError: If fewer than two training articles have windows.
        CheckpointError: If `training.init_from` is no checkpoint to go on from.
    """
    spec, blend = spec_for(config, windows["train"].dataset.dim), None
    code = admit(config, folder)
    ids = np.unique(windows["train"].article_ids)
    if config.training.init_from:
        from amn.training.blend import open_blend  # noqa: PLC0415 - few cases go on from another

        blend = open_blend(folder / config.training.init_from, spec, windows["train"])
        ids = np.setdiff1d(ids, blend.articles)
    if len(ids) < FEWEST_ARTICLES:
        raise ArgumentError(
            f"split.train: expected windows of at least {FEWEST_ARTICLES} articles, one of them "
            f"for validation, got {len(ids)}{(blend and ' that init_from has not seen') or ''}. "
            "Fix: more articles in [split]"
        )
    n = max(1, round(VALIDATION_SHARE * len(ids)))
    held = np.sort(np.random.default_rng(0).choice(ids, n, replace=False))
    validation = windows["train"].of(held)
    if len(validation) > VALIDATION_WINDOWS:
        validation = validation.take(evenly_spaced(len(validation), VALIDATION_WINDOWS))
    return Plan(
        config=config,
        spec=spec,
        train=windows["train"].of(np.setdiff1d(ids, held)),
        validation=validation,
        judged={name: windows[name] for name in EVALUATED},
        articles={name: ids.tolist() for name, ids in articles.items()},
        digests=dict(digests),
        blend=blend,
        folder=folder,
        code=code,
    )


def plan_for(case: Case, splits: Mapping[str, Split], windows: Mapping[str, Windows]) -> Plan:
    """Plan of a case on the windows of its splits.

    Raises:
        ArgumentError, CheckpointError: As `make_plan`.
    """
    digests = {f"dataset.{name}": split.dataset.digest for name, split in splits.items()}
    return make_plan(
        case.config,
        windows,
        {name: split.articles for name, split in splits.items()},
        {**digests, "config": case.config.digest()},
        folder=case.folder,
    )


@dataclass(frozen=True)
class PlanReferences:
    """The reference predictors' scores on a plan's windows, the same for all seeds.

    Attributes:
        validation: What the stopping rules compare with.
        judged: split -> reference predictor -> (N,) float64 cosines.
    """

    validation: ValidationReferences
    judged: dict[str, dict[str, NDArray[np.float64]]]


def score_plan_references(plan: Plan) -> PlanReferences:
    """Fit the reference predictors on the training windows and score them."""
    from amn.evaluation.reference import (  # noqa: PLC0415 - fitted where a seed is trained
        fit_references,
        score_references,
    )

    references = fit_references(plan.train)
    validation = score_references(references, plan.validation)
    return PlanReferences(
        validation=ValidationReferences(
            constant=float(validation["constant"].mean()), mean=float(validation["mean"].mean())
        ),
        judged={name: score_references(references, w) for name, w in plan.judged.items()},
    )
