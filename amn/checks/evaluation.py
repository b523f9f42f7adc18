"""E: the harness: was all of it scored, by a metric that works, from the model that was trained."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from amn.checks import behaviour
from amn.checks.registry import implements
from amn.config import EVALUATED
from amn.findings import Finding, Measured, Severity

if TYPE_CHECKING:
    from amn.checks.evidence.limits import CriteriaEvidence
    from amn.checks.evidence.runs import RunEvidence

__all__ = ["behaviour"]  # imported because it registers the family's other checks

EQUAL = 0.9999  # cosine of two float32 vectors that are one vector
ORACLE_SHARE = 0.01
COPY_SHARE = 0.5
IMPLAUSIBLE = 0.10  # any constant vector scores 0.2 or more on the encoders we have measured
RESCORE_ATOL = 1e-3
RESCORE_WINDOWS = 256  # a split, evenly over its articles
METRIC_ATOL = 1e-6
MIN_SEEDS = 3


@implements("E001")
def check_all_windows(evidence: RunEvidence) -> Measured:
    """E001: declared windows == scored windows, by id and in order."""
    findings, total = [], 0
    for candidate in evidence.candidates:
        for split, windows in evidence.windows.items():
            scores = candidate.evaluation.scores[split]
            where = f"{candidate.name}, {split}"
            total += len(scores.cosines)
            if len(scores.cosines) != len(windows) or not len(windows):
                message = f"expected {len(windows):,} windows, got {len(scores.cosines):,}"
                findings.append(Finding(where, message, "amn eval"))
            elif not (
                np.array_equal(scores.article_ids, windows.article_ids)
                and np.array_equal(scores.target_chunks, windows.target_chunks)
            ):
                message = "expected the windows of the case in their order, got other ids"
                findings.append(Finding(where, message, "amn eval"))
    n = sum(len(windows) for windows in evidence.windows.values())
    return Measured(f"{total:,}", f"== {len(evidence.candidates)} x {n:,}", findings)


@implements("E002")
def check_finite(evidence: RunEvidence) -> Measured:
    """E002: cosines are numbers in range."""
    findings, total = [], 0
    for candidate in evidence.candidates:
        for split, scores in candidate.evaluation.scores.items():
            total += len(scores.cosines)
            is_bad = ~(np.abs(scores.cosines) <= 1)
            for window in np.flatnonzero(is_bad)[:3]:
                message = (
                    f"expected finite cosines, got {scores.cosines[window]} in window {window}"
                )
                key = (
                    f"(article {scores.article_ids[window]}, chunk {scores.target_chunks[window]})"
                )
                findings.append(Finding(f"{candidate.name}, {split}", f"{message} {key}"))
    return Measured(f"{total:,} cosines", "in -1 ... 1", findings)


def _share(evidence: RunEvidence, which: str, limit: float, what: str) -> Measured:
    """Measure the share of predictions that equal another vector."""
    findings, largest = [], 0.0
    for candidate in evidence.candidates:
        for split, scores in candidate.evaluation.scores.items():
            share = float((getattr(scores, which) > EQUAL).mean())
            largest = max(largest, share)
            if not share <= limit:
                message = (
                    f"expected at most {limit:.0%} of predictions equal to {what}, got {share:.1%}"
                )
                findings.append(Finding(f"{candidate.name}, {split}", message))
    return Measured(f"{largest:.1%}", f"<= {limit:.0%}", findings)


@implements("E003")
def check_not_oracle(evidence: RunEvidence) -> Measured:
    """E003: predictions are not the targets."""
    return _share(evidence, "cosines", ORACLE_SHARE, "their target")


@implements("E004")
def check_not_copy(evidence: RunEvidence) -> Measured:
    """E004: predictions are not the last row."""
    return _share(evidence, "copy_cosines", COPY_SHARE, "the last row")


@implements("E005")
def check_above_constant(evidence: RunEvidence | CriteriaEvidence) -> Measured:
    """E005: both scores are above the constant predictor's."""
    findings, values = [], []
    for split in EVALUATED:
        summary = evidence.summaries[split]
        constant = summary.references.get("constant")
        floor = IMPLAUSIBLE if constant is None else constant
        name = (
            "any constant's 0.10"
            if constant is None
            else f"the constant predictor's {constant:.4f}"
        )
        scores = summary.per_seed or (summary.mean,)
        values.append(f"{split} {min(scores):.4f} > {floor:.4f}")
        findings += [
            Finding(
                split,
                f"expected above {name}, got {value:.4f}: the model is not connected to its input",
                "load the checkpoint with the class that trained it, and score again",
            )
            for value in scores
            # A missing score is C001's and C002's to report; a floor that is NaN is no floor.
            if not value > floor and not np.isnan(value)
        ]
    return Measured(", ".join(values), "> constant", findings)


@implements("E006")
def check_metric(evidence: RunEvidence) -> Measured:
    """E006: the metric gives known predictors their known scores."""
    from amn.evaluation.probes import metric_self_test, sample_windows  # noqa: PLC0415 - loads torch

    findings, texts = [], []
    for split, windows in evidence.windows.items():
        chosen = sample_windows(windows, RESCORE_WINDOWS, seed=1)
        got = metric_self_test(windows, chosen, seed=1)
        noise = 6 / np.sqrt(len(chosen) * windows.dataset.dim)  # six standard errors
        expected = {"oracle": (1.0, METRIC_ATOL), "opposite": (-1.0, METRIC_ATOL)}
        expected |= {"random": (0.0, noise), "copy": (got["adjacent"], METRIC_ATOL)}
        findings += [
            Finding(split, f"expected {want:.4f} for {name} within {atol:.1g}, got {got[name]:.4f}")
            for name, (want, atol) in expected.items()
            if not abs(got[name] - want) <= atol
        ]
        texts.append(f"{split} oracle {got['oracle']:.4f} random {got['random']:+.4f}")
    return Measured(", ".join(texts), "1, 0", findings)


@implements("E007")
def check_rescore(evidence: RunEvidence) -> Measured:
    """E007: the checkpoint reproduces its recorded cosines."""
    from amn.evaluation.probes import rescore, sample_windows  # noqa: PLC0415 - loads torch

    findings, largest, n = [], 0.0, 0
    for candidate in evidence.candidates:
        recorded = candidate.recorded or candidate.evaluation
        for split, windows in evidence.windows.items():
            scores = recorded.scores[split]
            where = f"{candidate.name}, {split}"
            is_same = np.array_equal(scores.article_ids, windows.article_ids)
            if not is_same or not np.array_equal(scores.target_chunks, windows.target_chunks):
                message = (
                    f"expected a record of the case's {len(windows):,} windows, "
                    f"got {len(scores.cosines):,}, not the same ones"
                )
                findings.append(Finding(where, message, "amn eval"))
                continue
            chosen = sample_windows(windows, RESCORE_WINDOWS, seed=2)
            n += len(chosen)
            again = rescore(candidate.checkpoint.model, windows, chosen)
            difference = np.abs(again - scores.cosines[chosen])
            worst = int(np.argmax(np.where(np.isnan(difference), np.inf, difference)))
            largest = float(np.maximum(largest, difference[worst]))
            if not difference[worst] <= RESCORE_ATOL:
                window = int(chosen[worst])
                message = (
                    f"expected the recorded cosine within {RESCORE_ATOL}, got "
                    f"{again[worst]:.4f} for "
                    f"{scores.cosines[window]:.4f} (article {scores.article_ids[window]}, "
                    f"chunk {scores.target_chunks[window]})"
                )
                findings.append(Finding(where, message, "amn eval"))
    return Measured(f"difference {largest:.1e} over {n:,}", f"<= {RESCORE_ATOL}", findings)


@implements("E008")
def check_seeds(evidence: RunEvidence) -> Measured:
    """E008: all declared seeds are there, three or more."""
    declared = evidence.case.config.training.seeds
    got = [c.record.seed for c in evidence.candidates if c.record]
    looks = evidence.case.config.golden.adaptive_seeds or [max(MIN_SEEDS, len(declared))]
    wanted = declared[: next((look for look in looks if look >= len(got)), None)]
    least = min(MIN_SEEDS, looks[0])
    findings = []
    if missing := sorted(set(wanted) - set(got)):
        message = f"expected seeds {wanted}, got no {missing}"
        findings.append(Finding("training.seeds", message, "amn gate again", Severity.HARNESS))
    if len(got) < least:
        message = f"expected at least {least} seeds, got {len(got)}"
        findings.append(Finding("training.seeds", message, "training.seeds = [0, 1, 2]"))
    return Measured(", ".join(map(str, got)), f">= {least} seeds", findings)
