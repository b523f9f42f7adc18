"""R: the loss ledger: the terms add up, none dominates, none is dead."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from amn.checks import broken
from amn.checks.check import check
from amn.training.records.history import RunStatus
from amn.training.records.loss_terms import RTOL, STILL, Ledger, read_ledger, relative_change
from amn.verdict import Finding, Measured, Severity, count_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from amn.checks.broken.records import Candidates, Parts
    from amn.training.record import TrainingRecord
    from amn.training.records.history import Histories, RunHistory
    from amn.verdict import Outcome

WARN_SHARE, FAIL_SHARE = 0.20, 0.50  # of a secondary term in the loss
SMALL = 0.01  # an undeclared share below it is a warning where the weights were recovered
FEWEST_FOR_CONSTANT = 3  # epochs
FEWEST_EPOCHS = 5  # a term is not called dead before
INFO_NCE = ("info", "infonce", "info_nce", "contrastive")  # what logs call the contrastive term


def _ledgers(histories: Histories) -> Iterator[tuple[RunHistory, Ledger]]:
    """Yield the histories that record a total and its terms."""
    for history in histories:
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
    message += f", got {count_of(len(ledger.totals), 'epoch')} and no loss_weights"
    return Finding(history.name, message, "record loss_weights, by term", severity=severity)


def _weights(ledger: Ledger) -> str:
    """Return `mse 1, info 0.5 (recovered by regression)`."""
    weights = ledger.weights or {}
    text = ", ".join(f"{name} {weight:.3g}" for name, weight in weights.items())
    return text + (" (recovered by regression)" if ledger.origin == "recovered" else "")


def undeclared_term(candidates: Candidates) -> Parts:
    """Half of the loss is in no declared term."""

    def change(record: TrainingRecord) -> TrainingRecord:
        constant = broken.records.mean_loss(record)
        return broken.records.with_lines(
            record, lambda e: replace(e, train_loss=e.train_loss + constant)
        )

    return broken.records.with_record(candidates, change)


@check(
    "R006",
    "terms_add_up",
    needs=["R005"],
    broken_by=[undeclared_term],
    means=RunStatus.UNDECLARED_TERM,
)
def check_terms_add_up(loss_terms: Histories) -> Measured:
    """The weighted terms of the loss add up to the recorded total within 1e-6 of it.

    Where a record declares no weights they are recovered by regression, and said to be.

    Why: A variance term with an unreachable target was half of a loss that was declared 'MSE only';
    nobody had added the terms up.
    Fix: Record every term of the loss and its weight; remove a term that nobody asked for
    """
    findings, shown = [], []
    for history, ledger in _ledgers(loss_terms):
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


def dominant_term(candidates: Candidates) -> Parts:
    """A second term is 50 times the first."""

    def change(record: TrainingRecord) -> TrainingRecord:
        return broken.records.with_term(record, "info", lambda epoch: 50 * epoch.train_loss)

    return broken.records.with_record(candidates, change)


def _name_dominance(outcome: Outcome) -> RunStatus:
    """Return what a dominant term means: the contrastive one has a name of its own."""
    return RunStatus.INFONCE_DOMINANCE if outcome.data in INFO_NCE else RunStatus.DOMINANT_TERM


@check(
    "R007",
    "secondary_share",
    needs=["R005"],
    broken_by=[dominant_term],
    means=_name_dominance,
)
def check_secondary_share(loss_terms: Histories) -> Measured:
    """No term beside the primary one makes up more than half of the loss.

    Above 20 % it is a warning. The primary term is the declared one; where a record declares none,
    MSE or cosine, trained on or not, and never a contrastive term.

    Why: InfoNCE at weight 0.5 contributed about 700 times what MSE did: the network was trained for
    another task.
    Fix: Lower the weight of the term, or train on the primary one alone
    """
    findings, worst, shown, term = [], 0.0, "no secondary term", None
    for history, ledger in _ledgers(loss_terms):
        if ledger.weights is None:
            findings.append(_unknown(history, ledger))
            continue
        shares, primary = ledger.shares(), ledger.primary
        others = [name for name in shares if name != primary]
        if not primary and not any(name in INFO_NCE for name in others):
            findings += _no_primary(history, others)
            continue
        for name in others:
            largest = float(shares[name].max())
            if not largest <= worst:
                at = _first_above(shares[name], FAIL_SHARE)
                shown = f"{name} {largest:.1%}, {_times(ledger, name, at, '{:,.0f} : 1 to {}')}"
                worst, term = largest, name
            if not largest <= WARN_SHARE:
                findings.append(_dominant(history, ledger, name, shares[name]))
    limit = f"<= {WARN_SHARE:.0%}, fail above {FAIL_SHARE:.0%}"
    return Measured(shown, limit, findings, data=term)


def dominated_from(history: RunHistory) -> int | None:
    """Return the first epoch in which a secondary term is most of the loss; None for none."""
    ledger = read_ledger(history)
    if ledger.weights is None or not len(ledger.totals):
        return None
    shares = [values for name, values in ledger.shares().items() if name != ledger.primary]
    found = [ledger.epochs[_first_above(s, FAIL_SHARE)] for s in shares if s.max() > FAIL_SHARE]
    return int(min(found)) if found else None


def _no_primary(history: RunHistory, names: list[str]) -> list[Finding]:
    """Return that nobody can tell which of several terms is meant to be learned."""
    if len(names) < 2:  # noqa: PLR2004 - one term is the whole loss
        return []
    message = f"expected a declared primary loss, got terms {', '.join(names)} and none of them"
    fix = 'record primary_loss, or say primary_loss = "NAME" in the file of --columns'
    return [Finding(history.name, message, fix, severity=Severity.INCONCLUSIVE)]


def _times(ledger: Ledger, name: str, at: int, form: str) -> str:
    """Return how many times the primary part a part is in one epoch, for people.

    Args:
        form: Takes the ratio and the name of the primary term.
    """
    ratio, primary = float(ledger.ratio(name)[at]), ledger.primary
    if np.isfinite(ratio):
        return form.format(ratio, primary)
    return f"{primary} is not trained on" if primary else "no primary term"


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
        f"{_times(ledger, name, first, '{:,.1f} times {}')}; weights: {_weights(ledger)}"
    )
    return Finding(
        f"{history.name}, epoch {ledger.epochs[first]}",
        message,
        f"lower the weight of {name}, or train on {ledger.primary or 'MSE or cosine'} alone",
        severity=None if is_fail else Severity.WARNING,
    )


def dead_term(candidates: Candidates) -> Parts:
    """A term of the loss never moves."""

    def change(record: TrainingRecord) -> TrainingRecord:
        constant = 0.05 * broken.records.mean_loss(record)
        return broken.records.with_term(
            broken.records.lengthened(record), "variance", lambda _: constant
        )

    return broken.records.with_record(candidates, change)


@check(
    "R008",
    "dead_terms",
    needs=["R005"],
    broken_by=[dead_term],
    means=RunStatus.DEAD_TERM,
)
def check_dead_terms(loss_terms: Histories) -> Measured:
    """Every secondary term that is trained on moves.

    It changes by at least 1 % over a run of five epochs or more.

    Why: A term that never moves teaches nothing, and hides in the total how the others move.
    Fix: Leave the term out, or give it a target that can be reached
    """
    findings, least = [], float("inf")
    for history, ledger in _ledgers(loss_terms):
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
