"""Evidence of a course of training: what a record promises is what it holds figures of."""

from __future__ import annotations

from typing import TYPE_CHECKING

from amn.errors import CheckNotRunError
from amn.gate.makers import COURSE
from amn.recipes import RECIPES
from amn.records.history import FIGURES_OF
from amn.training_config import AbortConfig

if TYPE_CHECKING:
    from collections.abc import Callable

    from amn.records.history import RunHistory

MOST_NAMES = 8  # of what nobody could read, in a message


def course_makers(history: RunHistory) -> dict[str, Callable[..., object]]:
    """Return the makers of what a history holds.

    Without a validation cosine and without scores nothing tells whether the model has learned: what
    would is promised all the same, and says that it could not look.
    """
    held: dict[str, Callable[..., object]] = {}
    if not history.scores:
        held["best_cosines"] = _best_cosines
    return held | {p: make for p, make in COURSE.items() if FIGURES_OF[p] <= history.parts}


def _best_cosines(histories: tuple[RunHistory, ...]) -> tuple[RunHistory, ...]:
    """Nothing: says what of a record nobody could read."""
    history = histories[0]
    unread = [
        name for names in history.unread.values() if isinstance(names, list) for name in names
    ]
    got = f"none among {', '.join(map(str, unread[:MOST_NAMES]))}" if unread else "none"
    raise CheckNotRunError(
        f"{history.name}: expected val_cosine in an epoch, got {got}. Fix: write it under that name"
    )


def abort_for(history: RunHistory, abort: AbortConfig) -> AbortConfig:
    """Return the stopping rules for a history: how far epoch 1 has to come depends on its model.

    A record that brings no rules of its own is taken for one that started from nothing, as the
    earlier project's did: by its kind's recipe `original`.
    """
    if history.settings.get("abort"):
        return AbortConfig.model_validate(history.settings["abort"])
    recipes = RECIPES.get(history.model.partition("_")[0], {})  # `transformer_optimized`
    own = recipes.get("original", {}).get("training", {}).get("abort", {})
    share = own.get("first_epoch_share", abort.first_epoch_share)
    return abort.model_copy(update={"first_epoch_share": share})
