"""Experiments with what was trained: scoring again, splits and parts of them; seconds.

Letters: N windows.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from amn.data.coherence import mean_by_article
from amn.data.sampling import evenly_spaced
from amn.diagnosis.diagnosis import Trial
from amn.errors import CheckpointError
from amn.evaluation.reference import fit_references, score_references
from amn.evaluation.runner import score

if TYPE_CHECKING:
    from amn.case.limits import CriteriaConfig
    from amn.data.scan import RowScan
    from amn.data.windows import Windows
    from amn.evaluation.storage import Evaluation
    from amn.gate.evidence import Evidence
    from amn.training.checkpoint import Checkpoint
    from amn.training.plan import Plan

MOST_WINDOWS = 20_000  # of a split, evenly spaced: means over so many move by less than 0.002
QUARTER = 0.25
NOT_LOADED = 1.0  # change where the judged path cannot load what the public loader can


def rescore(
    plan: Plan, loaded: tuple[Checkpoint | CheckpointError, ...], evidence: Evidence
) -> Trial:
    """Load the first candidate afresh through the public loader and score its windows."""
    fresh = evidence.anew("candidates")[0]
    model, change, means = fresh.load().model, 0.0, []
    for name, windows in plan.judged.items():
        chosen = evenly_spaced(len(windows), MOST_WINDOWS)
        again = score(model, windows.take(chosen)).cosines
        means.append(f"{name} {again.mean():.4f}")
        if fresh.recorded is not None:
            difference = np.abs(again - fresh.recorded.scores[name].cosines[chosen])
            change = max(change, float(difference.max(initial=0.0)))
    lines = [f"public loader: {', '.join(means)}"]
    if fresh.recorded is None:
        lines.append("nothing was recorded to compare with")
    else:
        lines.append(f"largest change of a window against the record: {change:.2e}")
    if isinstance(loaded[0], CheckpointError):
        change = NOT_LOADED
        lines.append(f"as it is judged, it does not load: {loaded[0].message}")
    title = "does the public loader give the recorded scores?"
    known = {"rescore_change": change} if fresh.recorded or change else {}
    return Trial("rescore", title, tuple(lines), known)


def splits(windows: dict[str, Windows]) -> Trial:
    """Score the mean of the context on every split."""
    some = {n: part.take(evenly_spaced(len(part), MOST_WINDOWS)) for n, part in windows.items()}
    references = fit_references(some["train"])
    means = {
        name: float(score_references(references, part)["mean"].mean())
        for name, part in some.items()
    }
    gap = max(abs(mean - means["train"]) for mean in means.values())
    line = ", ".join(f"{name} {mean:.4f}" for name, mean in means.items())
    title = "does the mean of the context do alike on every split?"
    return Trial("splits", title, (line,), {"split_gap": gap})


def coherent_part(
    windows: dict[str, Windows],
    scans: dict[str, RowScan],
    evaluations: tuple[Evaluation, ...],
    criteria: CriteriaConfig,
) -> Trial:
    """Score OOD without the quarter of its articles whose neighbours are least alike."""
    mine_of, dataset, scan = windows["ood"].codes, windows["ood"].dataset, scans["ood"]
    cosines = np.mean([one.scores["ood"].cosines for one in evaluations], axis=0)
    _, coherence = mean_by_article(dataset, scan.adjacent, 1)
    mine = np.bincount(mine_of, minlength=len(coherence)) > 0
    limit = float(np.quantile(coherence[mine], QUARTER))
    kept = (mine & (coherence >= limit))[mine_of]
    score, floor = float(cosines[kept].mean()), criteria.floor("ood")
    line = (
        f"OOD {cosines.mean():.4f}; without articles of coherence below {limit:.3f} {score:.4f}, "
        f"floor {floor:.4f}"
    )
    title = "does OOD reach its floor without its least coherent quarter?"
    return Trial("coherent_part", title, (line,), {"coherent_margin": score - floor})
