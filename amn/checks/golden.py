"""G: the golden: is it whole and comparable, and is the candidate not worse."""

from __future__ import annotations

import math
from contextlib import suppress
from typing import TYPE_CHECKING

from pydantic import ValidationError

from amn.checks import custody
from amn.checks.comparison import aligned, judge_check
from amn.checks.groups import groups_of, titles_of
from amn.checks.registry import implements
from amn.config import EVALUATED, CaseConfig
from amn.errors import CheckNotRunError, GoldenError
from amn.evaluation.attribution import attribute
from amn.evaluation.metrics import METRIC_VERSION
from amn.findings import Finding, Measured, Severity, Standing, Verdict
from amn.golden.compare import config_changes

if TYPE_CHECKING:
    from collections.abc import Mapping

    from amn.checks.evidence.limits import GoldenEvidence
    from amn.evaluation.attribution import Attribution

__all__ = ["custody"]  # imported because it registers the family's other checks

NAMED = 3  # articles in a message
VECTORS_ALONE = ("last", "mean")  # reference predictors that are not trained
SAME_VECTORS_ATOL = 1e-5  # stored as float16 or float32, and on another machine: below 1e-6
SUSPICIOUS = 5.0  # standard errors of improvement after which a leak is likelier than luck


@implements("G003")
def check_comparable(evidence: GoldenEvidence) -> Measured:
    """G003: same windows of the same vectors, same metric."""
    golden, findings = evidence.golden, []
    for split in EVALUATED:
        try:
            aligned(evidence, split)
        except GoldenError as error:
            findings.append(Finding(split, str(error), "amn golden update CASE --reason TEXT"))
        else:
            accepted = golden.record.metrics[split].references
            findings += _other_vectors(evidence, split, accepted)
    if golden.record.versions.metric != METRIC_VERSION:
        message = f"expected metric version {METRIC_VERSION}, got {golden.record.versions.metric}"
        findings.append(Finding("golden.json", message, "amn golden update CASE --reason TEXT"))
    n = sum(len(golden.splits[split].article_ids) for split in EVALUATED)
    return Measured(f"{n:,} windows", "same ids, same vectors, same metric", findings)


def _other_vectors(
    evidence: GoldenEvidence, split: str, accepted: Mapping[str, float]
) -> list[Finding]:
    """Return a finding where the windows of a split hold other vectors than the golden's did.

    What `last` and `mean` score depends on nothing but these vectors: it tells the questions apart
    without a copy of them.
    """
    measured = evidence.candidates[0].evaluation.references[split]
    for name in VECTORS_ALONE:
        now = float(measured[name].mean())
        if not abs(now - accepted.get(name, math.nan)) <= SAME_VECTORS_ATOL:
            message = (
                f"expected {name} to score {accepted.get(name, math.nan):.6f} as in the golden, got"
                f" {now:.6f}: the same ids, but other vectors"
            )
            return [Finding(split, message, "amn golden update CASE --reason TEXT")]
    return []


@implements("G006")
def check_same_checks(evidence: GoldenEvidence) -> Measured:
    """G006: no check disappeared since the golden was accepted."""
    accepted = evidence.golden.record.checks
    gone = [label for label in accepted if label not in evidence.declared]
    findings = [
        Finding(label, "expected the check to be declared as in the golden, found it gone")
        for label in gone
    ]
    return Measured(f"{len(accepted) - len(gone)} of {len(accepted)}", "all declared", findings)


@implements("G005")
def check_other_artefact(evidence: GoldenEvidence) -> Measured:
    """G005: the candidate is not the golden's own file."""
    artefacts = evidence.golden.record.artefacts
    findings = [
        Finding(
            candidate.name,
            f"expected a file that is not the golden's, got its sha256 {candidate.digest[:12]}…",
            "pass the new checkpoint, or --allow-same",
        )
        for candidate in evidence.candidates
        if candidate.digest in artefacts
    ]
    return Measured(f"{len(findings)} the same", "none", findings)


@implements("G007")
def check_config(evidence: GoldenEvidence) -> Measured:
    """G007: what changed in the config since the golden."""
    old = evidence.golden.record.config
    with suppress(ValidationError):  # a setting that is newer than the golden had its default then
        old = CaseConfig.model_validate(old).resolved()
    changes = config_changes(old, evidence.case.config.resolved())
    findings = [
        Finding(change.key, f"golden {change.old!r}, now {change.new!r}") for change in changes
    ]
    return Measured(f"{len(findings)} change{'s'[: len(findings) != 1]}", "none", findings)


@implements("G020")
def check_numerics(evidence: GoldenEvidence) -> Measured:
    """G020: this machine computes what the golden's machine computed."""
    from amn.evaluation.numerics import (  # noqa: PLC0415 - loads torch
        TOLERANCE,
        machine,
        numeric_values,
    )

    then, now = evidence.golden.record.numerics, numeric_values()
    if then is None:
        raise CheckNotRunError("golden.json: expected a fingerprint of the machine, found none")
    off = {name: abs(now.get(name, math.nan) - value) for name, value in then.values.items()}
    here = machine()
    changed = [
        f"{key} {old} then, {here.get(key, 'unknown')} now"
        for key, old in then.machine.items()
        if here.get(key) != old
    ]
    because = "; ".join(changed) or "the same libraries and instruction set"
    findings = [
        Finding(
            name,
            f"expected {value:.9g} as beside the golden, got {now.get(name, math.nan):.9g}",
            f"look at the machine before the model: {because}",
        )
        for name, value in then.values.items()
        if not off[name] <= TOLERANCE
    ]
    worst = max(off.values())  # NaN where a step is gone: its finding says so
    return Measured(f"{worst:.1g}", f"<= {TOLERANCE:g}", findings, "; ".join(changed), worst)


@implements("G001")
def check_ood(evidence: GoldenEvidence) -> Measured:
    """G001: not worse than the golden, OOD."""
    return _not_worse(evidence, "G001", "ood")


@implements("G002")
def check_in_dist(evidence: GoldenEvidence) -> Measured:
    """G002: not worse than the golden, in-dist."""
    return _not_worse(evidence, "G002", "in_dist")


def _not_worse(evidence: GoldenEvidence, check: str, split: str) -> Measured:
    """Judge a split against the golden."""
    judged = judge_check(evidence, check)
    evidence.alarms[check] = judged.p
    comparison, margin = judged.comparison, evidence.case.config.golden.margin
    d = comparison.difference
    bounds = f"lower bound {comparison.lower:+.4f}, upper {comparison.upper:+.4f}"
    spent = _spent(evidence)
    findings = []
    if judged.verdict is Verdict.FAIL:
        message = f"expected not worse than the golden by {margin}, got {d:+.4f} ({bounds}{spent})"
        findings.append(Finding(split, message, _blame(_attribution(evidence, split))))
    elif judged.verdict is not Verdict.PASS:
        message = f"cannot tell: {d:+.4f} ({bounds}{spent}), margin {margin}"
        if comparison.verdict is Verdict.FAIL:
            message += f"; no alarm at {judged.level:g}, its level beside the other split (Holm)"
        needed = comparison.articles_needed
        fix = f"{comparison.n_clusters} articles, about {needed} needed" if needed else "more seeds"
        if d < 0:
            fix = f"{fix}; {_attribution(evidence, split)}"
        findings.append(Finding(split, message, fix, severity=Severity.INCONCLUSIVE))
    elif comparison.standard_errors > SUSPICIOUS:
        message = f"{comparison.standard_errors:.1f} standard errors better than the golden"
        findings.append(Finding(split, message, "look for a leak (S001-S004)", Severity.NOTICE))
    detail = f"{bounds}, {comparison.n_clusters} articles{spent}"
    standing = Standing(comparison.lower, comparison.upper, least=-margin)
    return Measured(f"{d:+.4f}", f"> {-margin:+.4f}", findings, detail, d, standing)


def _spent(evidence: GoldenEvidence) -> str:
    """Return which look this is and what error it and those before it spent, where there are more.

    Shares of alpha add up, so that a PASS at any look is false in at most alpha of all cases.
    """
    looks, config = evidence.looks, evidence.case.config.golden
    if not looks or not config.adaptive_seeds:
        return ""
    spent = sum(config.alpha_at(look) for look in looks)
    return (
        f", look {len(looks)} of {len(config.adaptive_seeds)} at {looks[-1]} seeds, "
        f"alpha {evidence.alpha:g}, spent {spent:g} of {config.alpha:g}"
    )


def _attribution(evidence: GoldenEvidence, split: str) -> Attribution:
    """Return where a split's difference comes from, and keep it for reports."""
    candidate, golden, articles = aligned(evidence, split)
    dataset = evidence.dataset(split)
    titles = titles_of(dataset, articles) if dataset else {}
    evidence.attributions[split] = attribute(
        candidate, golden, articles, titles=titles, groupings=groups_of(dataset, articles, titles)
    )
    return evidence.attributions[split]


def _blame(attribution: Attribution) -> str:
    """Name the articles that pull the difference down most, and say whether they are alone."""
    names = ", ".join(
        f"{part.article}{f' ({part.title})' if part.title else ''} ({part.difference:+.3f})"
        for part in attribution.worst[:NAMED]
    )
    return f"look at articles {names}: {attribution}"
