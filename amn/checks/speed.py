"""C: speed, as ratios against the plain loop in the same run, beside their stored twin.

A ratio that is not finite, or that has no twin, fails: it cannot have been looked at.
"""

from __future__ import annotations

from shlex import quote
from typing import TYPE_CHECKING

from amn.checks.registry import implements
from amn.findings import Finding, Measured, Standing

if TYPE_CHECKING:
    from amn.checks.evidence.limits import SpeedEvidence


@implements("C010")
def check_latency(evidence: SpeedEvidence) -> Measured:
    """C010: one window at a time."""
    return _fast_enough(evidence, "latency")


@implements("C011")
def check_inference(evidence: SpeedEvidence) -> Measured:
    """C011: scoring many windows."""
    return _fast_enough(evidence, "inference")


@implements("C012")
def check_training(evidence: SpeedEvidence) -> Measured:
    """C012: an epoch of training."""
    return _fast_enough(evidence, "training")


@implements("C013")
def check_memory(evidence: SpeedEvidence) -> Measured:
    """C013: peak memory of that epoch."""
    return _fast_enough(evidence, "memory")


def _fast_enough(evidence: SpeedEvidence, name: str) -> Measured:
    """Compare a ratio with its limit and with its stored twin."""
    ratio, limit = evidence.ratios[name], getattr(evidence.config, name)
    twin, case = evidence.twin, evidence.case.name
    findings = []
    if not ratio >= limit:
        message = f"expected at least {limit:g} times the plain loop, got {ratio:.2f}"
        findings.append(Finding(name, message, "profile what changed, or amn gate when idle"))
    if twin is None:
        message = "expected a stored twin for this machine, found none: nothing to compare with"
        findings.append(
            Finding(name, message, f"amn bench {quote(case)} on this machine, and commit it")
        )
    elif not ratio >= twin[name] * (1 - evidence.config.tolerance):
        share = 1 - ratio / twin[name]
        message = (
            f"expected at most {evidence.config.tolerance:.0%} below the stored "
            f"{twin[name]:.2f}, got {ratio:.2f}, {share:.0%} below"
        )
        findings.append(Finding(name, message, f"profile what changed, or amn bench {quote(case)}"))
    stored = f"stored {twin[name]:.2f}" if twin else "nothing stored"
    standing = Standing(least=limit)
    return Measured(f"{ratio:.2f} x", f">= {limit:g} x", findings, stored, ratio, standing)
