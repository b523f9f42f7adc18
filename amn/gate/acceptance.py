"""Making a golden: a result is accepted only if it passes every other check."""

from __future__ import annotations

import platform
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING

import numpy as np

from amn import __version__
from amn.case import Case
from amn.config import EVALUATED, CaseConfig
from amn.errors import GoldenError
from amn.evaluation.metrics import METRIC_VERSION
from amn.evaluation.statistics import cluster_interval, seed_from
from amn.findings import Status, Verdict
from amn.gate.session import GateOptions, GateSession
from amn.golden.schema import (
    Digests,
    Golden,
    GoldenRecord,
    GoldenSplit,
    SplitMetrics,
    Tolerances,
    Versions,
    summarise,
)
from amn.golden.store import GOLDEN_FILE, cosines_digest
from amn.storage import canonical_json, sha256_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import date
    from pathlib import Path

    from amn.checks.evidence import Candidate

MIN_SEEDS = 5
WHY = (
    "margin: two runs of one recipe differ by about 0.0014, a loss of 0.01 is worth a talk; "
    "alpha: one false PASS in twenty at exactly the margin"
)


def make_golden(  # noqa: PLR0913 - who, why, when and from what
    case: Case,
    *,
    cache: Path,
    seeds: Sequence[int],
    reason: str,
    author: str,
    created: date,
    previous: Golden | None = None,
    progress: Callable[[int, int, str], None] | None = None,
) -> Golden:
    """Train and judge a case, and return its result as a golden; nothing is written.

    Args:
        cache: Folder for runs by content.
        seeds: At least 5.
        reason: Why this result is accepted; kept for ever.
        previous: The golden that it replaces.

    Raises:
        GoldenError: If there are too few seeds, no reason, or a check does not pass.
    """
    path = case.folder / GOLDEN_FILE
    if len(set(seeds)) < MIN_SEEDS:
        raise GoldenError(path, f"expected at least {MIN_SEEDS} seeds, got {len(set(seeds))}")
    if not reason.strip():
        raise GoldenError(path, "expected a reason, got none. Fix: --reason 'why this is accepted'")
    judged = Case(case.folder, _with_seeds(case, seeds))
    session = GateSession(judged, GateOptions(cache=cache, first_run=True), progress=progress)
    result = session.result()
    if result.verdict is not Verdict.PASS:
        bad = [o for o in result.outcomes if o.has_failed and o.status is not Status.NOT_RUN]
        bad = bad or [o for o in result.outcomes if o.status is Status.INCONCLUSIVE]
        raise GoldenError(
            path,
            f"expected a result that passes every other check, got {result.verdict.value} "
            f"({', '.join(o.label for o in bad)}). Fix: {result.reproduce}",
        )
    splits = {name: _golden_split(session.candidates, name) for name in EVALUATED}
    gate = GateSession(case, GateOptions(cache=cache))
    articles = {n: s.articles.tolist() for n, s in session.split_evidence.splits.items()}
    record = GoldenRecord(
        schema=1,
        case=case.name,
        title=case.config.title,
        created=created,
        reason=reason.strip(),
        author=author,
        previous=previous.digest if previous else None,
        metrics={name: _metrics(session, name, splits[name]) for name in EVALUATED},
        seeds=tuple(seeds),
        tolerances=Tolerances(
            margin=case.config.golden.margin, alpha=case.config.golden.alpha, why=WHY
        ),
        checks=tuple(rule.label for rule in gate.declared),
        digests=Digests(
            dataset=session.split_evidence.parts[0].dataset.digest,
            splits=sha256_of(canonical_json(articles)),
            windows=_windows_digest(splits),
            config=case.config.digest(),
            cosines=cosines_digest(splits),
        ),
        artefacts=tuple(candidate.digest for candidate in session.candidates),
        versions=Versions(
            amn=__version__,
            python=platform.python_version(),
            numpy=np.__version__,
            torch=_installed("torch"),
            faiss=_installed("faiss-cpu"),
            metric=METRIC_VERSION,
        ),
        config=case.config.resolved(),
    )
    return Golden(record, splits)


def _with_seeds(case: Case, seeds: Sequence[int]) -> CaseConfig:
    """Return the case's config with other seeds."""
    training = case.config.training.model_copy(update={"seeds": list(seeds)})
    return case.config.model_copy(update={"training": training})


def _golden_split(candidates: Sequence[Candidate], name: str) -> GoldenSplit:
    """Return every seed's cosines on a split."""
    scores = [candidate.evaluation.scores[name] for candidate in candidates]
    cosines = np.stack([score.cosines for score in scores])
    return GoldenSplit(cosines, scores[0].article_ids, scores[0].target_chunks)


def _metrics(session: GateSession, name: str, split: GoldenSplit) -> SplitMetrics:
    """Return a split's figures for golden.json."""
    cosines = split.cosines.mean(axis=0)
    interval = cluster_interval(cosines, split.article_ids, seed=seed_from("golden", name))
    return summarise(split, se=interval.se, references=session.summaries[name].references)


def _windows_digest(splits: dict[str, GoldenSplit]) -> str:
    """Return one digest for the ids of all windows."""
    ids = {n: [s.article_ids.tolist(), s.target_chunks.tolist()] for n, s in splits.items()}
    return sha256_of(canonical_json(ids))


def _installed(package: str) -> str | None:
    """Return the version of a package, None when it is not installed."""
    try:
        return version(package)
    except PackageNotFoundError:
        return None
