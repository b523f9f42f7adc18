"""S: whether evaluated articles are what a filter by the judged quantity has left."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from amn.checks.check import check
from amn.config import EVALUATED
from amn.curation.circular import JUDGED_REASONS, judged_drops, was_exempt
from amn.data.manifest import MANIFEST_FILE
from amn.findings import Finding, Measured

if TYPE_CHECKING:
    from amn.checks.broken.copies import CaseCopy
    from amn.data.splits import Split


def circular_filter(copy: CaseCopy) -> None:
    """Judged rows were filtered by what is judged."""

    def change(manifest: dict[str, Any]) -> None:
        n, dropped = manifest["rows"], manifest["rows"] // 20
        stage = {"name": "filter", "rows_in": n + dropped, "rows_out": n}
        manifest["stages"] = [{**stage, "dropped": {JUDGED_REASONS[0]: dropped}}]

    copy.change_json(copy.data / MANIFEST_FILE, change)


@check("S009", "circular_filter", needs=["D003"], broken_by=[circular_filter])
def check_circular_filter(splits: dict[str, Split]) -> Measured:
    """No evaluated article is what a filter by coherence or by a model's score has left.

    Why: Rows dropped for a low score raise the score of what is left, also when the model has
    learned nothing from it.
    Fix: Filter again with the evaluated articles left alone: amn data filter --exempt splits.json
    """
    findings: list[Finding] = []
    chosen = 0
    total = 0
    for name in EVALUATED:
        split = splits[name]
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
