"""Trainings in which one thing is undone: what each hypothesis blames, and nothing else.

Rows and context are changed from the start. Rate and schedule are changed where the judged weights
stand, so that a slow start is not taken for a rate that is too low.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from amn.case.config import WindowsConfig
from amn.case.training import OWN, RECIPES
from amn.data.coherence import mean_by_article
from amn.data.ids import IdSet, as_ids, is_text
from amn.data.sampling import evenly_spaced
from amn.data.windows import Windows, find_windows
from amn.errors import ArgumentError, CheckNotRunError, CheckpointError
from amn.training.networks.build import spec_for

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from amn.case.load import Case
    from amn.data.ids import Ids
    from amn.data.splits import Split
    from amn.gate.evidence import Evidence
    from amn.golden.schema import Golden
    from amn.training.checkpoint import Checkpoint
    from amn.training.plan import Plan

DECLARED, GOING_ON = "as declared", "going on at the declared rate"
PLAIN: dict[str, object] = {  # what a short training leaves out
    "warmup_epochs": 0.0,
    "early_stopping": None,
    "curriculum": None,
}
QUARTER = 0.25
NEW_SHARE = 1 / 3  # of the training windows, the last ones, where nobody says which rows are new
LONGER = (2, 4)  # rows: contexts 7 and 9, where 5 is declared
FACTOR = 3.0  # of the rate, both ways
MOST_VALIDATION = 512  # windows, evenly spaced: they choose between the epochs of a short training


@dataclass(frozen=True)
class Variant:
    """A training with one thing changed.

    Attributes:
        name: For people.
        plan: Windows, network and settings.
        judged: Windows that it is scored on.
        cause: That its gain speaks for; empty for what others are held against.
        against: Name of the variant that it is held against.
        weights: To go on from, a seed each in turn; empty: from the start.
    """

    name: str
    plan: Plan
    judged: Windows
    cause: str = ""
    against: str = DECLARED
    weights: tuple[Mapping[str, Any], ...] = ()


class Variants:
    """The variants of a case.

    Args:
        judged: Windows of one split, which all of them are scored on.
        new: Ids of articles that are new; None: those that the golden had not, or the last ones.

    Attributes:
        missing: Cause -> why the case allows no variant for it, and what would.
    """

    def __init__(self, evidence: Evidence, split: str, judged: Windows, new: str | None) -> None:
        self._evidence, self._split, self._judged, self._new = evidence, split, judged, new
        self._case: Case = evidence["case"]
        whole: Plan = evidence["plan"]
        fewer = whole.validation.take(evenly_spaced(len(whole.validation), MOST_VALIDATION))
        self._plan = replace(whole, validation=fewer, judged={})
        self.missing: dict[str, tuple[str, str]] = {}

    def all(self) -> tuple[Variant, ...]:
        """Return them, those that others are held against before these.

        Raises:
            ArgumentError: If `new` names no training articles.
        """
        makers = {
            "dilution": self._coherent,
            "context": self._longer,
            "learning_rate": self._rates,
            "new_rows": self._without_new,
            "dominant_term": self._primary,
        }
        found = [Variant(DECLARED, self._short(), self._judged)]
        for cause, make in makers.items():
            try:
                found += make()
            except CheckNotRunError as error:
                why, _, fix = str(error).partition(". Fix: ")
                self.missing[cause] = why, fix
        return tuple(found)

    def _short(self, **changes: object) -> Plan:
        """Return the plan of a short training with other settings."""
        return replace(self._plan, config=self._case.with_training(**PLAIN, **changes).config)

    def _on(self, name: str, cause: str, is_kept: NDArray[np.bool_]) -> list[Variant]:
        """Return a variant on some of the training windows."""
        if not is_kept.any() or is_kept.all():
            raise CheckNotRunError(
                f"{cause}: expected some of the {len(is_kept):,} training windows, got "
                f"{np.count_nonzero(is_kept):,}. Fix: training articles of both kinds"
            )
        plan = self._short()
        some = replace(plan, train=plan.train.take(np.flatnonzero(is_kept)))
        return [Variant(name, some, self._judged, cause)]

    def _coherent(self) -> list[Variant]:
        windows, scan = self._plan.train, self._evidence["scans"]["train"]
        _, coherence = mean_by_article(windows.dataset, scan.adjacent, 1)
        limit = float(np.quantile(coherence[np.unique(windows.codes)], QUARTER))
        name = f"without the quarter of its articles that is least coherent (below {limit:.3f})"
        return self._on(name, "dilution", coherence[windows.codes] >= limit)

    def _without_new(self) -> list[Variant]:
        windows = self._plan.train
        if self._new is not None:
            ids = windows.article_ids
            try:
                named = IdSet.of(self._new.split(",") if is_text(ids) else self._new)
            except ArgumentError as error:
                raise ArgumentError(f"--new: {error}") from error
            is_new = named.holds(ids)
            if not is_new.any():
                raise ArgumentError(f"--new: expected training articles, got none in {self._new}")
            return self._on("without the new articles", "new_rows", ~is_new)
        if (known := self._articles_of_golden()) is not None:
            is_old = windows.dataset.is_in(known)[windows.starts]
            return self._on("without the articles that the golden had not", "new_rows", is_old)
        first = windows.codes[math.floor((1 - NEW_SHARE) * len(windows))]
        name = f"without its last articles, from {windows.dataset.articles[first]} on"
        return self._on(name, "new_rows", windows.codes < first)

    def _articles_of_golden(self) -> Ids | None:
        """Return the training articles of the golden; None where it has all of the case's."""
        found: Golden | Exception | None = self._evidence.get("found_golden")
        if found is None or isinstance(found, Exception):
            return None
        known = found.tables["train"].articles
        is_grown = not np.isin(self._plan.train.article_ids, known).all()
        return as_ids(known.tolist()) if is_grown else None

    def _longer(self) -> list[Variant]:
        split: Split = self._evidence["splits"][self._split]
        plan = self._short()
        dataset = plan.train.dataset
        found = []
        for more in LONGER:
            context = self._case.config.windows.context + more
            windows = partial(find_windows, dataset, context)
            train = windows(np.unique(plan.train.article_ids))
            validation = windows(np.unique(plan.validation.article_ids))
            judged = find_windows(split.dataset, context, np.unique(self._judged.article_ids))
            judged = judged.take(np.flatnonzero(np.isin(judged.targets, self._judged.targets)))
            if not (len(train) and len(validation) and len(judged)):
                raise CheckNotRunError(
                    f"context: expected articles of {context + 1} rows in every split, got none. "
                    "Fix: longer articles"
                )
            asked = {"windows": WindowsConfig(context=context)}
            config = plan.config.model_copy(update=asked)
            longer = replace(
                plan,
                config=config,
                spec=spec_for(config, dataset.dim),
                train=train,
                validation=validation.take(evenly_spaced(len(validation), MOST_VALIDATION)),
            )
            found.append(Variant(f"context {context}", longer, judged, "context"))
        return found

    def _rates(self) -> list[Variant]:
        if self._plan.spec.is_closed_form:
            got = self._plan.spec.architecture
            raise CheckNotRunError(
                f"learning_rate: expected a network that takes steps, got {got}. Fix: none: no rate"
            )
        loaded: tuple[Checkpoint | CheckpointError, ...] = self._evidence["loaded"]
        weights: list[Mapping[str, Any]] = []
        for one in loaded:
            if isinstance(one, CheckpointError) or one.spec != self._plan.spec:
                raise CheckNotRunError(
                    "learning_rate: expected weights of the case's own network to go on from, got "
                    "others. Fix: a training of this case"
                )
            weights.append(one.model.state_dict())
        rate = self._case.config.training.rate
        changes: dict[str, dict[str, object]] = {
            GOING_ON: {},
            f"at {rate / FACTOR:.2g}, a third of it": {"lr": rate / FACTOR},
            f"at {rate * FACTOR:.2g}, three times it": {"lr": rate * FACTOR},
            "falling to nothing": {"schedule": "cosine"},
        }
        usual = _usual_rate(self._case)
        if not rate / FACTOR <= usual <= rate * FACTOR:
            changes[f"at {usual:.2g}, the recipe's"] = {"lr": usual}
        return [
            Variant(
                name,
                self._short(**{"schedule": "constant", **change}),
                self._judged,
                cause="" if name == GOING_ON else "learning_rate",
                against=GOING_ON,
                weights=tuple(weights),
            )
            for name, change in changes.items()
        ]

    def _primary(self) -> list[Variant]:
        terms = self._case.config.training.loss_terms().weights()
        primary = next(iter(terms))
        if len(terms) == 1:
            return []
        plan = self._short(loss=primary, losses=None)
        return [Variant(f"{primary} alone", plan, self._judged, "dominant_term")]


def _usual_rate(case: Case) -> float:
    """Return the rate of the case's recipe, or of the default one for a network of one's own."""
    model = case.config.model
    recipe: Mapping[str, Any] = (
        OWN if model.factory else RECIPES[model.kind][model.recipe]["training"]
    )
    return float(recipe["lr"])
