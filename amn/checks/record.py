"""R: the record of a training: did it end, start, progress and hold."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

from amn.checks.registry import implements
from amn.errors import CheckNotRunError
from amn.findings import Finding, Measured
from amn.training.sentinels import find_stop, first_epoch_floor

if TYPE_CHECKING:
    from collections.abc import Iterator

    from amn.checks.evidence import RunEvidence
    from amn.training.record import Stop, TrainingRecord


def _records(evidence: RunEvidence) -> Iterator[tuple[str, TrainingRecord]]:
    """Yield the candidates' names and records; a candidate without one cannot be checked."""
    for candidate in evidence.candidates:
        if candidate.record is None:
            raise CheckNotRunError(f"{candidate.name}: expected a training record, found none")
        yield candidate.name, candidate.record


def _replay(evidence: RunEvidence, record: TrainingRecord) -> tuple[Stop, ...]:
    """Return every rule's stop over the ledger, whatever the record says about itself."""
    cosines = [epoch.val_cosine for epoch in record.epochs]
    rule = evidence.case.config.training.abort
    stops = (
        find_stop(cosines[:n], rule, constant=record.constant, mean=record.mean)
        for n in range(1, len(cosines) + 1)
    )
    return tuple(stop for stop in stops if stop)


def _stops(evidence: RunEvidence, check: str) -> list[Finding]:
    """Return a finding for the first epoch of each candidate that breaks a rule."""
    findings = []
    for name, record in _records(evidence):
        mine = [stop for stop in _replay(evidence, record) if stop.check == check]
        if mine:
            where = f"{name}, epoch {mine[0].epoch}"
            findings.append(Finding(where, mine[0].message, "see amn rules " + check))
    return findings


@implements("R005")
def check_completed(evidence: RunEvidence) -> Measured:
    """R005: every seed came to an end."""
    findings = [
        Finding(name, str(record.stop and record.stop.message))
        for name, record in _records(evidence)
        if record.status == "crashed"
    ]
    texts = [f"{len(record.epochs)} epochs" for _, record in _records(evidence)]
    return Measured(", ".join(texts), "no crash", findings)


@implements("R001")
def check_first_epoch(evidence: RunEvidence) -> Measured:
    """R001: epoch 1 reached its floor."""
    first = [r.epochs[0].val_cosine for _, r in _records(evidence) if r.epochs]
    rule = evidence.case.config.training.abort
    floors = [
        first_epoch_floor(rule, constant=r.constant, mean=r.mean) for _, r in _records(evidence)
    ]
    return Measured(
        f"{min(first, default=float('nan')):.4f}",
        f">= {max(floors):.4f}",
        _stops(evidence, "R001"),
    )


@implements("R002")
def check_stall(evidence: RunEvidence) -> Measured:
    """R002: a new best came in time."""
    best = [f"{r.best_epoch}/{len(r.epochs)}" for _, r in _records(evidence)]
    limit = f"within {evidence.case.config.training.abort.stall_epochs} epochs"
    return Measured("best epoch " + ", ".join(best), limit, _stops(evidence, "R002"))


@implements("R003")
def check_collapse(evidence: RunEvidence) -> Measured:
    """R003: the validation cosine did not fall."""
    falls = [0.0]
    for _, record in _records(evidence):
        cosines = [epoch.val_cosine for epoch in record.epochs]
        falls += [before - after for before, after in pairwise(cosines)]
    rule = evidence.case.config.training.abort
    return Measured(f"largest fall {max(falls):.4f}", f"<= {rule.drop}", _stops(evidence, "R003"))


@implements("R004")
def check_above_constant(evidence: RunEvidence) -> Measured:
    """R004: no epoch was below the constant predictor."""
    margins = [
        epoch.val_cosine - record.constant
        for _, record in _records(evidence)
        for epoch in record.epochs
    ]
    return Measured(
        f"{min(margins, default=float('nan')):+.4f}", "> constant", _stops(evidence, "R004")
    )
