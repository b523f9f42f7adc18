"""The course of a run in few lines: epochs spread evenly, and those in which something happened."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from amn.training.records.history import EpochFigures, RunHistory

MOST_LINES = 8  # epochs shown beside the best, the last and those with an event


@dataclass(frozen=True)
class ProgressLine:
    """One epoch of a progression.

    Attributes:
        change: Of the validation cosine since the line above.
        events: `best`, a change of the learning rate, where it could have been stopped.
    """

    figures: EpochFigures
    change: float | None
    events: tuple[str, ...]


def progression(history: RunHistory, stop_epoch: int | None) -> list[ProgressLine]:
    """Return the epochs worth showing: spread evenly, and every one in which something happened."""
    lines = history.epochs
    every = max(1, -(-len(lines) // MOST_LINES))
    shown: list[ProgressLine] = []
    for i, line in enumerate(lines):
        events = _events(history, i, stop_epoch)
        if not (events or i % every == 0 or i == len(lines) - 1):
            continue
        before = shown[-1].figures.val_cosine if shown else None
        change = None if before is None or line.val_cosine is None else line.val_cosine - before
        shown.append(ProgressLine(line, change, events))
    return shown


def _events(history: RunHistory, i: int, stop_epoch: int | None) -> tuple[str, ...]:
    """Return what happened in the epoch with index i."""
    line = history.epochs[i]
    events = []
    if i and _has_steps(history):
        before, now = history.epochs[i - 1].lr, line.lr
        if before is not None and now is not None and now != before:
            events.append(f"learning rate {before:g} to {now:g}")
    if line is history.best:
        events.append("best")
    if line.epoch == stop_epoch:
        events.append("could have been stopped here")
    return tuple(events)


def _has_steps(history: RunHistory) -> bool:
    """Tell whether the learning rate changes now and then: a smooth schedule has no events."""
    rates = [line.lr for line in history.epochs]
    changes = sum(a != b for a, b in pairwise(rates))
    return 2 * changes <= len(rates)
