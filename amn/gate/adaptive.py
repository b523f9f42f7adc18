"""Adaptive seeds: more are trained only while the comparison with the golden is undecided."""

from __future__ import annotations

from typing import TYPE_CHECKING

from amn.checks.comparison import COMPARED, judge_check
from amn.checks.evidence.limits import GoldenEvidence
from amn.errors import ArgumentError, CheckpointError, GoldenError
from amn.findings import Verdict
from amn.gate.cache import RunCache
from amn.gate.candidates import plan_for, trained

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from amn.case import Case
    from amn.checks.evidence.data import SplitEvidence
    from amn.checks.evidence.runs import Candidate


def train_adaptively(
    case: Case,
    evidence: SplitEvidence,
    cache: Path,
    progress: Callable[[int, int, str], None] | None = None,
) -> tuple[Candidate, ...]:
    """Return the seeds that it took: those of the first look that decided, or of the last one."""
    plan, runs = plan_for(case, evidence), RunCache(cache)
    candidates: tuple[Candidate, ...] = ()
    for look in case.config.golden.adaptive_seeds or ():
        new = case.config.training.seeds[len(candidates) : look]
        candidates += tuple(trained(run) for run in runs.runs(plan, new, progress=progress))
        if is_decided(case, candidates):
            break
    return candidates


def is_decided(case: Case, candidates: tuple[Candidate, ...]) -> bool:
    """Tell whether more seeds would be trained for nothing.

    What cannot be compared at all is decided as well: no seed mends it, and the checks name it.
    """
    looks = case.config.golden.looks_until(len(candidates))
    evidence = GoldenEvidence(case, candidates, (), looks=looks)
    try:
        verdicts = {judge_check(evidence, check).verdict for check in COMPARED}
    except (GoldenError, CheckpointError, ArgumentError):
        return True
    return Verdict.INCONCLUSIVE not in verdicts
