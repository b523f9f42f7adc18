"""Makers of courses of training: a part a kind of figure; records promise what they hold."""

from __future__ import annotations

from typing import TYPE_CHECKING

from amn.case.training import RECIPES, AbortConfig
from amn.errors import CheckNotRunError
from amn.gate.evidence import named
from amn.gate.makers.at_rest import sound
from amn.training.records.history import FIGURES_OF, history_of
from amn.training.records.rows import COLUMNS

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from amn.case.load import Case
    from amn.training.candidate import Candidate
    from amn.training.command import Commanded
    from amn.training.records.history import Histories, Part, RunHistory


def commanded_histories(trainings: tuple[Commanded, ...]) -> Histories:
    """The course of each seed. Raises where one is not what the case promises."""
    return tuple(sound(one.history) for one in trainings if one.history)


def histories(case: Case, candidates: tuple[Candidate, ...]) -> Histories:
    """The course of training of each candidate; one without a record cannot be checked."""
    found = []
    for candidate in candidates:
        if candidate.record is None:
            raise CheckNotRunError(f"{candidate.name}: expected a training record, found none")
        found.append(history_of(candidate.name, candidate.record, model=case.config.model.kind))
    return tuple(found)


def abort(case: Case) -> AbortConfig:
    """The rules of stopping early, which are replayed."""
    return case.config.training.abort


def figures_of(histories: Histories) -> Histories:
    """The courses of training, where these have the figures of that kind."""
    return histories


def read_columns(histories: Histories) -> Histories:
    """Courses of training that somebody else wrote down, some of whose columns nobody knows."""
    return histories


COURSE = dict.fromkeys(FIGURES_OF, figures_of)
MOST_NAMES = 8  # of what nobody could read, in a message


def promised_course(figures: Sequence[Part]) -> dict[str, Callable[..., object]]:
    """Return the makers of a course of which some figures are promised, and how it ended."""
    if not figures:
        return {}
    known = {*figures, "status", "epochs"}
    held = {part: make for part, make in COURSE.items() if FIGURES_OF[part] <= known}
    return {**held, "histories": commanded_histories, **named(abort)}


def course_makers(history: RunHistory) -> dict[str, Callable[..., object]]:
    """Return the makers of what a history holds."""
    held = {part: make for part, make in COURSE.items() if FIGURES_OF[part] <= history.parts}
    return {**held, **(named(read_columns) if history.unknown else {})}


def no_best_cosines(histories: tuple[RunHistory, ...]) -> tuple[RunHistory, ...]:
    """Nothing: says what of a record nobody could read, for the check that would look at it."""
    history = histories[0]
    unread = history.unknown[:MOST_NAMES]
    got = f"none among {', '.join(unread)}" if unread else "none"
    raise CheckNotRunError(
        f"{history.name}: expected val_cosine in an epoch, got {got}. Fix: {COLUMNS}"
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
