"""Making a golden: a result is accepted only if it passes every other check."""

from __future__ import annotations

import platform
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from amn import __version__
from amn.case.config import EVALUATED
from amn.checks.check import checks
from amn.checks.comparison import COMPARED
from amn.errors import GoldenError
from amn.evaluation.metrics import METRIC_VERSION
from amn.evaluation.statistics import cluster_interval, seed_from
from amn.gate.evidence import declare
from amn.gate.modes import GateOptions, evidence_of, gate_of
from amn.golden.schema import (
    Digests,
    Golden,
    GoldenRecord,
    GoldenSplit,
    Numerics,
    SplitMetrics,
    Tolerances,
    Versions,
    stack_seeds,
    summarise,
)
from amn.golden.store import GOLDEN_FILE, cosines_digest
from amn.storage import canonical_json, sha256_of
from amn.system import installed
from amn.verdict import FAMILIES, Status

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import date
    from pathlib import Path

    from amn.case.load import Case
    from amn.gate.evidence import Evidence
    from amn.gate.run import Gate
    from amn.verdict import Outcome

MIN_SEEDS = 5
PASSING = ("review", "listed_waivers", "numerics")  # there for a branch, a while, a machine
WHY = (
    "margin: two runs of one recipe differ by about 0.0014, a loss of 0.01 is worth a talk; "
    "alpha: one false PASS in twenty at exactly the margin"
)


@dataclass(frozen=True)
class Accepted:
    """A golden that may be written, and how it was judged.

    Attributes:
        verdict: Of every other check, and of the comparison with the golden that it replaces.
        failures: What speaks against it; empty unless `accept_regression` was asked for.
    """

    golden: Golden
    verdict: Literal["PASS", "INCONCLUSIVE", "FAIL"]
    failures: tuple[str, ...] = ()

    @property
    def is_regression(self) -> bool:
        """Whether it was accepted although something speaks against it."""
        return bool(self.failures)


def accept(  # noqa: PLR0913 - who, why, when and from what
    case: Case,
    *,
    cache: Path,
    seeds: Sequence[int],
    reason: str,
    author: str,
    created: date,
    previous: Golden | None = None,
    accept_regression: bool = False,
    progress: Callable[[int, int, str], None] | None = None,
) -> Accepted:
    """Train and judge a case, and return its result as a golden; nothing is written.

    Args:
        cache: Folder for runs by content.
        seeds: At least 5.
        reason: Why this result is accepted; kept for ever.
        previous: The golden that it replaces; it must not be worse, where the two can be compared.
        accept_regression: Accept a result that misses a criterion or is worse than `previous`.
            Broken data and a broken measurement are never accepted.

    Raises:
        GoldenError: If there are too few seeds, no reason, or a check does not pass.
    """
    path = case.folder / GOLDEN_FILE
    if len(set(seeds)) < MIN_SEEDS:
        raise GoldenError(path, f"expected at least {MIN_SEEDS} seeds, got {len(set(seeds))}")
    if not reason.strip():
        raise GoldenError(path, "expected a reason, got none. Fix: --reason 'why this is accepted'")
    judged = case.with_training(seeds=list(seeds))
    options = GateOptions(cache=cache, first_run=True, today=created)
    gate = gate_of(judged, options, progress=progress)
    verdict, failures = _judge(gate, previous, path)
    if failures and not accept_regression:
        raise GoldenError(
            path,
            f"expected a result that passes and is not worse, got {verdict} ({'; '.join(failures)}"
            "). Fix: mend it; or accept it for ever on record: --accept-regression",
        )
    evidence = gate.evidence
    splits = {
        name: stack_seeds([one.scores[name] for one in evidence["evaluations"]])
        for name in EVALUATED
    }
    asked = evidence_of(case, GateOptions(cache=cache))
    articles = {name: split.articles.tolist() for name, split in asked["splits"].items()}
    record = GoldenRecord(
        schema=1,
        case=case.name,
        title=case.config.title,
        created=created,
        reason=reason.strip(),
        author=author,
        previous=previous.digest if previous else None,
        metrics={name: _metrics(evidence, name, splits[name]) for name in EVALUATED},
        seeds=tuple(seeds),
        tolerances=Tolerances(
            margin=case.config.golden.margin, alpha=case.config.golden.alpha, why=WHY
        ),
        checks=tuple(check.label for check in declare(asked.without(*PASSING))),
        digests=Digests(
            dataset=evidence["data_sets"][0].digest,
            splits=sha256_of(canonical_json(articles)),
            windows=_windows_digest(splits),
            config=case.config.digest(),
            cosines=cosines_digest(splits),
        ),
        artefacts=tuple(candidate.digest for candidate in evidence["candidates"]),
        versions=Versions(
            amn=__version__,
            python=platform.python_version(),
            numpy=np.__version__,
            torch=installed("torch"),
            faiss=installed("faiss-cpu"),
            metric=METRIC_VERSION,
        ),
        config=case.config.resolved(),
        numerics=_numerics(),
    )
    return Accepted(Golden(record, splits), verdict, failures)


def _judge(
    gate: Gate, previous: Golden | None, path: Path
) -> tuple[Literal["PASS", "INCONCLUSIVE", "FAIL"], tuple[str, ...]]:
    """Return the verdict over every other check and the old golden, and what speaks against it.

    Raises:
        GoldenError: If the data or the measurement are broken: such a result is never accepted.
    """
    result = gate.result()
    bad = [o for o in result.outcomes if o.has_failed and o.status is not Status.NOT_RUN]
    family = {check.id: check.family for check in gate.declared}
    if any(o.status is not Status.FAIL or family[o.check] != FAMILIES["C"] for o in bad):
        raise GoldenError(
            path,
            f"expected a sound measurement, got {result.verdict.value} "
            f"({', '.join(o.label for o in bad)}). Fix: {result.reproduce}",
        )
    bad += [o for o in result.outcomes if o.status is Status.INCONCLUSIVE]
    bad += _worse_than(previous, gate.evidence, path.parent) if previous else []
    failures = tuple(f"{o.label}: {o.findings[0].message}" if o.findings else o.label for o in bad)
    statuses = {outcome.status for outcome in bad}
    if Status.FAIL in statuses:
        return "FAIL", failures
    return ("INCONCLUSIVE" if statuses else "PASS"), failures


def _worse_than(previous: Golden, evidence: Evidence, folder: Path) -> list[Outcome]:
    """Return the comparisons with the old golden that fail; none where windows differ."""
    limits = evidence["case"].config.golden
    beside = evidence.with_(golden=previous, golden_limits=limits, golden_folder=folder, looks=())
    outcomes = []
    for check in COMPARED.values():
        try:
            outcomes.append(checks()[check].run(beside))
        except GoldenError:  # other windows: the data or the split changed, and the diff shows it
            continue
    return [outcome for outcome in outcomes if outcome.status is Status.FAIL]


def _metrics(evidence: Evidence, name: str, split: GoldenSplit) -> SplitMetrics:
    """Return a split's figures for golden.json."""
    cosines = split.cosines.mean(axis=0)
    interval = cluster_interval(cosines, split.article_ids, seed=seed_from("golden", name))
    return summarise(split, se=interval.se, references=evidence["summaries"][name].references)


def _windows_digest(splits: dict[str, GoldenSplit]) -> str:
    """Return one digest for the ids of all windows."""
    ids = {n: [s.article_ids.tolist(), s.target_chunks.tolist()] for n, s in splits.items()}
    return sha256_of(canonical_json(ids))


def _numerics() -> Numerics:
    """Return the fingerprint of this machine."""
    from amn.evaluation.numerics import machine, numeric_values  # noqa: PLC0415 - loads torch

    return Numerics(values=numeric_values(), machine=machine())
