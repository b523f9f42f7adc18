"""Making a golden: a result is accepted only if it passes every other check."""

from __future__ import annotations

import math
import platform
from dataclasses import dataclass
from itertools import accumulate
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from amn.case.config import EVALUATED
from amn.case.limits import GOLDEN_SEEDS
from amn.checks.comparison import (
    COMPARED,
    GUARDED,
    RECALLS,
    guarded_names,
    is_guarded,
    sums_of,
)
from amn.checks.limits import all_checks
from amn.errors import GoldenError
from amn.evaluation.metrics import METRIC_VERSION
from amn.evaluation.statistics import ClusterTable, moments_of
from amn.gate.articles import ids_are, tables_of, windows_digest
from amn.gate.evidence import declare, named
from amn.gate.makers import held_to
from amn.gate.modes import GateOptions, evidence_of, gate_of
from amn.golden.compare import profile_of, vector_changes
from amn.golden.ledger import drifts_since_anchor
from amn.golden.schema import (
    COSINE,
    COURSE_DIGITS,
    OF_PREDICTIONS,
    OF_ROWS,
    SCHEMA,
    Accepted,
    Checks,
    Course,
    Digests,
    Ended,
    Golden,
    GoldenRecord,
    Numerics,
    Profiled,
    SplitMetrics,
    Tolerances,
    Versions,
    numerics_class,
    summarise,
)
from amn.golden.store import GOLDEN_FILE, table_digest
from amn.golden.table import with_recall
from amn.storage import canonical_json, sha256_of
from amn.system import __version__, installed
from amn.verdict import BEFORE_TRAINING, FAMILIES, Status

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from datetime import date
    from pathlib import Path

    from amn.case.load import Case
    from amn.checks.check import Check
    from amn.gate.evidence import Evidence
    from amn.gate.run import Gate
    from amn.golden.ledger import Entry
    from amn.golden.table import Table
    from amn.training.candidate import Candidate
    from amn.verdict import Outcome

FEWEST_COURSES = 2  # one has no spread
RECALLED_BESIDE = named(held_to.recalls_of_rows, held_to.recalls_of_predictions)
PASSING = ("review", "listed_waivers", "numerics")  # there for a branch, a while, a machine
# Read by checks that are no part of a golden: an encoder, which other machines have not, and the
# course of the golden before, which a first one has not.
FOREIGN = {"reencoded", "aim"}
WHY = (
    "margin: two runs of one recipe differ by about 0.0014, a loss of 0.01 is worth a talk; "
    "alpha: one false PASS in twenty at exactly the margin"
)


@dataclass(frozen=True)
class Acceptable:
    """A golden that may be written, and how it was judged.

    Attributes:
        verdict: Of every other check, and of the comparison with the golden that it replaces.
        failures: What speaks against it; empty unless `accept_regression` was asked for.
    """

    golden: Golden
    verdict: Literal["PASS", "INCONCLUSIVE", "FAIL"]
    failures: tuple[str, ...] = ()

    def changes(self, previous: Golden) -> bool:
        """Tell whether it says anything else than a golden that was accepted before.

        Who accepted it, when and why, the numbers of checks and of the profile beside the same
        scores, and how a machine of the same class rounds are nothing else.
        """

        def said(record: GoldenRecord) -> GoldenRecord:
            same = {label: Ended(ended.status) for label, ended in record.checks.items()}
            checks = Checks(data={}, result=same)
            numerics = record.numerics.model_copy(update={"values": {}, "machine": {}})
            update = {"accepted": previous.record.accepted, "ended": checks, "numerics": numerics}
            named = dict.fromkeys(record.profile)
            return record.model_copy(update={**update, "profile": named})

        return said(self.golden.record) != said(previous.record)

    @property
    def is_regression(self) -> bool:
        """Whether it was accepted although something speaks against it."""
        return bool(self.failures)


def accept(  # noqa: PLR0913 - who, why, when and from what
    case: Case,
    *,
    cache: Path,
    seeds: Sequence[int],
    predictions: tuple[Path, ...] = (),
    reason: str,
    author: str,
    created: date,
    previous: Golden | None = None,
    entries: Sequence[Entry] = (),
    accept_regression: bool = False,
    progress: Callable[[int, int, str], None] | None = None,
) -> Acceptable:
    """Train and judge a case, and return its result as a golden; nothing is written.

    Args:
        cache: Folder for runs by content.
        seeds: At least 5; of predictions their numbers, and of what has a closed form the case's
            only one, whatever is given.
        predictions: Files of predictions to judge and accept instead of training, one a seed.
        reason: Why this result is accepted; kept for ever.
        previous: The golden that it replaces; it must not be worse, where the two can be compared.
        entries: Of its ledger: what they and this result add up to has to stay within the budget
            for drift.
        accept_regression: Accept a result that misses a criterion or is worse than `previous`.
            Broken data and a broken measurement are never accepted.

    Raises:
        GoldenError: If there are too few seeds, no reason, or a check does not pass.
    """
    path = case.folder / GOLDEN_FILE
    if predictions:
        seeds = range(len(predictions))
    elif case.config.model.is_closed_form:
        seeds = case.config.training.seeds
    elif len(set(seeds)) < GOLDEN_SEEDS:
        raise GoldenError(path, f"expected at least {GOLDEN_SEEDS} seeds, got {len(set(seeds))}")
    if not reason.strip():
        raise GoldenError(path, "expected a reason, got none. Fix: --reason 'why this is accepted'")
    judged = case.with_training(seeds=list(seeds))
    options = GateOptions(cache=cache, predictions=predictions, first_run=True, today=created)
    gate = gate_of(judged, options, progress=progress)
    verdict, failures, outcomes = _judge(gate, previous, path)
    if drifted := tuple(_drifted(entries, gate.evidence)):
        verdict, failures = "FAIL", (*failures, *drifted)
    if failures and not accept_regression:
        raise GoldenError(
            path,
            f"expected a result that passes and is not worse, got {verdict} ({'; '.join(failures)}"
            "). Fix: mend it; or accept it for ever on record: --accept-regression",
        )
    evidence = gate.evidence
    tables, recall = _recall(evidence, tables_of(evidence, seeds), seeds)
    asked = evidence_of(case, GateOptions(cache=cache, predictions=predictions), guarded=True)
    articles = {name: split.articles.tolist() for name, split in asked["splits"].items()}
    settings = asked["settings"]
    declared = declare(asked.without(*PASSING, "brought"))
    record = GoldenRecord.model_validate(
        {
            "schema": SCHEMA,
            "accepted": Accepted(
                created=created,
                author=author,
                reason=reason.strip(),
                previous=previous.digest if previous else None,
            ),
            "metrics": _metrics(evidence, tables, seeds),
            "checks": _ended(declared, outcomes),
            "profile": _profile(outcomes, tables, previous),
            "recall": recall,
            "course": _course(evidence["candidates"], judged),
            "digests": Digests(
                table=table_digest(tables),
                dataset=evidence["data_sets"][0].digest,
                splits=sha256_of(canonical_json(articles)),
                windows=windows_digest(evidence["evaluations"][0].scores),
                config=sha256_of(canonical_json(settings)),
                models=tuple(candidate.digest for candidate in evidence["candidates"]),
            ),
            "config": settings,
            "versions": Versions(
                amn=__version__,
                python=platform.python_version(),
                numpy=np.__version__,
                torch=installed("torch"),
                faiss=installed("faiss-cpu"),
                metric=METRIC_VERSION,
            ),
            "numerics": _numerics(case.config.resolved()),
            "case": case.name,
            "title": case.config.title,
            "seeds": tuple(seeds),
            "tolerances": Tolerances(
                margin=case.config.golden.margin, alpha=case.config.golden.alpha, why=WHY
            ),
            "articles": ids_are(tables),
        }
    )
    return Acceptable(Golden(record, tables), verdict, failures)


def _recall(
    evidence: Evidence, tables: dict[str, Table], seeds: Sequence[int]
) -> tuple[dict[str, Table], dict[str, dict[str, float]]]:
    """Return tables with the sums of recall of the case's configurations, and their means."""
    figures: dict[str, dict[str, float]] = {}
    for part, asked, of in (
        ("recalled_rows", OF_ROWS, None),
        ("recalled_predictions", OF_PREDICTIONS, seeds),
    ):
        for name, found in evidence.get(part, {}).items():
            sums = sums_of(found)
            tables = with_recall(tables, name, of, sums)
            table = ClusterTable(sums.places, sums.sizes, (sums.sums.mean(axis=0)[None],))
            mine = {"k": float(found.k), asked: sums.mean, f"{asked}_se": moments_of(table).se}
            figures[name] = {**figures.get(name, {}), **mine}
    return tables, figures


def _profile(
    outcomes: Sequence[Outcome], tables: Mapping[str, Table], previous: Golden | None
) -> Mapping[str, Mapping[str, Profiled]]:
    """Return the profile of the data: that of the golden before, where no vector is another."""
    now = profile_of(outcomes)
    if previous is None or not vector_changes(previous.tables, tables).is_same:
        return now
    then = previous.record.profile
    return {name: then.get(name, places) for name, places in now.items()}


def _course(candidates: Sequence[Candidate], case: Case) -> Course | None:
    """Return how the seeds came to their scores; None where no network of ours was trained alone.

    A mixture comes to more than its network. One that ended early stands still from there on.
    """
    records = [one.record for one in candidates if one.record and one.record.status == "finished"]
    epochs = case.config.training.epochs or 0
    has_course = epochs and not case.config.model.stack and len(records) == len(candidates)
    if not has_course or len(records) < FEWEST_COURSES:
        return None
    best = []
    for record in records:
        cosines = [round(line.val_cosine, COURSE_DIGITS) for line in record.epochs]
        best.append((*accumulate(cosines, max), *[max(cosines)] * (epochs - len(cosines))))
    first = records[0]
    mean = round(first.mean, COURSE_DIGITS)
    return Course(windows=first.n_validation_windows, mean=mean, best=tuple(best))


def _drifted(entries: Sequence[Entry], evidence: Evidence) -> Iterator[str]:
    """Yield what falls further below the anchor than the budget for drift allows."""
    if not entries:
        return
    config = evidence["case"].config
    windows = windows_digest(evidence["evaluations"][0].scores)
    names = guarded_names(config.criteria.guards)
    for name, drift in drifts_since_anchor(entries, config.golden, names).items():
        metric, _, split = name.rpartition(".")
        means = [scores[split].of(metric or COSINE).mean() for scores in evidence["measured"]]
        total = drift.with_step(float(np.mean(means)))
        if drift.windows == windows and total < drift.total and not total >= -drift.budget:
            yield (
                f"G012-drift {name}: expected at most {drift.budget:.4g} below the anchor, got "
                f"{-total:.4f} since entry {drift.anchor}"
            )


def _ended(declared: Sequence[Check], outcomes: Sequence[Outcome]) -> Checks:
    """Return how each declared check ended; those that need a golden did not run."""
    declared = [check for check in declared if FOREIGN.isdisjoint(check.reads)]
    found = {o.label: Ended(o.status, _finite(o.number)) for o in outcomes}
    data = [check.label for check in declared if check.family in BEFORE_TRAINING]
    result = [check.label for check in declared if check.family not in BEFORE_TRAINING]
    return Checks(
        data={label: found.get(label, Ended()) for label in data},
        result={label: found.get(label, Ended()) for label in result},
    )


def _finite(number: float | None) -> float | None:
    return number if number is not None and math.isfinite(number) else None


def train_for_golden(gate: Gate, options: GateOptions) -> None:
    """Train the seeds that a golden takes beyond the case's own, after a first run that holds.

    `amn golden new` then finds all of them in the cache. Nothing is done for a case that has a
    golden, is trained by a command, or has a closed form.
    """
    case = gate.evidence["case"]
    is_first = options.first_run and not (case.folder / GOLDEN_FILE).exists()
    is_ours = options.mode == "train" and not case.config.model.command
    if is_first and is_ours and not case.config.model.is_closed_form:
        gate.evidence["runs_of"](range(GOLDEN_SEEDS))


def _judge(
    gate: Gate, previous: Golden | None, path: Path
) -> tuple[Literal["PASS", "INCONCLUSIVE", "FAIL"], tuple[str, ...], tuple[Outcome, ...]]:
    """Return the verdict over every check and the old golden, what speaks against it, and all.

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
        return "FAIL", failures, result.outcomes
    return ("INCONCLUSIVE" if statuses else "PASS"), failures, result.outcomes


def _worse_than(previous: Golden, evidence: Evidence, folder: Path) -> list[Outcome]:
    """Return the comparisons with the old golden that fail; none where windows differ."""
    case, here = evidence["case"], held_to.machine_numerics()
    config = case.config
    guards = config.criteria.guards
    beside = evidence.with_(
        golden=previous,
        golden_limits=config.golden,
        golden_folder=folder,
        looks=(),
        guards=guards,
        classes=held_to.classes(case, previous, here),
    )
    every = all_checks(config)
    outcomes, compared = [], [*COMPARED.values()]
    for part, maker in RECALLED_BESIDE.items():
        if previous.record.recall and config.index.configuration:
            beside = beside.with_(**{part: beside.call(maker)})
            compared.append(RECALLS[part])
    if is_guarded(previous.record):
        beside = beside.with_(guarded=beside.call(held_to.guarded))
        compared += GUARDED.values()
        compared += [g.id for g in guards if g.metric in previous.record.by_metric]
    for check in compared:
        try:
            outcomes.append(every[check].run(beside))
        except GoldenError:  # other windows: the data or the split changed, and the diff shows it
            continue
    return [outcome for outcome in outcomes if outcome.status is Status.FAIL]


def _metrics(
    evidence: Evidence, tables: Mapping[str, Table], seeds: Sequence[int]
) -> dict[str, dict[str, SplitMetrics]]:
    """Return the figures of every metric for golden.json: metric -> split -> figures."""
    found: dict[str, dict[str, SplitMetrics]] = {}
    for split in EVALUATED:
        judged = tables[split].judged()
        cosines = evidence["summaries"][split].references
        references = {COSINE: cosines, **evidence["reference_metrics"][split]}
        for metric, means in references.items():
            sums = judged.seeds(metric, seeds).mean(axis=0)[None]
            table = ClusterTable(judged.articles, judged.sizes.astype(float), (sums,))
            found.setdefault(metric, {})[split] = summarise(
                tables[split],
                seeds,
                se=moments_of(table).se,
                references=means,
                metric=metric,
                better="higher" if metric == COSINE else evidence["metrics"][metric].better,
            )
    return found


def _numerics(config: dict[str, Any]) -> Numerics:
    """Return the fingerprint of this machine."""
    from amn.evaluation.numerics import machine, numeric_values  # noqa: PLC0415 - loads torch

    here = machine()
    values = {"class": numerics_class(here, config), "values": numeric_values(), "machine": here}
    return Numerics.model_validate(values)
