"""M: the model: is it the one that was trained, and does it predict one thing on every path."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from amn.checks import behaviour
from amn.checks.listing import some_ids
from amn.checks.registry import implements
from amn.config import EVALUATED
from amn.errors import CheckpointError
from amn.findings import Finding, Measured, Severity

if TYPE_CHECKING:
    from amn.checks.evidence.runs import RunEvidence

__all__ = ["behaviour"]  # imported because it registers the family's other checks

NORM_ATOL = 1e-4  # float32 normalisation leaves 2e-7
PATH_ATOL = 1e-5  # float32 sums in another order leave 5e-7
PATH_WINDOWS = 16  # each also alone, at the price of a whole forward
RANK_SHARE = 0.1  # measured on wiki-mini: 0.47 to 0.55 trained, 0.33 after one epoch


@implements("M001")
def check_probe(evidence: RunEvidence) -> Measured:
    """M001: every checkpoint answers its probe as when it was saved."""
    findings = []
    for candidate in evidence.candidates:
        try:
            checkpoint = candidate.checkpoint
        except CheckpointError as error:
            findings.append(Finding(candidate.name, str(error)))
            continue
        if checkpoint.is_imported:
            message = (
                "expected a stored probe, got an imported file without one: its forward is unproven"
            )
            findings.append(Finding(candidate.name, message, severity=Severity.WARNING))
    return Measured(f"{len(evidence.candidates)} checkpoints", "answer as saved", findings)


@implements("M002")
def check_unit_output(evidence: RunEvidence) -> Measured:
    """M002: predictions have unit length."""
    errors = {
        (candidate.name, split): candidate.evaluation.scores[split].norm_error
        for candidate in evidence.candidates
        for split in EVALUATED
    }
    findings = [
        Finding(
            f"{name}, {split}", f"expected length 1 within {NORM_ATOL}, got an error of {error:.3g}"
        )
        for (name, split), error in errors.items()
        if not error <= NORM_ATOL
    ]
    return Measured(f"error {np.max(list(errors.values())):.1e}", f"<= {NORM_ATOL}", findings)


@implements("M003")
def check_one_path(evidence: RunEvidence) -> Measured:
    """M003: batch, single windows and training loss agree."""
    from amn.evaluation.probes import path_difference, sample_windows  # noqa: PLC0415 - loads torch
    from amn.training.losses import cosine_rows  # noqa: PLC0415 - as above

    findings, largest = [], 0.0
    for candidate in evidence.candidates:
        for split in EVALUATED:
            windows = evidence.windows[split]
            chosen = sample_windows(windows, PATH_WINDOWS, seed=0)
            model = candidate.checkpoint.model
            difference = path_difference(model, windows, chosen, training_cosine=cosine_rows)
            largest = float(np.maximum(largest, difference))
            if not difference <= PATH_ATOL:
                message = (
                    f"expected one cosine on every path within {PATH_ATOL}, got a difference of"
                )
                findings.append(
                    Finding(f"{candidate.name}, {split}", f"{message} {difference:.3g}")
                )
    return Measured(f"difference {largest:.1e}", f"<= {PATH_ATOL}", findings)


@implements("M004")
def check_training_articles(evidence: RunEvidence) -> Measured:
    """M004: no judged article was trained on."""
    findings, known = [], 0
    for candidate in evidence.candidates:
        trained = candidate.checkpoint.articles
        known = max(known, len(trained))
        if not len(trained):
            message = "expected a list of training articles, got none: a leak cannot be ruled out"
            findings.append(Finding(candidate.name, message, severity=Severity.WARNING))
        for split in EVALUATED:
            windows = evidence.windows[split]
            if windows.dataset.path.resolve() != evidence.dataset_path.resolve():
                continue  # ids of another data set name other articles
            judged = np.unique(windows.article_ids)
            leaked = np.intersect1d(judged, trained)
            if len(leaked):
                message = (
                    f"expected no article of its training, got {len(leaked)} of {len(judged)} "
                    f"({some_ids(leaked)})"
                )
                findings.append(Finding(f"{candidate.name}, {split}", message))
    return Measured(f"{known:,} training articles", "none judged", findings)


@implements("M005")
def check_diversity(evidence: RunEvidence) -> Measured:
    """M005: predictions have not collapsed."""
    findings, shares = [], []
    for candidate in evidence.candidates:
        for split in EVALUATED:
            scores = candidate.evaluation.scores[split]
            floor = RANK_SHARE * scores.target_rank
            share = scores.rank / scores.target_rank if scores.target_rank > 0 else np.nan
            shares.append(share)
            if not share >= RANK_SHARE:
                message = (
                    f"expected an effective rank of at least {floor:.1f}, got {scores.rank:.1f} "
                    f"for targets of {scores.target_rank:.1f}"
                )
                findings.append(Finding(f"{candidate.name}, {split}", message))
    return Measured(f"{np.min(shares):.2f} of targets' rank", f">= {RANK_SHARE}", findings)


@implements("M006")
def check_architecture(evidence: RunEvidence) -> Measured:
    """M006: the checkpoint is what the case names."""
    config = evidence.case.config
    expected = config.model.architecture
    findings = []
    for candidate in evidence.candidates:
        spec = candidate.checkpoint.spec
        if spec.architecture != expected:
            message = f"expected {expected}, got {spec.architecture}"
            findings.append(Finding(candidate.name, message, "name it in [model] if it is meant"))
        if spec.context != config.windows.context:
            message = f"expected context {config.windows.context}, got {spec.context}"
            findings.append(Finding(candidate.name, message, "set windows.context"))
    return Measured(evidence.candidates[0].checkpoint.spec.architecture, expected, findings)
