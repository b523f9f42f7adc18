"""Experiments with models: scoring again, other contexts, short trainings; seconds to a minute.

Letters: N windows.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from amn.data.coherence import mean_by_article
from amn.data.windows import Windows, find_windows
from amn.diagnosis.diagnosis import Trial
from amn.errors import CheckNotRunError, CheckpointError
from amn.evaluation.reference import fit_references, score_references
from amn.training.cache import RunCache
from amn.training.plan import plan_for
from amn.training.scorer import Scorer

if TYPE_CHECKING:
    from pathlib import Path

    from amn.case.limits import CriteriaConfig
    from amn.case.load import Case
    from amn.data.scan import RowScan
    from amn.data.splits import Split
    from amn.evaluation.storage import Evaluation
    from amn.gate.evidence import Evidence
    from amn.training.checkpoint import Checkpoint
    from amn.training.plan import Plan

CONTEXTS = (3, 5, 7, 9)
FIT_EVERY = 4  # of the training windows: weights move by less than 0.005
SHORT_EPOCHS = 2
SLOWER = 1 / 3
QUARTER = 0.25
PLAIN = {  # what a short training leaves out
    "epochs": SHORT_EPOCHS,
    "warmup_epochs": 0.0,
    "early_stopping": None,
    "curriculum": None,
}
NOT_LOADED = 1.0  # change where the judged path cannot load what the public loader can


def rescore(
    case: Case,
    plan: Plan,
    loaded: tuple[Checkpoint | CheckpointError, ...],
    evidence: Evidence,
) -> Trial:
    """Load the first candidate afresh through the public loader and score every window."""
    fresh = evidence.anew("candidates")[0]
    again = Scorer(plan).score(case.folder, fresh.load())
    means = ", ".join(f"{name} {score.mean:.4f}" for name, score in again.scores.items())
    lines = [f"public loader: {means}"]
    change = 0.0
    if fresh.recorded is None:
        lines.append("nothing was recorded to compare with")
    else:
        recorded = fresh.recorded.scores
        for name, score in again.scores.items():
            difference = np.abs(score.cosines - recorded[name].cosines)
            change = max(change, float(difference.max(initial=0.0)))
        lines.append(f"largest change of a window against the record: {change:.2e}")
    if isinstance(loaded[0], CheckpointError):
        change = NOT_LOADED
        lines.append(f"as it is judged, it does not load: {loaded[0].message}")
    title = "does the public loader give the recorded scores?"
    known = {"rescore_change": change} if fresh.recorded or change else {}
    return Trial("rescore", title, tuple(lines), known)


def splits(windows: dict[str, Windows]) -> Trial:
    """Score the mean of the context on every split."""
    some = {**windows, "train": windows["train"].take(slice(None, None, FIT_EVERY))}
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


def contexts(case: Case, splits: dict[str, Split]) -> Trial:
    """Fit the reference predictors at several contexts and score OOD on the same targets.

    Raises:
        CheckNotRunError: If no article is long enough for the longest context.
    """
    present = case.config.windows.context
    lengths = sorted({*CONTEXTS, present})
    longest = find_windows(splits["ood"].dataset, lengths[-1], splits["ood"].articles)
    if not len(longest):
        raise CheckNotRunError(f"contexts: expected articles of {lengths[-1] + 1} rows, got none")
    found = {}
    for context in lengths:
        train = find_windows(splits["train"].dataset, context, splits["train"].articles)
        references = fit_references(train.take(slice(None, None, FIT_EVERY)))
        windows = Windows(longest.dataset, longest.targets - context, context)
        scored = score_references(references, windows)
        found[context] = {name: float(values.mean()) for name, values in scored.items()}
    best = {context: max(values.values()) for context, values in found.items()}
    names = ("mean", "weighted_mean", "ridge")
    lines = [
        f"context {context}: " + ", ".join(f"{name} {values[name]:.4f}" for name in names)
        for context, values in found.items()
    ]
    longer = [best[context] for context in lengths if context > present]
    gain = max(longer, default=best[present]) - best[present]
    lines.append(f"best longer context {gain:+.4f} on {len(longest):,} OOD targets")
    title = "do the reference predictors gain from a longer context?"
    return Trial("contexts", title, tuple(lines), {"context_gain": gain})


def short_training(
    case: Case, splits: dict[str, Split], windows: dict[str, Windows], cache: Path
) -> Trial:
    """Train two epochs as declared, at a third of the rate, and on the primary loss alone."""
    training = case.config.training
    declared = training.loss_terms().weights()
    primary = next(iter(declared))
    rate = training.rate
    changes: dict[str, dict[str, object]] = {
        "as declared": {},
        "a third of it": {"lr": SLOWER * rate},
    }
    if len(declared) > 1:
        changes[f"{primary} alone"] = {"loss": primary, "losses": None}
    found = {}
    for name, change in changes.items():
        changed = case.with_training(**{**PLAIN, **change})
        plan = plan_for(changed, splits, windows)
        run = RunCache(cache).run(plan, changed.config.training.seeds[0])
        found[name] = run.record.best_val_cosine
    base = found["as declared"]
    figures = {"slower_gain": found["a third of it"] - base}
    if len(declared) > 1:
        figures["primary_gain"] = found[f"{primary} alone"] - base
    lines = [
        f"learning rate {rate:g} as declared: validation {base:.4f}",
        *(
            f"{name}: {value:.4f} ({value - base:+.4f})"
            for name, value in found.items()
            if name != "as declared"
        ),
    ]
    title = f"validation cosine after at most {SHORT_EPOCHS} epochs of seed {training.seeds[0]}"
    return Trial("short_training", title, tuple(lines), figures)
