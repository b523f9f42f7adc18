"""R: is the record sound: whole, in order, one with itself, training apart from validation."""

from __future__ import annotations

import math
from dataclasses import replace
from itertools import zip_longest
from operator import attrgetter
from typing import TYPE_CHECKING

import numpy as np

from amn.checks import broken
from amn.checks.check import check, some_ids
from amn.errors import CheckNotRunError
from amn.training.records.history import FIGURES, RunStatus
from amn.training.records.names import is_telling
from amn.training.records.rows import COLUMNS
from amn.verdict import Finding, Measured, Severity, count_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from amn.checks.broken.records import Candidates, Parts
    from amn.training.record import TrainingRecord
    from amn.training.records.history import EpochFigures, Histories, RunHistory

LOSS_RTOL = 1e-6  # of val_loss = 2 (1 - val_cosine) / D in float64 means of float32 batches
COSINE_ATOL = 1e-5  # of val_loss = 1 - val_cosine, summed apart in float32 and float64
BEST_RTOL = 1e-9  # a best is a copy of one of the lines
SCORE_ATOL = 5e-5  # half of the fourth digit that people write
RESUMED = "join the parts of a resumed run, and drop the epochs that were run twice"
BY_VALIDATION = ("val_cosine", "val_loss")
BY_STEP = ("train_loss", "train_cosine", "lr")  # what is logged every so many steps
DIM_RTOL = 1e-4  # how near to a whole number the recovered D has to be


def _pairs(history: RunHistory, *names: str) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Return epochs (E,) and figures (len(names), E) of the lines that have all of them."""
    columns = (map(attrgetter(name), history.epochs) for name in ("epoch", *names))
    lines = [line for line in zip(*columns, strict=True) if None not in line]
    epochs, *figures = np.array(lines, np.float64).reshape(-1, 1 + len(names)).T
    return epochs.astype(np.int64), np.reshape(figures, (len(names), -1))


def tampered_record(candidates: Candidates) -> Parts:
    """The best cosine was raised by hand."""

    def change(record: TrainingRecord) -> TrainingRecord:
        best = record.best_epoch
        return broken.records.with_lines(
            record, lambda e: replace(e, val_cosine=e.val_cosine + 0.01 * (e.epoch == best))
        )

    return broken.records.with_record(candidates, change)


@check(
    "R009",
    "consistent",
    severity=Severity.HARNESS,
    needs=["R005"],
    broken_by=[tampered_record],
)
def check_consistent(validations: Histories) -> Measured:
    """Loss, cosine and the recorded bests are of one and the same run.

    Where validation is on unit vectors, val_loss = 2 (1 - val_cosine) / D within 1e-6 (MSE) or
    1 - val_cosine (cosine loss); a recorded best is the best of the recorded epochs.

    Why: A figure that was edited, or taken from another run, breaks what binds loss and cosine.
    Fix: Read the figures from the original log
    """
    findings, kinds = [], []
    for history in validations:
        kind, found = _identity(history)
        kinds.append(kind)
        findings += found + _bests(history)
    value = "; ".join(dict.fromkeys(kinds))
    value += f", not so {count_of(len(findings), 'time')}" if findings else ""
    return Measured(value, f"within {LOSS_RTOL:g}", findings)


def _identity(history: RunHistory) -> tuple[str, list[Finding]]:
    """Return which identity binds val_loss to val_cosine, and the epochs that break it.

    For unit vectors p and t of D numbers, mean((p - t)^2) = 2 (1 - p.t) / D, and so for the means
    over windows. It holds for the earlier project's records, whose validation was on normalised
    outputs. A cosine loss is 1 - p.t. The MSE of raw outputs is bound by neither.

    Raises:
        CheckNotRunError: If no epoch has both.
    """
    epochs, (loss, cosine) = _pairs(history, "val_loss", "val_cosine")
    if not len(epochs):
        raise CheckNotRunError(
            f"{history.name}: expected an epoch with val_loss and val_cosine, found none"
        )
    angle = 1 - cosine
    if np.median(np.abs(loss - angle)) <= COSINE_ATOL:
        off = np.abs(loss - angle) > COSINE_ATOL
        return "1 - val_cosine", [
            Finding(
                f"{history.name}, epoch {epoch}",
                f"expected val_loss = 1 - val_cosine = {want:.6f}, got {got:.6f}",
            )
            for epoch, want, got in zip(epochs[off], angle[off], loss[off], strict=True)
        ]
    if history.origin == "run.json":
        return "bests only: the loss is of raw outputs", []
    implied = 2 * angle / np.where(loss == 0, np.nan, loss)
    dim = history.dim or _whole_dim(implied)
    if dim is None:
        message = (
            "expected val_loss = 2 (1 - val_cosine) / D or 1 - val_cosine, got neither: "
            f"D would be {np.fmin.reduce(implied):.1f} ... {np.fmax.reduce(implied):.1f}"
        )
        return "of no kind we know", [Finding(history.name, message, severity=Severity.WARNING)]
    expected = 2 * angle / dim
    off = ~(np.abs(loss - expected) <= LOSS_RTOL * np.abs(expected))
    return f"2 (1 - val_cosine) / {dim}", [
        Finding(
            f"{history.name}, epoch {epoch}",
            f"expected val_loss = 2 (1 - val_cosine) / {dim} = {want:.9g}, got {got:.9g}",
            "read the figures from the original log: one of the two was changed or mixed up",
        )
        for epoch, want, got in zip(epochs[off], expected[off], loss[off], strict=True)
    ]


def _whole_dim(implied: NDArray[np.float64]) -> int | None:
    """Return the D that most epochs agree on, None where there is none."""
    middle = float(np.nanmedian(implied)) if np.isfinite(implied).any() else math.nan
    if not middle >= 1 or not math.isfinite(middle):
        return None
    dim = round(middle)
    agreeing = np.abs(implied - dim) <= DIM_RTOL * dim
    return dim if 2 * int(agreeing.sum()) > len(implied) else None


def _bests(history: RunHistory) -> list[Finding]:
    """Compare the bests that a record states with its own lines."""
    findings = []
    for name, choose in (("val_loss", np.min), ("val_cosine", np.max)):
        stated = history.bests.get(name)
        _, (values,) = _pairs(history, name)
        if stated is None or not len(values):
            continue
        got = float(choose(values))
        if not abs(stated - got) <= BEST_RTOL * abs(got):
            message = f"expected the best {name} of its epochs, {got:.9g}, got {stated:.9g}"
            findings.append(Finding(history.name, message, "was the record cut or put together?"))
    return findings


def epoch_missing(candidates: Candidates) -> Parts:
    """An epoch is missing."""

    def change(record: TrainingRecord) -> TrainingRecord:
        first, _, *others = broken.records.lengthened(record).epochs
        return replace(record, epochs=(first, *others))

    return broken.records.with_record(candidates, change)


@check(
    "R010",
    "epochs",
    severity=Severity.HARNESS,
    needs=["R005"],
    broken_by=[epoch_missing],
    course="lasting",
)
def check_epochs(epochs: Histories) -> Measured:
    """Epochs are numbered 1, 2, 3 without a gap or a repeat, and are whole.

    Each has the figures that the others have, all finite; validation may come every few epochs.

    Why: A record that was cut, or put together from two runs, tells the course of neither.
    Fix: Join the parts of a resumed run, and drop the epochs that were run twice
    """
    findings, total = [], 0
    for history in epochs:
        numbers = [line.epoch for line in history.epochs]
        total += len(numbers)
        expected = sorted(set(numbers)) if history.is_excerpt else range(1, len(numbers) + 1)
        wrong = [got for got, want in zip_longest(numbers, expected) if got != want]
        if wrong:
            limit = "in order" if history.is_excerpt else f"1 ... {len(numbers)} in order"
            message = f"expected epochs {limit}, got {some_ids(np.array(numbers))}"
            findings.append(Finding(f"{history.name}, epoch {wrong[0]}", message, RESUMED))
        findings += [f for line in history.epochs for f in _holes(history, line)]
    spans = sorted({history.validated_every for history in epochs} - {1})
    note = f", validated every {some_ids(np.array(spans))}" if spans else ""
    return Measured(f"{count_of(total, 'epoch')}{note}", "1, 2, 3, finite", findings)


def _holes(history: RunHistory, line: EpochFigures) -> list[Finding]:
    """Return what a line lacks that the others have, and what is no finite number in range."""
    where, held, findings = f"{history.name}, epoch {line.epoch}", history.parts, []
    for figure in FIGURES:
        name, value = str(figure), getattr(line, figure)
        is_needed = (
            history.is_due(line.epoch)
            if name in BY_VALIDATION
            else not (history.is_stepped and name in BY_STEP)
        )
        if name in held and value is None and is_needed:
            findings.append(Finding(where, f"expected {name} as in the other epochs, got none"))
        elif value is not None and not math.isfinite(value):
            findings.append(Finding(where, f"expected a finite {name}, got {value}"))
        elif value is not None and "cosine" in name and abs(value) > 1:
            findings.append(Finding(where, f"expected {name} in -1 ... 1, got {value}"))
    for name, value in line.terms.items():
        if not math.isfinite(value):
            findings.append(Finding(where, f"expected a finite {name}, got {value}"))
    return findings


def column_nobody_reads(histories: Histories) -> Parts:
    """A column of scores has a name that nobody understands."""
    first, *others = histories
    return {"read_columns": (replace(first, unknown=("cosine_of_something",)), *others)}


@check(
    "R014",
    "columns",
    needs=["R005"],
    broken_by=[column_nobody_reads],
    course="at_end",
    means=RunStatus.UNKNOWN_COLUMNS,
)
def check_columns(read_columns: Histories) -> Measured:
    """Every column that looks like a score or a loss was understood.

    It is asked of a record that has columns nobody understood; all of them are listed.

    Why: A reader that skips what it does not know turns a dominated loss into a record without
    losses, which passes.
    Fix: Say what the column is: amn check run FILE --columns NAMES.toml
    """
    findings = []
    unknown = [name for history in read_columns for name in history.unknown]
    for history in read_columns:
        if telling := [name for name in history.unknown if is_telling(name)]:
            message = (
                "expected to understand every column that looks like a score or a loss, got "
                f"{', '.join(telling)}"
            )
            findings.append(Finding(history.name, message, COLUMNS))
    return Measured(f"not understood: {', '.join(unknown)}", "no score, no loss", findings)


def train_for_validation(candidates: Candidates) -> Parts:
    """Training and validation are one column."""

    def change(record: TrainingRecord) -> TrainingRecord:
        return broken.records.with_lines(
            broken.records.lengthened(record), lambda e: replace(e, train_cosine=e.val_cosine)
        )

    return broken.records.with_record(candidates, change)


@check(
    "R011",
    "train_apart",
    severity=Severity.HARNESS,
    needs=["R005"],
    broken_by=[train_for_validation],
)
def check_train_apart(both_cosines: Histories) -> Measured:
    """Training and validation cosines are not taken for each other.

    They are not one column, not exchanged, and the in-dist score is no training cosine.

    Why: A training cosine of 0.5281 was set against a validation cosine of 0.4457, and a collapse
    was read into it.
    Fix: Read the columns from the original log; compare validation with validation
    """
    findings, gaps = [], []
    for history in both_cosines:
        epochs, (train, val) = _pairs(history, "train_cosine", "val_cosine")
        if not len(epochs):
            continue
        gaps.append(float(train[-1] - val[-1]))
        same = int((train == val).sum())
        if same > 1 and 2 * same > len(epochs):
            message = (
                "expected validation on windows of its own, got val_cosine == train_cosine in "
                f"{same} of {len(epochs)} epochs"
            )
            findings.append(
                Finding(history.name, message, "validate on articles that training does not see")
            )
        findings += _swapped(history) + _train_score(history, train, val)
    shown = ", ".join(f"{gap:+.4f}" for gap in gaps) or "no epoch with both"
    return Measured(f"train - val {shown}", "apart", findings)


def _swapped(history: RunHistory) -> list[Finding]:
    """Find a val_loss that belongs to the training cosine."""
    _, (loss, train, val) = _pairs(history, "val_loss", "train_cosine", "val_cosine")
    if not len(loss):
        return []
    dim = history.dim or _whole_dim(2 * (1 - train) / np.where(loss == 0, np.nan, loss))
    if dim is None:
        return []
    of_train, of_val = (np.abs(loss - 2 * (1 - c) / dim) <= LOSS_RTOL * loss for c in (train, val))
    if not (of_train & ~of_val).any():
        return []
    message = (
        f"expected val_loss to go with val_cosine, got 2 (1 - train_cosine) / {dim} in "
        f"{count_of(int(of_train.sum()), 'epoch')}"
    )
    return [Finding(history.name, message, "exchange the two columns")]


def _train_score(
    history: RunHistory, train: NDArray[np.float64], val: NDArray[np.float64]
) -> list[Finding]:
    """Find an in-dist score that is a training cosine: the last one or that of the best epoch."""
    score = history.scores.get("in_dist")
    if score is None:
        return []
    suspects = train[[-1, int(np.nanargmax(val))]] if np.isfinite(val).any() else train[-1:]
    if np.abs(suspects - score).min() > SCORE_ATOL or np.abs(val - score).min() <= SCORE_ATOL:
        return []
    message = f"expected a score of held-out articles, got {score}, which is the training cosine"
    return [Finding(f"{history.name}, in_dist", message, severity=Severity.WARNING)]


def rate_resumed(candidates: Candidates) -> Parts:
    """The learning rate rose after it fell."""

    def change(record: TrainingRecord) -> TrainingRecord:
        whole = broken.records.lengthened(record)
        first, halved = whole.epochs[0].lr, len(whole.epochs) // 2
        return broken.records.with_lines(
            whole, lambda e: replace(e, lr=first / 2 if e.epoch == halved else first)
        )

    return broken.records.with_record(candidates, change)


@check(
    "R012",
    "learning_rate",
    severity=Severity.WARNING,
    needs=["R005"],
    broken_by=[rate_resumed],
    course="lasting",
)
def check_learning_rate(learning_rates: Histories) -> Measured:
    """The learning rate is positive and does not rise once it has fallen.

    Why: A run resumed without its schedule starts again at the full rate and undoes what it had
    learned.
    Fix: Restore the schedule when resuming; a schedule that is meant to rise again may be ignored
    here
    """
    findings, shown = [], []
    for history in learning_rates:
        epochs, (rates,) = _pairs(history, "lr")
        if not len(epochs):
            continue
        shown.append(describe_rates(epochs, rates))
        findings += [
            Finding(
                f"{history.name}, epoch {epoch}",
                f"expected a positive learning rate, got {rate:g}",
                severity=Severity.FAIL,
            )
            for epoch, rate in zip(epochs, rates, strict=True)
            if not (rate > 0 and math.isfinite(rate))
        ]
        has_fallen = np.minimum.accumulate(rates) < np.maximum.accumulate(rates)
        rises = np.flatnonzero((np.diff(rates) > 0) & has_fallen[:-1]) + 1
        findings += [
            Finding(
                f"{history.name}, epoch {epochs[i]}",
                f"expected no rise after a fall, got {rates[i - 1]:g} to {rates[i]:g}",
                "a run resumed without its schedule starts anew; a cyclic one is meant",
            )
            for i in rises[:1]
        ]
    return Measured(
        "; ".join(dict.fromkeys(shown)) or "none", "> 0, no rise after a fall", findings
    )


def describe_rates(epochs: NDArray[np.int64], rates: NDArray[np.float64]) -> str:
    """Return `0.0005, 0.00025 from epoch 18`, or a range where it changes all the time."""
    changes = np.flatnonzero(np.diff(rates) != 0) + 1
    if len(changes) > 3:  # noqa: PLR2004 - more would not fit a table
        return f"{rates.max():g} ... {rates.min():g}, {count_of(len(changes), 'change')}"
    return ", ".join([f"{rates[0]:g}", *(f"{rates[i]:g} from epoch {epochs[i]}" for i in changes)])
