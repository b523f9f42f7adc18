"""R: the loss ledger: the terms add up, none dominates, none is dead."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from amn.checks.registry import implements
from amn.findings import Finding, Measured, Severity
from amn.records.ledger import RTOL, STILL, Ledger, read_ledger, relative_change

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from amn.checks.evidence.runs import Histories
    from amn.records.history import RunHistory

WARN_SHARE, FAIL_SHARE = 0.20, 0.50  # of a secondary term in the loss
SMALL = 0.01  # an undeclared share below it is a warning where the weights were recovered
FEWEST_FOR_CONSTANT = 3  # epochs
FEWEST_EPOCHS = 5  # a term is not called dead before


def _ledgers(evidence: Histories) -> Iterator[tuple[RunHistory, Ledger]]:
    """Yield the histories that record a total and its terms."""
    for history in evidence.histories:
        ledger = read_ledger(history)
        if len(ledger.totals):
            yield history, ledger


def _unknown(history: RunHistory, ledger: Ledger) -> Finding:
    """Return the finding of weights that cannot be told."""
    names = ", ".join(ledger.terms)
    is_short = len(ledger.totals) < len(ledger.terms) + 2
    if is_short:
        message = f"expected weights of {names}, or epochs enough to recover them"
        severity = Severity.INCONCLUSIVE
    else:
        message = f"expected the total to be a weighted sum of {names}, found no weights that fit"
        severity = Severity.FAIL
    message += f", got {len(ledger.totals)} epochs and no loss_weights"
    return Finding(history.name, message, "record loss_weights, by term", severity=severity)


def _weights(ledger: Ledger) -> str:
    """Return `mse 1, info 0.5 (recovered by regression)`."""
    weights = ledger.weights or {}
    text = ", ".join(f"{name} {weight:.3g}" for name, weight in weights.items())
    return text + (" (recovered by regression)" if ledger.origin == "recovered" else "")


@implements("R006")
def check_terms_add_up(evidence: Histories) -> Measured:
    """R006: the weighted terms add up to the total."""
    findings, shown = [], []
    for history, ledger in _ledgers(evidence):
        if ledger.weights is None:
            findings.append(_unknown(history, ledger))
            shown.append("weights unknown")
            continue
        share = np.abs(ledger.remainder) / np.maximum(np.abs(ledger.totals), np.finfo(float).tiny)
        if not share.max() <= RTOL:
            findings.append(_undeclared(history, ledger, float(share.mean())))
            shown.append(f"{np.median(ledger.remainder):.3g} undeclared, {share.mean():.1%}")
        else:
            shown.append(f"{share.max():.1e} of the total left")
    return Measured("; ".join(dict.fromkeys(shown)), f"<= {RTOL:g} of the total", findings)


def _undeclared(history: RunHistory, ledger: Ledger, share: float) -> Finding:
    """Describe what the terms leave of the total: its size, its share, whether it is constant."""
    rest = ledger.remainder
    if len(rest) < FEWEST_FOR_CONSTANT:
        what = f"an undeclared term of {np.median(rest):.3g}"
    elif relative_change(rest) < STILL:
        what = f"an undeclared constant term of {np.median(rest):.3g}"
    else:
        what = f"an undeclared term of {rest.min():.3g} ... {rest.max():.3g}"
    message = (
        f"expected the terms to add up to the total within {RTOL:g}, got {what}, "
        f"{share:.1%} of the loss; weights: {_weights(ledger)}"
    )
    is_small = ledger.origin == "recovered" and share < SMALL
    return Finding(
        history.name,
        message + _suspects(ledger, rest),
        "record every term of the loss and its weight",
        severity=Severity.WARNING if is_small else None,
    )


def _suspects(ledger: Ledger, rest: NDArray[np.float64]) -> str:
    """Name a recorded term that hardly moves: a constant may be that term, weighted."""
    still = [
        name
        for name, values in ledger.terms.items()
        if relative_change(values) < STILL and np.abs(values).max() > 0
    ]
    if ledger.origin == "declared" or not still:
        return ""
    name = still[0]
    weight = np.median(rest) / np.median(ledger.terms[name])
    return f"; it would be {name} at weight {weight:.3g}"


@implements("R007")
def check_secondary_share(evidence: Histories) -> Measured:
    """R007: no secondary term makes up most of the loss."""
    findings, worst, shown = [], 0.0, "no secondary term"
    for history, ledger in _ledgers(evidence):
        if ledger.weights is None:
            findings.append(_unknown(history, ledger))
            continue
        shares, primary = ledger.shares(), ledger.primary
        for name in [name for name in shares if name != primary]:
            largest = float(shares[name].max())
            if not largest <= worst:
                at = _first_above(shares[name], FAIL_SHARE)
                shown = f"{name} {largest:.1%}, {ledger.ratio(name)[at]:,.0f} : 1 to {primary}"
                worst = largest
            if not largest <= WARN_SHARE:
                findings.append(_dominant(history, ledger, name, shares[name]))
    return Measured(shown, f"<= {WARN_SHARE:.0%}, fail above {FAIL_SHARE:.0%}", findings)


def _first_above(shares: NDArray[np.float64], limit: float) -> int:
    """Return the first epoch's index whose share is above a limit, that of the largest if none."""
    above = ~(shares <= limit)
    return int(np.argmax(above if above.any() else shares))


def _dominant(
    history: RunHistory, ledger: Ledger, name: str, shares: NDArray[np.float64]
) -> Finding:
    """Describe a secondary term that is large, at the first epoch in which it is as bad."""
    is_fail = not shares.max() <= FAIL_SHARE
    limit = FAIL_SHARE if is_fail else WARN_SHARE
    first = _first_above(shares, limit)
    message = (
        f"expected at most {limit:.0%} of the loss from {name}, got {shares[first]:.1%}, "
        f"{ledger.ratio(name)[first]:,.1f} times {ledger.primary}; weights: {_weights(ledger)}"
    )
    return Finding(
        f"{history.name}, epoch {ledger.epochs[first]}",
        message,
        f"lower the weight of {name}, or train on {ledger.primary} alone",
        severity=None if is_fail else Severity.WARNING,
    )


@implements("R008")
def check_dead_terms(evidence: Histories) -> Measured:
    """R008: every secondary term that is trained on moves."""
    findings, least = [], float("inf")
    for history, ledger in _ledgers(evidence):
        if len(ledger.totals) < FEWEST_EPOCHS:
            continue
        for name, part in ledger.parts.items():
            if name == ledger.primary:
                continue
            change = relative_change(part)
            least = min(least, change)
            if not change >= STILL:
                message = (
                    f"expected {name} to change by at least {STILL:.0%} over the run, got "
                    f"{change:.2%} ({part[0]:.3g} to {part[-1]:.3g})"
                )
                findings.append(Finding(history.name, message, f"leave {name} out of the loss"))
    value = "no secondary term" if least == float("inf") else f"least change {least:.1%}"
    return Measured(value, f">= {STILL:.0%} in {FEWEST_EPOCHS} epochs or more", findings)
