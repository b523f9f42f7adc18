"""The loss ledger: do the terms of a loss add up to its total, and which share has each.

Many logs keep the terms unweighted and the weights nowhere. They are recovered: total = sum of
weight x term + constant, least squares over the epochs, then rounded to the one or two digits that
people write, if the rounded weights explain the total as well. E epochs, K terms.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING, Literal

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from amn.training.records.history import RunHistory

RTOL = 1e-6  # of the total: what float32 sums may be off
STILL = 0.01  # relative change over the run under which a term is dead, a remainder constant
NEAR = 0.02  # a recovered weight may be this far, relatively, from the round one it is taken for
PRIMARY = ("mse", "cosine")  # terms that ask for the target itself, whatever else is added


@dataclass(frozen=True)
class Ledger:
    """The terms of a loss over a run. All values are float64.

    Attributes:
        epochs: (E,) int64, the numbers of the epochs that record a total and every term.
        totals: (E,).
        terms: name -> (E,), as recorded.
        weights: Of each term; None where they are neither declared nor to be recovered.
        origin: Whether the weights were `declared` in the record or `recovered` from it.
        declared_primary: The term that the record or its reader calls primary; empty without.
    """

    epochs: NDArray[np.int64]
    totals: NDArray[np.float64]
    terms: dict[str, NDArray[np.float64]]
    weights: dict[str, float] | None
    origin: Literal["declared", "recovered"]
    declared_primary: str = ""

    @property
    def parts(self) -> dict[str, NDArray[np.float64]]:
        """Weighted terms that the loss really has: name -> (E,)."""
        weights = self.weights or {}
        return {n: weights[n] * v for n, v in self.terms.items() if weights.get(n)}

    @property
    def remainder(self) -> NDArray[np.float64]:
        """What the weighted terms leave of the total, (E,)."""
        return self.totals - sum(self.parts.values(), np.zeros_like(self.totals))

    @property
    def primary(self) -> str:
        """The term that is meant to be learned; empty where nobody can tell.

        The declared one; where none is declared, the term that asks for the target itself, trained
        on or not. It is never the largest: a loss that is all contrastive has no such term.
        """
        if self.declared_primary:
            return self.declared_primary
        asking = [name for name in PRIMARY if name in self.terms]
        return next((name for name in asking if name in self.parts), asking[0] if asking else "")

    def shares(self) -> dict[str, NDArray[np.float64]]:
        """Return each part's share of all parts by size, 0 ... 1: name -> (E,)."""
        sizes = {name: np.abs(part) for name, part in self.parts.items()}
        whole = sum(sizes.values(), np.zeros_like(self.totals))
        safe = np.where(whole > 0, whole, 1.0)
        return {name: size / safe for name, size in sizes.items()}

    def ratio(self, name: str) -> NDArray[np.float64]:
        """Return how many times the primary part a part is, (E,); infinite where that is none."""
        primary = np.abs(self.parts.get(self.primary, np.zeros_like(self.totals)))
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.abs(self.parts[name]) / primary


def read_ledger(history: RunHistory) -> Ledger:
    """Return the loss ledger of a history; epochs that lack the total or a term are left out."""
    names = list(dict.fromkeys(chain.from_iterable(line.terms for line in history.epochs)))
    whole = [
        line
        for line in history.epochs
        if line.train_loss is not None and len(line.terms) == len(names)
    ]
    totals = np.array([line.train_loss for line in whole], np.float64)
    terms = {n: np.array([line.terms[n] for line in whole], np.float64) for n in names}
    declared = history.weights
    weights: dict[str, float] | None
    if declared is None:
        weights = recover_weights(terms, totals)
    else:
        weights = {name: declared.get(name, 0.0) for name in names}
    return Ledger(
        epochs=np.array([line.epoch for line in whole], np.int64),
        totals=totals,
        terms=terms,
        weights=weights,
        origin="recovered" if declared is None else "declared",
        declared_primary=history.primary,
    )


def recover_weights(
    terms: dict[str, NDArray[np.float64]], totals: NDArray[np.float64]
) -> dict[str, float] | None:
    """Recover the weights of a loss from its terms and totals.

    Args:
        terms: name -> (E,).
        totals: (E,).

    Returns:
        name -> weight, 0 for a term that was logged and not trained on; a constant that no term
        explains stays in the remainder. None where there are too few epochs to tell, or no weights
        fit.
    """
    finite = np.isfinite(totals) & np.all([np.isfinite(v) for v in terms.values()], axis=0)
    if not finite.any():
        return None
    totals = totals[finite]
    terms = {name: values[finite] for name, values in terms.items()}
    scale = float(np.abs(totals).max())
    for name in sorted(terms, key=lambda n: (n not in PRIMARY, n)):
        if np.abs(totals - terms[name]).max() <= RTOL * scale:
            return {n: float(n == name) for n in terms}
    live = [name for name, values in terms.items() if relative_change(values) >= STILL]
    if not live or len(totals) < len(live) + 2:  # a constant, and one epoch to contradict
        return None
    columns = np.stack([terms[name] for name in live], axis=1)  # (E, K)
    fitted = _least_squares(columns, totals)
    fitted = np.where(np.abs(fitted) * np.ptp(columns, axis=0) <= RTOL * scale, 0.0, fitted)
    for digits in (1, 2, None):
        weights = fitted if digits is None else _rounded(fitted, digits)
        if np.any(np.abs(weights - fitted) > NEAR * np.abs(fitted)):
            continue
        remainder = totals - columns @ weights
        middle = abs(float(np.median(remainder)))
        if np.ptp(remainder) <= max(2 * RTOL * scale, STILL * middle):
            return {**dict.fromkeys(terms, 0.0), **dict(zip(live, weights.tolist(), strict=True))}
    return None


def _least_squares(
    columns: NDArray[np.float64], totals: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return the weights (K,) of the columns (E, K) that explain the totals up to a constant."""
    centred = columns - columns.mean(axis=0)
    scale = np.abs(centred).max(axis=0)
    solution = np.linalg.lstsq(centred / scale, totals - totals.mean())[0] / scale
    return np.asarray(solution, np.float64)


def _rounded(values: NDArray[np.float64], digits: int) -> NDArray[np.float64]:
    """Round each number to some significant digits."""
    return np.array([float(f"{value:.{digits - 1}e}") for value in values])


def relative_change(values: NDArray[np.float64] | Sequence[float]) -> float:
    """Return (largest - smallest) / largest size over a run; 0 for a term that is always 0."""
    size = float(np.abs(values).max(initial=0.0))
    return float(np.ptp(values)) / size if size else 0.0
