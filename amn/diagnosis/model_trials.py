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
from amn.evaluation.references import score_references
from amn.gate.cache import RunCache
from amn.gate.candidates import Scorer, find_candidates, plan_for
from amn.models.reference import fit_references

if TYPE_CHECKING:
    from amn.gate.session import GateSession

CONTEXTS = (3, 5, 7, 9)
FIT_EVERY = 4  # of the training windows: weights move by less than 0.005
SHORT_EPOCHS = 2
SLOWER = 1 / 3
QUARTER = 0.25
NOT_LOADED = 1.0  # change where the judged path cannot load what the public loader can


def rescore(session: GateSession) -> Trial:
    """Load the first candidate afresh through the public loader and score every window."""
    case, evidence = session.case, session.split_evidence
    fresh = find_candidates(case, evidence, session.options)[0]
    judged = session.candidates[0]
    again = Scorer(plan_for(case, evidence)).score(case.folder, fresh.checkpoint)
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
    try:
        judged.checkpoint  # noqa: B018 - loads it as it is judged
    except CheckpointError as error:
        change = NOT_LOADED
        lines.append(f"as it is judged, it does not load: {error.message}")
    title = "does the public loader give the recorded scores?"
    known = {"rescore_change": change} if fresh.recorded or change else {}
    return Trial("rescore", title, tuple(lines), known)


def splits(session: GateSession) -> Trial:
    """Score the mean of the context on every split."""
    windows = dict(session.split_evidence.windows)
    windows["train"] = windows["train"].take(slice(None, None, FIT_EVERY))
    references = fit_references(windows["train"])
    means = {
        name: float(score_references(references, part)["mean"].mean())
        for name, part in windows.items()
    }
    gap = max(abs(mean - means["train"]) for mean in means.values())
    line = ", ".join(f"{name} {mean:.4f}" for name, mean in means.items())
    title = "does the mean of the context do alike on every split?"
    return Trial("splits", title, (line,), {"split_gap": gap})


def coherent_part(session: GateSession) -> Trial:
    """Score OOD without the quarter of its articles whose neighbours are least alike."""
    windows = session.split_evidence.windows["ood"]
    dataset, scan = windows.dataset, session.split_evidence.scan("ood")
    cosines = np.mean([c.evaluation.scores["ood"].cosines for c in session.candidates], axis=0)
    articles = dataset.articles
    _, coherence = mean_by_article(dataset, scan.adjacent, 1)
    mine = np.isin(articles, windows.article_ids)
    limit = float(np.quantile(coherence[mine], QUARTER))
    kept = np.isin(windows.article_ids, articles[mine & (coherence >= limit)])
    score, floor = float(cosines[kept].mean()), session.case.config.criteria.floor("ood")
    line = (
        f"OOD {cosines.mean():.4f}; without articles of coherence below {limit:.3f} {score:.4f}, "
        f"floor {floor:.4f}"
    )
    title = "does OOD reach its floor without its least coherent quarter?"
    return Trial("coherent_part", title, (line,), {"coherent_margin": score - floor})


def contexts(session: GateSession) -> Trial:
    """Fit the reference predictors at several contexts and score OOD on the same targets.

    Raises:
        CheckNotRunError: If no article is long enough for the longest context.
    """
    splits, present = session.split_evidence.splits, session.case.config.windows.context
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


def short_training(session: GateSession) -> Trial:
    """Train two epochs as declared, at a third of the rate, and on the primary loss alone."""
    training = session.case.config.training
    declared = training.loss_terms().weights()
    primary = next(iter(declared))
    rate = training.rate
    changes: dict[str, dict[str, object]] = {
        "as declared": {},
        "a third of it": {"lr": SLOWER * rate},
    }
    if len(declared) > 1:
        changes[f"{primary} alone"] = {"loss": primary, "losses": None}
    found = {name: _short(session, change) for name, change in changes.items()}
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


def _short(session: GateSession, change: dict[str, object]) -> float:
    """Return the best validation cosine of a short training; it is kept in the cache."""
    case = session.case
    plain = {
        "epochs": SHORT_EPOCHS,
        "warmup_epochs": 0.0,
        "early_stopping": None,
        "curriculum": None,
    }
    changed = case.with_training(**{**plain, **change})
    plan = plan_for(changed, session.split_evidence)
    run = RunCache(session.options.cache).run(plan, changed.config.training.seeds[0])
    return run.record.best_val_cosine
