"""C: the criteria. `not (value >= floor)` fails, so a NaN fails; intervals are always shown."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from amn.checks import speed
from amn.checks.registry import implements
from amn.errors import CheckNotRunError
from amn.findings import Finding, Measured, Severity, Standing

if TYPE_CHECKING:
    from amn.checks.evidence.limits import CriteriaEvidence
    from amn.evaluation.summary import Summary

__all__ = ["speed"]  # imported because it registers the family's other checks

FUNDAMENTAL = 0.40  # an OOD score below it is no matter of tuning (the earlier project's rule)
DIGITS = 4


def shown(value: float, limit: float) -> str:
    """Return a value with as many digits as it takes to tell it from a limit."""
    digits = DIGITS
    while digits < 17 and value != limit and f"{value:.{digits}f}" == f"{limit:.{digits}f}":  # noqa: PLR2004 - float64 has 17 digits
        digits += 1
    return f"{value:.{digits}f}"


def _floor(evidence: CriteriaEvidence, split: str) -> Measured:
    """Compare a split's score with its floor."""
    summary, floor = evidence.summaries[split], evidence.config.floor(split)
    value = summary.mean
    if math.isnan(value) and not summary.per_seed:
        raise CheckNotRunError(f"{split}: expected a score, got none: it was never measured")
    findings = []
    if not value >= floor:
        text = f"expected at least {floor}, got {shown(value, floor)}"
        if split == "ood" and value < FUNDAMENTAL:
            text += f" (below {FUNDAMENTAL}: fundamental)"
        findings.append(Finding(split, text, _references(summary)))
    interval = summary.interval
    low, high = (interval.low, interval.high) if interval else (None, None)
    standing = Standing(low, high, least=floor)
    return Measured(
        shown(value, floor), f">= {floor:.4f}", findings, _detail(summary, floor), value, standing
    )


def _detail(summary: Summary, floor: float) -> str:
    """Return interval and distance from the floor: `0.5968 ... 0.6146, z +1.3`."""
    interval = summary.interval
    if interval is None:
        return "no interval: windows unknown"
    distance = (summary.mean - floor) / interval.se if interval.se > 0 else math.inf
    return f"{interval.low:.4f} ... {interval.high:.4f}, z {distance:+.1f}"


def _references(summary: Summary) -> str:
    """Return the reference predictors' scores as a hint."""
    if not summary.references:
        return ""
    texts = [f"{name} {value:.4f}" for name, value in summary.references.items()]
    return "look at the reference predictors first: " + ", ".join(texts)


@implements("C001")
def check_in_dist(evidence: CriteriaEvidence) -> Measured:
    """C001: in-dist score against its floor."""
    return _floor(evidence, "in_dist")


@implements("C002")
def check_ood(evidence: CriteriaEvidence) -> Measured:
    """C002: OOD score against its floor."""
    return _floor(evidence, "ood")


@implements("C003")
def check_delta(evidence: CriteriaEvidence) -> Measured:
    """C003: OOD minus in-dist against its range."""
    low, high = evidence.config.delta_range()
    delta = evidence.summaries["ood"].mean - evidence.summaries["in_dist"].mean
    if math.isnan(delta):
        raise CheckNotRunError("delta: expected both scores, got one that was not measured")
    findings = []
    if not low <= delta <= high:
        findings.append(
            Finding(
                "ood - in_dist",
                f"expected {low:+.2f} ... {high:+.2f}, got {delta:+.4f}",
                "compare the reference predictors of both splits; set criteria.delta",
                severity=Severity.WARNING if evidence.config.delta is None else None,
            )
        )
    standing = Standing(least=low, most=high)
    limit = f"{low:+.2f} ... {high:+.2f}"
    return Measured(f"{delta:+.4f}", limit, findings, number=delta, standing=standing)


def _lift(evidence: CriteriaEvidence, split: str) -> Measured:
    """Compare a split's gain over the mean of the context with the least one."""
    lift, limit = evidence.summaries[split].lift, evidence.config.lift
    if lift is None:
        raise CheckNotRunError(f"{split}: expected cosines of every window, got none")
    text = f"{lift.mean:+.4f} ({lift.low:+.4f} ... {lift.high:+.4f})"
    findings = []
    if not lift.mean > limit:
        message = (
            f"expected a lift above {limit}, got {text}: averaging the context is as good or better"
        )
        findings.append(Finding(split, message, "the default recipe, or better data"))
    elif not lift.low > limit:
        message = f"expected a lift above {limit} with its interval, got {text}"
        findings.append(
            Finding(split, message, "judge on more articles", severity=Severity.INCONCLUSIVE)
        )
    detail = f"{lift.low:+.4f} ... {lift.high:+.4f}, {lift.n_clusters} articles"
    standing = Standing(lift.low, lift.high, least=limit)
    return Measured(f"{lift.mean:+.4f}", f"> {limit:+.4f}", findings, detail, lift.mean, standing)


@implements("C004")
def check_lift_in_dist(evidence: CriteriaEvidence) -> Measured:
    """C004: skill in-dist."""
    return _lift(evidence, "in_dist")


@implements("C005")
def check_lift_ood(evidence: CriteriaEvidence) -> Measured:
    """C005: skill OOD."""
    return _lift(evidence, "ood")
