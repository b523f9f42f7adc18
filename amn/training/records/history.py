"""The course of one training, whatever wrote it down."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from enum import StrEnum
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from amn.training.record import TrainingRecord


Ending = Literal["finished", "stopped", "crashed", "unfinished", "unknown", ""]
# Trivial predictors where a record names none: the least that each scored on sentence vectors. The
# constant got 0.19 to 0.48, the mean of the context 0.52 to 0.59 (wiki-mini, the earlier project).
ASSUMED = {"constant": 0.19, "mean": 0.52}

Part = Literal[
    "val_cosine", "train_cosine", "val_loss", "train_loss", "terms", "lr", "status", "epochs"
]
# What a check of records reads -> what a record has to hold for it.
FIGURES_OF: dict[str, frozenset[Part]] = {
    "ends": frozenset({"status"}),
    "epochs": frozenset({"epochs"}),
    "val_cosines": frozenset({"val_cosine"}),
    "best_cosines": frozenset({"val_cosine"}),
    "loss_terms": frozenset({"terms", "train_loss"}),
    "validations": frozenset({"val_loss", "val_cosine"}),
    "both_cosines": frozenset({"train_cosine", "val_cosine"}),
    "learning_rates": frozenset({"lr"}),
}
FIGURES: tuple[Part, ...] = ("val_cosine", "train_cosine", "val_loss", "train_loss", "lr")


@dataclass(frozen=True, slots=True, kw_only=True)
class EpochFigures:
    """What was written down after one epoch; None where nothing was.

    Attributes:
        epoch: 1-based number, as recorded.
        train_loss: Total of the epoch, the mean over batches or windows.
        terms: Loss terms by name, as recorded: weighted only where the history says so.
        lr: Learning rate.
        steps: Optimiser steps; 0 where nobody counted.
    """

    epoch: int
    train_loss: float | None = None
    val_loss: float | None = None
    train_cosine: float | None = None
    val_cosine: float | None = None
    lr: float | None = None
    terms: dict[str, float] = field(default_factory=dict)
    steps: int = 0


@dataclass(frozen=True, kw_only=True)
class RunHistory:
    """One training: its epochs, and what is known about it.

    Attributes:
        name: For people: file name without suffix, or `seed 0`.
        source: File or folder it was read from; None for a training in memory.
        origin: What wrote it, such as `run.json` or `TensorBoard`.
        model: Kind of network, `amn`, `gru`, `lstm`, `transformer`; empty where unknown.
        weights: Declared weight of each loss term, 1 where the recorded terms are weighted; None
            where nothing is declared.
        dim: D of the vectors, where known.
        planned: Epochs that were asked for, where known.
        references: Validation cosines of reference predictors, where they were measured.
        scores: Mean cosines `in_dist` and `ood`, where they were measured.
        bests: `val_loss` and `val_cosine` that the record calls its best.
        primary: The term that is meant to be learned, where the record or its reader says it.
        status: `finished`, `stopped`, `crashed`, `unfinished`, or `unknown` where the record has a
            word for it that nobody knows; empty where it says nothing.
        stop: Why it did not finish.
        then: Outcome as it was written down at the time.
        is_excerpt: Whether epochs were left out on purpose.
        settings: `criteria` and `abort` of the case that it is a run of, where the record has them.
        unread: Keys that no reader knows, kept as they are.
        unknown: Columns of numbers that nobody understood.
        is_stepped: Whether training was logged by step: an epoch may lack such a figure.
    """

    name: str
    source: Path | None = None
    origin: str = ""
    model: str = ""
    epochs: tuple[EpochFigures, ...] = ()
    weights: dict[str, float] | None = None
    dim: int | None = None
    planned: int | None = None
    references: dict[str, float] = field(default_factory=dict)
    scores: dict[str, float] = field(default_factory=dict)
    bests: dict[str, float] = field(default_factory=dict)
    primary: str = ""
    status: Ending = ""
    stop: str = ""
    then: str = ""
    is_excerpt: bool = False
    settings: dict[str, Any] = field(default_factory=dict)
    unread: dict[str, Any] = field(default_factory=dict)
    unknown: tuple[str, ...] = ()
    is_stepped: bool = False

    def until(self, n: int) -> RunHistory:
        """Return the history as it stood after its first n lines: nothing about the end."""
        return replace(
            self,
            epochs=self.epochs[:n],
            bests={},
            scores={},
            status="",
            stop="",
            planned=None,
            unknown=(),
        )

    @cached_property
    def parts(self) -> frozenset[Part]:
        """What it holds at least one number of; a check that reads another part cannot run."""
        held: set[Part] = {
            f for f in FIGURES if any(getattr(e, f) is not None for e in self.epochs)
        }
        if self.epochs:
            held.add("epochs")
        if any(e.terms for e in self.epochs):
            held.add("terms")
        if self.status:
            held.add("status")
        return frozenset(held)

    @cached_property
    def validated_every(self) -> int:
        """Epochs from one validation to the next, where they are evenly spaced; 1 otherwise.

        The last epoch may be validated besides.
        """
        named = ("val_cosine", "val_loss")
        at = [
            [e.epoch for e in self.epochs if getattr(e, figure) is not None]
            for figure in named
            if figure in self.parts
        ]
        if not at or any(epochs != at[0] for epochs in at):
            return 1
        epochs, last = at[0], self.epochs[-1].epoch
        every = epochs[1] - epochs[0] if len(epochs) > 1 else epochs[0]
        due = list(range(epochs[0], last + 1, max(every, 1)))
        is_even = epochs[0] <= every and epochs in (due, [*due, last])
        return every if is_even else 1

    def is_due(self, epoch: int) -> bool:
        """Tell whether an epoch has to have been validated."""
        first = next((e.epoch for e in self.epochs if e.val_cosine is not None), epoch)
        return (epoch - first) % self.validated_every == 0

    @property
    def is_measured(self) -> bool:
        """Whether constant and mean were measured on its validation windows."""
        return set(ASSUMED) <= set(self.references)

    def reference(self, name: Literal["constant", "mean"]) -> float:
        """Return a reference predictor's validation cosine: measured, or the assumed one."""
        return self.references.get(name, ASSUMED[name])

    @property
    def best(self) -> EpochFigures | None:
        """The line with the highest validation cosine, the first of equals."""
        known = [e for e in self.epochs if e.val_cosine is not None]
        return max(known, key=lambda e: e.val_cosine or 0.0, default=None)


Histories = tuple[RunHistory, ...]  # one a candidate, or that of one record


class RecordKind(NamedTuple):
    """One kind of record.

    Attributes:
        holds: Tells whether a path, of a file or a folder, is one; nothing is read.
        read: Reads one: takes the path and, where a parameter is called `names`, what a user says
            of columns; raises DataError for what is not what it seems to be. The first line of its
            docstring is its line in docs/records.md.
    """

    holds: Callable[[Path], bool]
    read: Callable[..., RunHistory]


def history_of(name: str, record: TrainingRecord, *, model: str = "amn") -> RunHistory:
    """Return our own record as a history: its terms are weighted, its references measured."""
    epochs = tuple(
        EpochFigures(
            epoch=line.epoch,
            train_loss=line.train_loss,
            val_loss=line.val_loss,
            train_cosine=line.train_cosine,
            val_cosine=line.val_cosine,
            lr=line.lr,
            terms=dict(line.terms),
            steps=line.steps,
        )
        for line in record.epochs
    )
    names = dict.fromkeys(term for line in record.epochs for term in line.terms)
    return RunHistory(
        name=name,
        origin="run.json",
        model=model,
        epochs=epochs,
        weights=dict.fromkeys(names, 1.0),
        primary=next(iter(names), ""),
        references={"constant": record.constant, "mean": record.mean},
        bests={"val_cosine": record.best_val_cosine} if record.epochs else {},
        status=record.status,
        stop=record.stop.message if record.stop else "",
    )


class RunStatus(StrEnum):
    """How a run ended, the first that applies."""

    SUCCESS = "SUCCESS"
    UNREADABLE = "UNREADABLE"  # nothing can be said
    CRASHED = "CRASHED"  # it met a number that it could not go on with
    UNFINISHED = "UNFINISHED"  # it was killed, or still runs
    HARNESS = "HARNESS"  # no working measurement gives such figures
    INFONCE_DOMINANCE = "INFONCE_DOMINANCE"  # the contrastive term is most of the loss
    DOMINANT_TERM = "DOMINANT_TERM"  # another secondary term is
    UNDECLARED_TERM = "UNDECLARED_TERM"  # the loss is not what was declared
    DEAD_TERM = "DEAD_TERM"  # part of the loss teaches nothing
    COLLAPSE = "COLLAPSE"  # validation fell
    NO_SKILL = "NO_SKILL"  # nothing beyond what a trivial predictor does
    LOW_START = "LOW_START"  # the first epoch was too low
    STALL = "STALL"  # no new best for too long
    OOD_COLLAPSE = "OOD_COLLAPSE"  # OOD below 0.40, and above the constant predictor
    BELOW_FLOOR = "BELOW_FLOOR"  # a judged score is below its floor
    DELTA_OUTSIDE = "DELTA_OUTSIDE"  # OOD minus in-dist is not in its range
    UNKNOWN_COLUMNS = "UNKNOWN_COLUMNS"  # what looks like a score or a loss was not understood
    WORSE_THAN_GOLDEN = "WORSE_THAN_GOLDEN"
    BROKEN_DATA = "BROKEN_DATA"  # stopped before training
    NOT_MEASURED = "NOT_MEASURED"  # a check could not look
    INCONCLUSIVE = "INCONCLUSIVE"
