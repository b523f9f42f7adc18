"""Names that logs give to the same figure: `val/cosine`, `val_cos`, `validation_cosine`."""

from __future__ import annotations

import math
import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from amn.errors import DataError
from amn.records.history import FIGURES, EpochFigures

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

NAMES = {
    "epoch": ("epoch", "epochs"),
    "train_loss": ("train_loss", "loss", "training_loss", "train_loss_total", "train_total_loss"),
    "val_loss": ("val_loss", "valid_loss", "validation_loss", "eval_loss"),
    "train_cosine": ("train_cosine", "train_cos", "training_cosine", "train_cosine_similarity"),
    "val_cosine": (
        "val_cosine", "val_cos", "valid_cosine", "validation_cosine", "eval_cosine",
        "val_cosine_similarity",
    ),
    "lr": ("lr", "learning_rate", "train_lr", "train_learning_rate"),
}  # fmt: skip
FIELD_OF = {alias: name for name, aliases in NAMES.items() for alias in aliases}
TERM = re.compile(r"(?:train_)?(?:loss_(?P<after>.+)|terms?_(?P<term>.+))")
AGGREGATE = "total"  # `loss_total` is no term


def normalise(name: str) -> str:
    """Return a name as the table above writes it: `Train/Loss MSE` is `train_loss_mse`."""
    return re.sub(r"[^a-z0-9]+", "_", name.strip().lower()).strip("_")


def field_of(name: str) -> str | None:
    """Return the field that a name stands for, `terms.mse` for a loss term, None if unknown."""
    plain = normalise(name)
    if plain in FIELD_OF:
        return FIELD_OF[plain]
    match = TERM.fullmatch(plain)
    term = match and (match["after"] or match["term"])
    return f"terms.{term}" if term and term != AGGREGATE else None


def number(value: object, path: Path, where: str) -> float | None:
    """Return a figure as float64; empty is None, NaN and infinity stay what they are.

    Raises:
        DataError: If it is no number; `where` says which one.
    """
    if value is None or (isinstance(value, str) and not value.strip()):
        return None
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        raise DataError(path, f"{where}: expected a number, got {value!r}")
    try:
        return float(value)
    except (ValueError, OverflowError) as error:
        raise DataError(path, f"{where}: expected a number, got {value!r}") from error


def epoch_line(row: Mapping[str, Any], path: Path, where: str, *, default: int) -> EpochFigures:
    """Return one line of a log; what it names otherwise is left to `unread_keys`.

    Args:
        where: Address of the line, for messages.
        default: Number of the epoch where the line has none.
    """
    figures: dict[str, float | None] = {}
    terms: dict[str, float] = {}
    for key, value in row.items():
        if normalise(key) == "terms" and isinstance(value, dict):
            terms |= _terms(value, path, where)
            continue
        name = field_of(key)
        if name is None or isinstance(value, (dict, list)):
            continue
        got = number(value, path, f"{where}, {key}")
        if not name.startswith("terms."):
            figures[name] = got
        elif got is not None:
            terms[name.removeprefix("terms.")] = got
    epoch = figures.pop("epoch", None)
    if epoch is not None and (not math.isfinite(epoch) or epoch != int(epoch)):
        raise DataError(path, f"{where}: expected a whole number of the epoch, got {epoch}")
    return EpochFigures(epoch=default if epoch is None else int(epoch), terms=terms, **figures)


def _terms(values: Mapping[str, Any], path: Path, where: str) -> dict[str, float]:
    """Return a mapping of term to loss."""
    got = {normalise(name): number(v, path, f"{where}, terms.{name}") for name, v in values.items()}
    return {name: value for name, value in got.items() if value is not None}


def join_lines(lines: Sequence[EpochFigures]) -> tuple[EpochFigures, ...]:
    """Return one line an epoch, counted from 1.

    Lightning writes training and validation of an epoch on lines of their own: neighbours of one
    epoch that share no figure are one line. Keras and Lightning count from 0.
    """
    joined: list[EpochFigures] = []
    for line in lines:
        last = joined[-1] if joined else None
        if last and last.epoch == line.epoch and not _held(last) & _held(line):
            own = {name: getattr(line, name) for name in FIGURES if name in _held(line)}
            joined[-1] = replace(last, **own, terms={**last.terms, **line.terms})
        else:
            joined.append(line)
    if joined and joined[0].epoch == 0:
        joined = [replace(line, epoch=line.epoch + 1) for line in joined]
    return tuple(joined)


def _held(line: EpochFigures) -> set[str]:
    """Return the names of the figures that a line has."""
    return {name for name in FIGURES if getattr(line, name) is not None} | {
        f"terms.{term}" for term in line.terms
    }


def unread_keys(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return what `epoch_line` does not read."""
    return {
        key: value
        for key, value in row.items()
        if not (normalise(key) == "terms" and isinstance(value, dict))
        and (field_of(key) is None or isinstance(value, (dict, list)))
    }
