"""S: whether evaluated articles are what a filter by the judged quantity has left."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from amn.checks.registry import implements
from amn.config import EVALUATED
from amn.curation.circular import judged_drops, was_exempt
from amn.findings import Finding, Measured

if TYPE_CHECKING:
    from amn.checks.evidence.data import SplitEvidence


@implements("S009")
def check_circular_filter(evidence: SplitEvidence) -> Measured:
    """S009: no evaluated article was chosen by a quantity that the gate judges."""
    findings: list[Finding] = []
    chosen = 0
    total = 0
    for name in EVALUATED:
        split = evidence.splits[name]
        total += len(split.articles)
        touched = np.zeros(len(split.articles), np.bool_)
        stages: list[str] = []
        for stage, reason, dropped in judged_drops(split.dataset.manifest):
            mine = ~was_exempt(stage, split.articles)
            if mine.any():
                touched |= mine
                stages.append(f"{dropped:,} {stage.unit} for {reason} in stage {stage.name!r}")
        if not touched.any():
            continue
        chosen += int(touched.sum())
        message = (
            "expected articles that no filter by coherence or score has chosen, got "
            f"{touched.sum():,} of {len(touched):,} that are left after it dropped "
            f"{' and '.join(stages)}: a circular filter"
        )
        fix = (
            "filter again with the evaluated articles left alone: amn data filter --exempt, "
            "or take the split from the unfiltered data set: dataset in case.toml"
        )
        findings.append(Finding(name, message, fix))
    return Measured(f"{chosen:,} of {total:,} evaluated articles", "0", findings, number=chosen)
