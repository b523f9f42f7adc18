"""R: the course of a training: did it end, start, progress, hold, and learn anything."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

from amn.checks import record_losses, record_sound
from amn.checks.registry import implements
from amn.findings import Finding, Measured, Severity
from amn.training.sentinels import find_stops, first_epoch_floor

if TYPE_CHECKING:
    from amn.checks.evidence.runs import Histories
    from amn.records.history import RunHistory

__all__ = ["record_losses", "record_sound"]  # they register the family's other checks

ASSUMED = " (assumed: the record names no reference predictor)"


def _cosines(history: RunHistory) -> list[tuple[int, float]]:
    """Return epoch and validation cosine of every line that has one."""
    return [(e.epoch, e.val_cosine) for e in history.epochs if e.val_cosine is not None]


def _stops(evidence: Histories, check: str) -> list[Finding]:
    """Return a finding for the first epoch of each history that breaks a rule."""
    findings = []
    for history in evidence.histories:
        lines = _cosines(history)
        cosines = [cosine for _, cosine in lines]
        constant, mean = history.reference("constant"), history.reference("mean")
        stops = find_stops(cosines, evidence.abort, constant=constant, mean=mean)
        stop = next((s for s in stops if s and s.check == check), None)
        if stop:
            is_relative = check == "R004" or (
                check == "R001" and evidence.abort.first_epoch == "relative"
            )
            note = ASSUMED if is_relative and not history.is_measured else ""
            where = f"{history.name}, epoch {lines[stop.epoch - 1][0]}"
            findings.append(Finding(where, stop.message + note, "see amn rules " + check))
    return findings


def first_floor(evidence: Histories, history: RunHistory) -> float:
    """Return what the first epoch of a history has to reach."""
    return first_epoch_floor(
        evidence.abort, constant=history.reference("constant"), mean=history.reference("mean")
    )


@implements("R005")
def check_completed(evidence: Histories) -> Measured:
    """R005: every seed came to an end."""
    findings = [Finding(h.name, h.stop) for h in evidence.histories if h.status == "crashed"]
    texts = [f"{len(h.epochs)} epochs" for h in evidence.histories]
    return Measured(", ".join(texts), "no crash", findings)


@implements("R001")
def check_first_epoch(evidence: Histories) -> Measured:
    """R001: epoch 1 reached its floor."""
    first = [lines[0][1] for h in evidence.histories if (lines := _cosines(h))]
    floors = [first_floor(evidence, history) for history in evidence.histories]
    return Measured(
        f"{min(first, default=float('nan')):.4f}",
        f">= {max(floors):.4f}",
        _stops(evidence, "R001"),
    )


@implements("R002")
def check_stall(evidence: Histories) -> Measured:
    """R002: a new best came in time."""
    best = [f"{h.best.epoch if h.best else 0}/{len(h.epochs)}" for h in evidence.histories]
    limit = f"within {evidence.abort.stall_epochs} epochs"
    return Measured("best epoch " + ", ".join(best), limit, _stops(evidence, "R002"))


@implements("R003")
def check_collapse(evidence: Histories) -> Measured:
    """R003: the validation cosine did not fall."""
    falls = [0.0]
    for history in evidence.histories:
        falls += [before - after for (_, before), (_, after) in pairwise(_cosines(history))]
    limit = f"<= {evidence.abort.drop}"
    return Measured(f"largest fall {max(falls):.4f}", limit, _stops(evidence, "R003"))


@implements("R004")
def check_above_constant(evidence: Histories) -> Measured:
    """R004: no epoch was below the constant predictor."""
    margins = [
        cosine - history.reference("constant")
        for history in evidence.histories
        for _, cosine in _cosines(history)
    ]
    return Measured(
        f"{min(margins, default=float('nan')):+.4f}", "> constant", _stops(evidence, "R004")
    )


@implements("R013")
def check_skill(evidence: Histories) -> Measured:
    """R013: the best epoch shows more than a trivial predictor does."""
    findings, lifts = [], []
    for history in evidence.histories:
        constant, mean = history.reference("constant"), history.reference("mean")
        best = history.best
        value = best.val_cosine if best and best.val_cosine is not None else float("nan")
        lifts.append(value - mean)
        half = (constant + mean) / 2
        note = "" if history.is_measured else ASSUMED
        if not value >= half:
            message = (
                f"expected a best validation cosine of at least {half:.4f}, half-way from constant"
                f" to mean of the context{note}, got {value:.4f}"
            )
            findings.append(Finding(history.name, message, "amn check data DATASET"))
        elif not value > mean:
            message = (
                f"expected above the mean of the context's {mean:.4f}{note}, got {value:.4f}: "
                "no skill so far"
            )
            findings.append(
                Finding(history.name, message, "see amn rules C004", severity=Severity.WARNING)
            )
    shown = ", ".join(f"{lift:+.4f}" for lift in lifts)
    return Measured(f"best - mean {shown}", "> 0", findings)
