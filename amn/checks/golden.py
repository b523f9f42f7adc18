"""G: the golden: is it whole and comparable, and is the candidate not worse."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

import numpy as np
from pydantic import ValidationError

from amn.checks import custody
from amn.checks.groups import groups_of, titles_of
from amn.checks.registry import implements
from amn.config import EVALUATED, CaseConfig
from amn.errors import GoldenError
from amn.evaluation.attribution import attribute
from amn.evaluation.metrics import METRIC_VERSION
from amn.evaluation.statistics import noninferiority, seed_from
from amn.findings import Finding, Measured, Severity, Standing, Verdict
from amn.golden.compare import align, config_changes
from amn.golden.store import COSINES_FILE

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from amn.checks.evidence import GoldenEvidence
    from amn.evaluation.attribution import Attribution

__all__ = ["custody"]  # imported because it registers the family's other checks

NAMED = 3  # articles in a message
SUSPICIOUS = 5.0  # standard errors of improvement after which a leak is likelier than luck


@implements("G003")
def check_comparable(evidence: GoldenEvidence) -> Measured:
    """G003: same windows, same metric."""
    golden, findings = evidence.golden, []
    for split in EVALUATED:
        try:
            _aligned(evidence, split)
        except GoldenError as error:
            findings.append(Finding(split, str(error), "amn golden update CASE --reason TEXT"))
    if golden.record.versions.metric != METRIC_VERSION:
        message = f"expected metric version {METRIC_VERSION}, got {golden.record.versions.metric}"
        findings.append(Finding("golden.json", message, "amn golden update CASE --reason TEXT"))
    n = sum(len(golden.splits[split].article_ids) for split in EVALUATED)
    return Measured(f"{n:,} windows", "same ids, same metric", findings)


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
    return Measured(f"{len(findings)} changes", "none", findings)


@implements("G001")
def check_ood(evidence: GoldenEvidence) -> Measured:
    """G001: not worse than the golden, OOD."""
    return _not_worse(evidence, "G001", "ood")


@implements("G002")
def check_in_dist(evidence: GoldenEvidence) -> Measured:
    """G002: not worse than the golden, in-dist."""
    return _not_worse(evidence, "G002", "in_dist")


def _aligned(
    evidence: GoldenEvidence, split: str
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.int64]]:
    """Return candidate (Sc, N) and golden (Sg, N) cosines joined by window id, and articles (N,).

    Raises:
        GoldenError: If the two have different windows.
    """
    golden = evidence.golden.splits[split]
    scores = [candidate.evaluation.scores[split] for candidate in evidence.candidates]
    path = evidence.case.folder / COSINES_FILE
    order = align(golden, scores[0].article_ids, scores[0].target_chunks, path=path)
    candidate = np.stack([score.cosines[order] for score in scores])
    return candidate, golden.cosines, golden.article_ids


def _not_worse(evidence: GoldenEvidence, check: str, split: str) -> Measured:
    """Judge a split against the golden."""
    candidate, golden, articles = _aligned(evidence, split)
    config = evidence.case.config.golden
    comparison = noninferiority(
        candidate,
        golden,
        articles,
        margin=config.margin,
        alpha=config.alpha,
        seed=seed_from(check, evidence.golden.digest),
    )
    d = comparison.difference
    bounds = f"lower bound {comparison.lower:+.4f}, upper {comparison.upper:+.4f}"
    findings = []
    if comparison.verdict is Verdict.FAIL:
        message = f"expected not worse than the golden by {config.margin}, got {d:+.4f} ({bounds})"
        findings.append(Finding(split, message, _blame(_attribution(evidence, split))))
    elif comparison.verdict is not Verdict.PASS:
        message = f"cannot tell: {d:+.4f} ({bounds}), margin {config.margin}"
        needed = comparison.articles_needed
        fix = f"{comparison.n_clusters} articles, about {needed} needed" if needed else "more seeds"
        if d < 0:
            fix = f"{fix}; {_attribution(evidence, split)}"
        findings.append(Finding(split, message, fix, severity=Severity.INCONCLUSIVE))
    elif comparison.standard_errors > SUSPICIOUS:
        message = f"{comparison.standard_errors:.1f} standard errors better than the golden"
        findings.append(Finding(split, message, "look for a leak (S001-S004)", Severity.NOTICE))
    detail = f"{bounds}, {comparison.n_clusters} articles"
    standing = Standing(comparison.lower, comparison.upper, least=-config.margin)
    return Measured(f"{d:+.4f}", f"> {-config.margin:+.4f}", findings, detail, d, standing)


def _attribution(evidence: GoldenEvidence, split: str) -> Attribution:
    """Return where a split's difference comes from, and keep it for reports."""
    candidate, golden, articles = _aligned(evidence, split)
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
