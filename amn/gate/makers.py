"""Makers of evidence: a function a part, whose parameters name the parts that it is made from.

A check that names one of these as a parameter reads it. Sets of makers are at the end; `modes` puts
them together for a gate.
"""

from __future__ import annotations

import math
from contextlib import suppress
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from amn.case.config import EVALUATED, SPLITS
from amn.case.training import RECIPES, AbortConfig
from amn.checks.check import Check, checks
from amn.checks.comparison import (
    COMPARED,
    ONE_CLASS,
    Classes,
    Guarded,
    Recalls,
    Sides,
    is_decided,
    is_guarded,
)
from amn.checks.criteria import FLOORS
from amn.checks.hold import Hold
from amn.checks.model import shaping
from amn.checks.own import applies
from amn.checks.split import LEAKED_SHARE
from amn.data.articles import pooled, row_order, sample_articles, sample_split
from amn.data.dataset import DataSet, open_dataset, stored_digests
from amn.data.elsewhere import fetch_index, fetched
from amn.data.manifest import read_manifest
from amn.data.sampling import evenly_spaced
from amn.data.scan import RowScan, Scanned, scan_rows
from amn.data.splits import Split, resolve_splits
from amn.data.windows import Windows, find_windows
from amn.errors import (
    AmnError,
    CheckNotRunError,
    CheckpointError,
    ConfigError,
    DataError,
    GoldenError,
    expect,
)
from amn.evaluation.metric import Metric, kept_metrics
from amn.evaluation.metric import metrics as every_metric
from amn.evaluation.reference import fit_references, measure_references, score_references
from amn.evaluation.storage import Evaluation
from amn.evaluation.summary import Skill, Summary, skill_over, summarise_split
from amn.evaluation.surroundings import (
    ModelBehaviour,
    Surroundings,
    behaviour_of,
    find_surroundings,
    offset_curve,
    sample_windows,
)
from amn.gate.articles import articles_of
from amn.gate.evidence import Evidence, declare
from amn.golden.compare import config_changes
from amn.golden.compare import vector_changes as changes_of_vectors
from amn.golden.ledger import Ledger, find_ledger
from amn.golden.schema import COSINE, OF_PREDICTIONS, OF_ROWS, numerics_class
from amn.golden.store import read_golden
from amn.golden.waivers import read_waivers
from amn.storage import sha256_file
from amn.training.aim import Aim, Need, is_futile
from amn.training.candidate import Candidate, Observed, scores_of
from amn.training.records.history import FIGURES_OF, history_of
from amn.training.records.rows import COLUMNS
from amn.verdict import BEFORE_TRAINING, FAMILIES, OWN, Status

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import date
    from pathlib import Path

    from numpy.typing import NDArray

    from amn.case.config import CaseConfig
    from amn.case.limits import (
        Configuration,
        CriteriaConfig,
        DataConfig,
        GoldenConfig,
        Guard,
        IndexConfig,
        SpeedConfig,
    )
    from amn.case.load import Case
    from amn.case.place import Source
    from amn.data.articles import ArticleSample, RowOrder
    from amn.data.index.reader import OpenIndex
    from amn.data.index.recall import Answers, Recalled
    from amn.data.reencoding import Encoding, Reencoded
    from amn.data.shared_text import SharedText
    from amn.engines import Engine
    from amn.evaluation.metrics import SplitScores
    from amn.evaluation.predictions import Joined
    from amn.evaluation.reference import References
    from amn.evaluation.statistics import Interval
    from amn.gate.result import GateResult
    from amn.golden.compare import VectorChanges
    from amn.golden.schema import Golden, GoldenRecord, Numerics
    from amn.golden.table import Table
    from amn.training.checkpoint import Checkpoint
    from amn.training.command import Commanded, Trainer
    from amn.training.plan import Plan
    from amn.training.records.history import Histories, Part, RunHistory
    from amn.training.run import Run
    from amn.verdict import Outcome, Waiver

    Progress = Callable[[int, int, str], None]
    GateOther = Callable[[Case], tuple[GateResult | None, str]]
    RunsOf = Callable[[Sequence[int]], list[Run]]


Sound = TypeVar("Sound")
OUTCOMES = {  # parts that say how checks ended -> families of these
    "data_outcomes": BEFORE_TRAINING,
    "ended": (*(family for family in FAMILIES.values() if family != FAMILIES["G"]), OWN),
}
MEASURED_WINDOWS = 20_000  # evenly spaced: what references score is drawn beside, not compared
QUERIED_WINDOWS = 512  # a split: as many queries as rows ask, see `MOST_QUERIES`
BEHAVIOUR_WINDOWS = 128  # a split, evenly over its articles: 0.02 s a candidate


# Data: what is at rest, before anything is trained.


def folders(case: Case, progress: Progress | None) -> tuple[Path | DataError, ...]:
    """Folders of the case's own data set, then of those that its splits name, each once.

    What a store keeps is fetched; of what is not as its digest says, why.
    """

    def attempt(source: Source) -> Path | DataError:
        try:
            return fetched(case, source, progress=progress)
        except DataError as error:
            return error

    return tuple(map(attempt, sources(case)))


def sources(case: Case) -> tuple[Source, ...]:
    """Return the data sets of a case, its own first, each once."""
    return tuple({case.folder_of(one).resolve(): one for one in case.sources}.values())


def opened(folders: tuple[Path | DataError, ...]) -> tuple[DataSet | DataError, ...]:
    """Each data set, or why it cannot be opened."""

    def attempt(folder: Path | DataError) -> DataSet | DataError:
        try:
            return open_dataset(_sound(folder))
        except DataError as error:
            return error

    return tuple(map(attempt, folders))


def data_sets(opened: tuple[DataSet | DataError, ...]) -> tuple[DataSet, ...]:
    """The data sets of a case, its own first. Raises DataError for one that cannot be opened."""
    return tuple(_sound(one) for one in opened)


def _sound(one: Sound | AmnError) -> Sound:
    if isinstance(one, AmnError):
        raise one
    return one


def scanned(data_sets: tuple[DataSet, ...], progress: Progress | None) -> tuple[Scanned, ...]:
    """The data sets, each with one pass over all its rows."""
    told = partial(_tell_scan, progress) if progress else None
    return tuple(Scanned(dataset, scan_rows(dataset, progress=told)) for dataset in data_sets)


def _tell_scan(progress: Progress, done: int, total: int) -> None:
    progress(done, total, "reading every row")


def article_samples(data_sets: tuple[DataSet, ...]) -> tuple[ArticleSample, ...]:
    """Some rows of some articles of each data set: see `sample_articles`."""
    return tuple(sample_articles(dataset) for dataset in data_sets)


def article_orders(article_samples: tuple[ArticleSample, ...]) -> tuple[RowOrder, ...]:
    """How much the order of its rows is worth in each of those articles."""
    return tuple(row_order(sample) for sample in article_samples)


def data_limits(case: Case) -> DataConfig:
    """What the statistical checks of the data are held to."""
    return case.config.data


def reencoded(data_sets: tuple[DataSet, ...], encoding: Encoding) -> tuple[Reencoded, ...]:
    """Canaries of each data set that has some, encoded again; where none has, texts of all."""
    from amn.data.reencoding import reencode  # noqa: PLC0415 - few gates have an encoder

    chosen = [dataset for dataset in data_sets if dataset.manifest.canaries] or data_sets
    return tuple(reencode(dataset, encoding) for dataset in chosen)


def row_digests(
    data_sets: tuple[DataSet, ...],
) -> tuple[NDArray[np.uint64] | DataError | None, ...]:
    """The digest stored with each row of each data set; None without, an error where unreadable."""
    return tuple(stored_digests(dataset) for dataset in data_sets)


# The index, of the case's own data set.


def indexed(data_sets: tuple[DataSet, ...]) -> DataSet:
    """The data set whose index is judged."""
    return data_sets[0]


def fetched_index(case: Case, data_sets: tuple[DataSet, ...], progress: Progress | None) -> DataSet:
    """The data set whose index is judged, which a store keeps: the index is fetched."""
    fetch_index(case, progress)
    return data_sets[0]


def index_limits(case: Case) -> IndexConfig:
    """What the case asks of its index."""
    return case.config.index


def opened_index(indexed: DataSet) -> OpenIndex | DataError:
    """The index, or why faiss cannot open it."""
    from amn.data.index.reader import open_index  # noqa: PLC0415 - loads faiss

    try:
        return open_index(indexed.index_path)
    except DataError as error:
        return error


def index(opened_index: OpenIndex | DataError) -> OpenIndex:
    """The open index. Raises DataError where faiss cannot open it."""
    return _sound(opened_index)


def answers(index: OpenIndex, indexed: DataSet, index_limits: IndexConfig) -> Answers:
    """Answers of the index to rows drawn evenly over articles."""
    from amn.data.index.recall import search_sample  # noqa: PLC0415 - loads faiss

    return search_sample(index, indexed, recall_at=index_limits.recall_at)


# Configurations of an index, which are built here.


def configured(case: Case) -> tuple[Configuration, ...]:
    """The configurations of an index that the case declares."""
    return case.config.index.configuration


def built_indexes(
    case: Case, data_sets: tuple[DataSet, ...], configured: tuple[Configuration, ...]
) -> dict[str, OpenIndex]:
    """An index of the case's own data set for each of them, by name; nothing is written."""
    from amn.data.index.build import build_in_memory  # noqa: PLC0415 - loads faiss
    from amn.data.index.reader import open_index  # noqa: PLC0415 - as above

    own = data_sets[0]
    if case.sources[0].is_elsewhere and any(one.kind == "file" for one in configured):
        fetch_index(case, None)
    return {
        one.name: open_index(own.index_path)
        if one.kind == "file"
        else build_in_memory(own, one.kind, one.parameters)
        for one in configured
    }


def recalled_rows(
    case: Case,
    data_sets: tuple[DataSet, ...],
    splits: dict[str, Split],
    built_indexes: dict[str, OpenIndex],
) -> dict[str, Recalled]:
    """How well each of them answers rows of the case's articles, drawn evenly over these."""
    from amn.data.index.recall import row_queries, search_for  # noqa: PLC0415 - few cases ask

    own = data_sets[0]
    rows = {name: split.rows for name, split in splits.items() if split.dataset is own}
    queries = row_queries(own, rows, case.config.index.recall_at)
    return {name: search_for(index, own, queries) for name, index in built_indexes.items()}


def recalled_predictions(
    case: Case,
    data_sets: tuple[DataSet, ...],
    built_indexes: dict[str, OpenIndex],
    queried_predictions: tuple[dict[str, NDArray[np.float32]], ...],
    judged: dict[str, Windows],
    queried: dict[str, NDArray[np.int64]],
) -> dict[str, Recalled]:
    """How well each of them answers the predictions of each seed, on a sample of windows."""
    from amn.data.index.recall import search_for, vector_queries  # noqa: PLC0415 - as above

    own = data_sets[0]
    places = [
        f"{split} {article}"
        for split in EVALUATED
        for article in judged[split].article_ids[queried[split]].tolist()
    ]
    vectors = np.concatenate([one[split] for one in queried_predictions for split in EVALUATED])
    n = len(queried_predictions)
    queries = vector_queries(own, vectors, places * n, case.config.index.recall_at)
    return {name: search_for(index, own, queries, n) for name, index in built_indexes.items()}


# Splits and windows.


def splits(case: Case, data_sets: tuple[DataSet, ...]) -> dict[str, Split]:
    """Articles of train, in_dist and ood, each with its data set."""
    found = resolve_splits(case, data_sets[0])
    # Splits that name another data set share its mapped files and scan.
    own = {dataset.path.resolve(): dataset for dataset in data_sets}
    return {
        name: Split(name, own[split.dataset.path.resolve()], split.articles, split.missing)
        for name, split in found.items()
    }


def split_samples(
    splits: dict[str, Split],
    data_sets: tuple[DataSet, ...],
    article_samples: tuple[ArticleSample, ...],
) -> dict[str, ArticleSample]:
    """The articles of each split in its data set's sample, or one of its own: see `sample_split`.

    Of a large data set the sample holds few articles of a small split.
    """
    of = {id(dataset): sample for dataset, sample in zip(data_sets, article_samples, strict=True)}
    return {
        name: sample_split(split.dataset, split.articles, of[id(split.dataset)])
        for name, split in splits.items()
    }


def split_mains(
    splits: dict[str, Split],
    split_samples: dict[str, ArticleSample],
    article_samples: tuple[ArticleSample, ...],
) -> dict[str, ArticleSample]:
    """The same rows along the main directions of their data set, of all splits' rows if several."""
    is_one = len({id(split.dataset) for split in splits.values()}) == 1
    both = article_samples[0] if is_one else pooled(*(split_samples[name] for name in SPLITS))
    return {name: sample.along(both.basis) for name, sample in split_samples.items()}


def shared_texts(splits: dict[str, Split]) -> dict[str, SharedText]:
    """What evaluated articles have of the text of training articles, where texts are kept."""
    from amn.data.shared_text import find_shared_text  # noqa: PLC0415 - few data sets have texts

    return find_shared_text(splits, LEAKED_SHARE)


def windows(case: Case, splits: dict[str, Split]) -> dict[str, Windows]:
    """Windows of train, in_dist and ood."""
    context = case.config.windows.context
    return {
        name: find_windows(splits[name].dataset, context, splits[name].articles) for name in SPLITS
    }


def scans(splits: dict[str, Split], scanned: tuple[Scanned, ...]) -> dict[str, RowScan]:
    """The scan of the data set that each split draws from."""
    return {
        name: next(one.scan for one in scanned if one.dataset is split.dataset)
        for name, split in splits.items()
    }


def judged(windows: dict[str, Windows]) -> dict[str, Windows]:
    """Windows of in_dist and ood, which candidates are scored on."""
    return {name: windows[name] for name in EVALUATED}


def judged_data(splits: dict[str, Split]) -> dict[str, DataSet]:
    """The data set that each split draws from: titles and kinds of its articles."""
    return {name: split.dataset for name, split in splits.items()}


# Candidates: what they are, do and score.

# The packages, each of an extra, that parts and all that is made from them take.
PACKAGES = {"plan": "torch", "opened_index": "faiss"}


def plan(case: Case, splits: dict[str, Split], windows: dict[str, Windows]) -> Plan:
    """The training plan of the case."""
    expect(PACKAGES["plan"])
    from amn.training.plan import plan_for  # noqa: PLC0415 - loads torch

    return plan_for(case, splits, windows)


def runs_of(plan: Plan, cache: Path, engine: Engine | None, progress: Progress | None) -> RunsOf:
    """What returns the runs of some seeds of the case, from the cache or trained now."""
    from amn.training.cache import RunCache  # noqa: PLC0415 - loads torch

    return partial(RunCache(cache).runs, plan, engine=engine, progress=progress)


def runs_toward(
    plan: Plan, aim: Aim | None, cache: Path, engine: Engine | None, progress: Progress | None
) -> RunsOf:
    """The same, where a seed that cannot come to its aim any more is stopped."""
    return runs_of(replace(plan, aim=aim), cache, engine, progress)


def aim(case: Case, found_golden: Golden | GoldenError, waivers: tuple[Waiver, ...]) -> Aim | None:
    """What a training has to come to, as the course of the golden tells; None where it is damaged.

    What is waived is not needed.
    """
    if isinstance(found_golden, GoldenError) or (course := found_golden.record.course) is None:
        return None
    record, config = found_golden.record, case.config
    waived = {waiver.check for waiver in waivers}
    needs = {}
    for split in EVALUATED:
        figures = record.metrics[split]
        limits = []
        if COMPARED[split] not in waived:
            margin = config.golden.margin
            why = f"the golden's {figures.mean:.4f} less its margin {margin:g}"
            limits.append((figures.mean - margin, why))
        if config.criteria.by_cosine and FLOORS[split] not in waived:
            limits.append((config.criteria.floor(split), "the floor"))
        if limits:
            least, why = max(limits)
            needs[split] = Need(least=least, why=why, ends=figures.per_seed)
    n_seeds, epochs = len(config.training.seeds), range(1, len(course.best[0]))
    return Aim(
        needs=needs,
        best=course.best,
        windows=course.windows,
        mean=course.mean,
        levels=tuple(config.golden.level_at(epoch, n_seeds) for epoch in epochs),
        apart=_apart(record, case),
    )


def _apart(record: GoldenRecord, case: Case) -> str:
    """Return why a training is of another course than the golden's; empty where it is of one.

    Another rate, loss or network has a course of its own, from which nothing follows: on
    `wiki-mini` lr 5e-3 is at 0.50 after 6 of 15 epochs, where 7e-4 is at 0.61, and ends above it.
    """
    if case.config.model.factory or case.config.training.init_from:
        return "a network or weights that the golden does not know"
    both = (record.config, case.config.resolved())
    changes = config_changes(*(shaping(one, case.folder) for one in both))
    return f"{changes[0].key} {changes[0].new}, {changes[0].old} in the golden" if changes else ""


def hold(case: Case, gate_other: GateOther) -> Hold:
    """The case that this one waits for, and how its gate ended."""
    other = case.blocker()
    if other is None:
        raise CheckNotRunError(f"{case.file}: expected blocked_by, found none")
    result, command = gate_other(other)
    if result is None:
        return Hold(other.name, None, command=command)
    causes = (o for o in result.outcomes if o.has_failed and o.status is not Status.NOT_RUN)
    return Hold(other.name, result.judged, tuple(o.label for o in causes), command)


def trained(case: Case, runs_of: RunsOf) -> tuple[Candidate, ...]:
    """Runs of every seed of the case, from the cache or trained now."""
    return tuple(run.candidate() for run in runs_of(case.config.training.seeds))


def trained_adaptively(
    case: Case, runs_of: RunsOf, found_golden: Golden | GoldenError, guards: tuple[Guard, ...]
) -> tuple[Candidate, ...]:
    """The seeds that it takes to decide whether the candidate is worse than the golden.

    One that could not come to what is needed decides it. What a run does not keep, metrics of one's
    own, is measured after the last one alone, and never decided before.
    """
    limits = case.config.golden
    found: tuple[Candidate, ...] = ()
    for look in limits.adaptive_seeds or ():
        new = case.config.training.seeds[len(found) : look]
        found += tuple(run.candidate() for run in runs_of(new))
        if isinstance(found_golden, GoldenError):  # no seed mends it, and G004 names it
            break
        if any(one.record and is_futile(one.record) for one in found):
            break
        scored = tuple(one.recorded for one in found if one.recorded)
        beside = (found_golden, limits, case.folder, limits.looks_until(look), ONE_CLASS)
        compared = [Sides(scored, *beside)]
        if is_guarded(found_golden.record):
            measured = tuple(one.scores for one in scored)
            compared.append(Guarded((), *beside, measured, guards))
        has_own = any(guard.metric not in kept_metrics() for guard in guards)
        if not has_own and is_decided(*compared):
            break
    return found


def from_runs(plan: Plan, run_folders: tuple[Path, ...]) -> tuple[Candidate, ...]:
    """Runs that were brought along."""
    from amn.training import scorer  # noqa: PLC0415 - loads torch

    return scorer.from_runs(plan, run_folders)


def made_by(candidates: tuple[Candidate, ...]) -> dict[str, Mapping[str, Any]]:
    """Name of each run that was brought along -> the resolved config that it was made by."""
    found = {}
    for one in candidates:
        if one.settings is None:
            raise CheckNotRunError(f"{one.name}: expected the config of the run, found none")
        found[one.name] = one.settings
    return found


def from_checkpoint(plan: Plan, checkpoint_file: Path) -> tuple[Candidate, ...]:
    """A checkpoint file that was brought along."""
    from amn.training import scorer  # noqa: PLC0415 - loads torch

    return scorer.from_checkpoint(plan, checkpoint_file)


def loaded(candidates: tuple[Candidate, ...]) -> tuple[Checkpoint | CheckpointError, ...]:
    """The model of each candidate, or why it cannot be loaded."""

    def attempt(candidate: Candidate) -> Checkpoint | CheckpointError:
        try:
            return candidate.load()
        except CheckpointError as error:
            return error

    return tuple(attempt(candidate) for candidate in candidates)


def checkpoints(loaded: tuple[Checkpoint | CheckpointError, ...]) -> tuple[Checkpoint, ...]:
    """The loaded models. Raises the error of the first that cannot be loaded."""
    return tuple(_sound(one) for one in loaded)


def described(checkpoints: tuple[Checkpoint, ...]) -> tuple[Checkpoint, ...]:
    """The loaded models, where they say what they are and what they were trained on."""
    return checkpoints


def bare(candidates: tuple[Candidate, ...]) -> tuple[Checkpoint, ...]:
    """The models of files that say neither, and have no probe. Raises where one does not load."""
    return tuple(candidate.load() for candidate in candidates)


def evaluations(
    candidates: tuple[Candidate, ...], checkpoints: tuple[Checkpoint, ...]
) -> tuple[Evaluation, ...]:
    """Scores of each candidate, window by window, beside the reference predictors'."""
    return tuple(
        candidate.score(checkpoint)
        for candidate, checkpoint in zip(candidates, checkpoints, strict=True)
    )


def summaries(case: Case, evaluations: tuple[Evaluation, ...]) -> dict[str, Summary]:
    """The score of in_dist and ood over all seeds, beside the reference predictors but itself."""
    own = case.config.model.reference
    return {split: summarise_split(evaluations, split, own) for split in EVALUATED}


def lifts(summaries: dict[str, Summary]) -> dict[str, Interval | None]:
    """The gain of each judged split over the strongest reference; None where one is no number."""
    return {split: summary.lift for split, summary in summaries.items()}


def sampled(judged: dict[str, Windows]) -> dict[str, NDArray[np.int64]]:
    """Positions of a sample of the windows of in_dist and ood, evenly over their articles."""
    return {
        split: sample_windows(windows, BEHAVIOUR_WINDOWS, seed=3)
        for split, windows in judged.items()
    }


def surroundings(
    judged: dict[str, Windows], sampled: dict[str, NDArray[np.int64]]
) -> dict[str, Surroundings]:
    """The rows around the targets of that sample."""
    return {split: find_surroundings(windows, sampled[split]) for split, windows in judged.items()}


def behaviours(
    candidates: tuple[Candidate, ...],
    checkpoints: tuple[Checkpoint, ...],
    surroundings: dict[str, Surroundings],
) -> tuple[Observed, ...]:
    """What every candidate does with that sample, on in_dist and ood."""
    from amn.evaluation.behaviour import observe  # noqa: PLC0415 - loads torch

    return tuple(
        Observed(candidate.name, split, observe(checkpoint.model, around))
        for candidate, checkpoint in zip(candidates, checkpoints, strict=True)
        for split, around in surroundings.items()
    )


def queried(judged: dict[str, Windows]) -> dict[str, NDArray[np.int64]]:
    """Positions of the windows whose predictions indexes are searched for, likewise."""
    return {
        split: sample_windows(windows, QUERIED_WINDOWS, seed=3) for split, windows in judged.items()
    }


def queried_predictions(
    checkpoints: tuple[Checkpoint, ...],
    judged: dict[str, Windows],
    queried: dict[str, NDArray[np.int64]],
) -> tuple[dict[str, NDArray[np.float32]], ...]:
    """The predictions of each candidate on those windows: split -> (B, D)."""
    from amn.evaluation.runner import predict_windows  # noqa: PLC0415 - loads torch

    return tuple(
        {
            split: predict_windows(checkpoint.model, windows.take(queried[split]))
            for split, windows in judged.items()
        }
        for checkpoint in checkpoints
    )


def orders(
    behaviours: tuple[Observed, ...], checkpoints: tuple[Checkpoint, ...]
) -> tuple[tuple[str, ModelBehaviour], ...]:
    """What models that can be run do with that sample in another order of its context."""
    del checkpoints  # they ran
    found = ((seen.where, seen.behaviour) for seen in behaviours)
    return tuple((where, one) for where, one in found if isinstance(one, ModelBehaviour))


def metrics(case: Case) -> dict[str, Metric]:
    """The metrics that the case measures beside the cosine, by name."""
    criteria = case.config.criteria
    wanted = {limit.metric for limit in criteria.limit}
    wanted |= {guard.metric for guard in criteria.guards}
    return {
        name: metric
        for name, metric in every_metric().items()
        if name != COSINE and (metric.always or name in wanted) and applies(metric, case.folder)
    }


def measured(
    evaluations: tuple[Evaluation, ...],
    checkpoints: tuple[Checkpoint, ...],
    judged: dict[str, Windows],
    metrics: dict[str, Metric],
) -> tuple[dict[str, SplitScores], ...]:
    """Scores of each model with the values of those metrics, window by window.

    What came with its scores is not measured again: E007 compares a sample of it.
    """
    from amn.evaluation.runner import score  # noqa: PLC0415 - loads torch

    def of(checkpoint: Checkpoint, split: str, scores: SplitScores) -> SplitScores:
        others = {name: one for name, one in metrics.items() if name not in scores.values}
        if not others:
            return scores
        values = score(checkpoint.model, judged[split], asked=others).values
        return replace(scores, values={**scores.values, **values})

    return tuple(
        {split: of(checkpoint, split, one.scores[split]) for split in judged}
        for one, checkpoint in zip(evaluations, checkpoints, strict=True)
    )


def reference_metrics(
    fitted: References, judged: dict[str, Windows], metrics: dict[str, Metric]
) -> dict[str, dict[str, dict[str, float]]]:
    """Mean of each reference predictor by split and metric."""

    def means(windows: Windows) -> dict[str, dict[str, float]]:
        some = windows.take(evenly_spaced(len(windows), MEASURED_WINDOWS))
        return {
            metric: {name: float(values.mean()) for name, values in found.items()}
            for metric, found in measure_references(fitted, some, metrics).items()
        }

    return {split: means(windows) for split, windows in judged.items()}


def rivals(
    case: Case, fitted: References, judged: dict[str, Windows], metrics: dict[str, Metric]
) -> dict[str, dict[str, NDArray[np.float64]]]:
    """The metric that the case is judged by, of each reference predictor but itself, by window."""
    name, own = case.config.criteria.metric, case.config.model.reference
    return {
        split: {
            reference: values
            for reference, values in measure_references(
                fitted, windows, {name: metrics[name]}
            )[name].items()
            if reference != own
        }
        for split, windows in judged.items()
    }  # fmt: skip


def skills(
    case: Case,
    measured: tuple[dict[str, SplitScores], ...],
    metrics: dict[str, Metric],
    rivals: dict[str, dict[str, NDArray[np.float64]]],
) -> dict[str, Skill | None]:
    """The gain over the strongest reference by that metric; None where it is no number."""
    metric = metrics[case.config.criteria.metric]

    def skill(split: str) -> Skill | None:
        values = np.mean([scores[split].of(metric.name) for scores in measured], axis=0)
        if not np.isfinite(values).all():
            return None
        return skill_over(metric, values, rivals[split], measured[0][split].article_ids, split)

    return {split: skill(split) for split in EVALUATED}


# Candidates of which nothing is known but their predictions.


def joined(
    prediction_files: tuple[Path, ...],
    judged: dict[str, Windows],
    sampled: dict[str, NDArray[np.int64]],
    queried: dict[str, NDArray[np.int64]],
    metrics: dict[str, Metric],
) -> tuple[Joined, ...]:
    """Predictions that were brought along, one file a seed, joined with the windows by name."""
    from amn.evaluation.predictions import join_predictions  # noqa: PLC0415 - few gates take any

    asked = (judged, sampled, metrics, queried)
    return tuple(join_predictions(path, *asked) for path in prediction_files)


def predictors(prediction_files: tuple[Path, ...]) -> tuple[Candidate, ...]:
    """What made those predictions: it cannot be run here."""
    return tuple(_unknown(str(path), sha256_file(path)) for path in prediction_files)


def _unknown(name: str, digest: str, seed: int | None = None) -> Candidate:
    """Return a candidate of which nothing is known but its predictions."""

    def refuse(*_: object) -> Any:  # noqa: ANN401 - nothing is returned
        raise CheckNotRunError("expected a model, got its predictions")

    return Candidate(name, None, None, refuse, refuse, digest, seed)


def fitted(plan: Plan) -> References:
    """The reference predictors, fitted on what a network of the case would learn from."""
    return fit_references(plan.train)


def scored(
    fitted: References, judged: dict[str, Windows], joined: tuple[Joined, ...]
) -> tuple[Evaluation, ...]:
    """Scores of those predictions, window by window, beside the reference predictors'."""
    references = {split: score_references(fitted, windows) for split, windows in judged.items()}
    return tuple(Evaluation(dict(one.scores), references) for one in joined)


def predicted_measured(joined: tuple[Joined, ...]) -> tuple[dict[str, SplitScores], ...]:
    """Scores of those predictions with the values of the case's metrics, window by window."""
    return tuple(dict(one.scores) for one in joined)


def joined_queries(
    joined: tuple[Joined, ...],
) -> tuple[dict[str, NDArray[np.float32]], ...]:
    """Those predictions on the windows that indexes are searched for: split -> (B, D)."""
    return tuple(dict(one.queried) for one in joined)


def predicted_behaviours(
    candidates: tuple[Candidate, ...],
    joined: tuple[Joined, ...],
    surroundings: dict[str, Surroundings],
) -> tuple[Observed, ...]:
    """Those predictions on the sample of windows, beside the rows around their targets."""
    return tuple(
        Observed(candidate.name, split, behaviour_of(one.sampled[split], around))
        for candidate, one in zip(candidates, joined, strict=True)
        for split, around in surroundings.items()
    )


# Candidates that a command of one's own has trained.


def trainer(
    case: Case,
    home: Path,
    plan: Plan,
    windows: dict[str, Windows],
    sampled: dict[str, NDArray[np.int64]],
    queried: dict[str, NDArray[np.int64]],
    metrics: dict[str, Metric],
) -> Trainer:
    """The command of the case, and what it is given."""
    from amn.training.command import Trainer  # noqa: PLC0415 - few cases have one

    return Trainer(case, home, plan, windows, sampled, queried, metrics)


def trainings(
    trainer: Trainer, asked: CaseConfig, cache: Path, progress: Progress | None
) -> tuple[Commanded, ...]:
    """What the command of the case made of every seed, from the cache or run now."""
    return trainer.train(asked.training.seeds, cache=cache, progress=progress)


def commanded(trainings: tuple[Commanded, ...]) -> tuple[Candidate, ...]:
    """What a command has trained: it cannot be run here."""
    return tuple(_unknown(one.name, one.digest, one.seed) for one in trainings)


def commanded_joined(trainings: tuple[Commanded, ...]) -> tuple[Joined, ...]:
    """The predictions of each seed, joined with the windows by name."""
    return tuple(one.joined for one in trainings)


def commanded_histories(trainings: tuple[Commanded, ...]) -> Histories:
    """The course of each seed. Raises where one is not what the case promises."""
    return tuple(_sound(one.history) for one in trainings if one.history)


def metric() -> Callable[..., NDArray[np.float64]]:
    """The metric: cosines (N,) of two matrices (N, D), row by row."""
    from amn.evaluation.metrics import cosine_rows  # noqa: PLC0415 - beside the others

    return cosine_rows


def curve() -> Callable[..., NDArray[np.float64]]:
    """The offset curve of predictions: see `offset_curve`."""
    return offset_curve


# Courses of training. A part a kind of figure, so that a record promises what it holds.


def histories(case: Case, candidates: tuple[Candidate, ...]) -> Histories:
    """The course of training of each candidate; one without a record cannot be checked."""
    found = []
    for candidate in candidates:
        if candidate.record is None:
            raise CheckNotRunError(f"{candidate.name}: expected a training record, found none")
        found.append(history_of(candidate.name, candidate.record, model=case.config.model.kind))
    return tuple(found)


def abort(case: Case) -> AbortConfig:
    """The rules of stopping early, which are replayed."""
    return case.config.training.abort


def _histories(histories: Histories) -> Histories:
    """The courses of training, where these have the figures of that kind."""
    return histories


def read_columns(histories: Histories) -> Histories:
    """Courses of training that somebody else wrote down, some of whose columns nobody knows."""
    return histories


def asked(case: Case) -> CaseConfig:
    """The settings of a training that is asked for here: seeds and looks."""
    return case.config


# What a result is held to.


def norm_errors(
    candidates: tuple[Candidate, ...], evaluations: tuple[Evaluation, ...]
) -> dict[str, float]:
    """Largest |length of a prediction - 1| by candidate and split."""
    return {where: s.norm_error for where, _, s in scores_of(candidates, evaluations)}


def criteria(case: Case) -> CriteriaConfig:
    """Floors, the range of OOD minus in-dist, and the least lift; of rows of length 1 alone."""
    kept = list[str]()
    with suppress(AmnError):  # a bundle has no data; D003 reports what cannot be read
        places = map(case.folder_of, sources(case))
        kept = [f.name for f in places if not read_manifest(f).encoder.normalised]
    if kept:
        message = (
            f"criteria.metric: expected one of lengths, as {kept[0]} is not normalised, got "
            'cosine. Fix: metric = "l2" and a [[criteria.limit]] on it for each split, or amn data '
            "import --normalise"
        )
        raise ConfigError(case.file, [message])
    return case.config.criteria


def golden_limits(case: Case) -> GoldenConfig:
    """Margin, alpha, budget for drift, and looks at a candidate."""
    return case.config.golden


def settings(case: Case, home: Path) -> dict[str, Any]:
    """The settings that a result depends on, as resolved, with digests of declared inputs."""
    if not case.config.model.inputs:
        return case.config.resolved()
    from amn.training.command import declared_inputs  # noqa: PLC0415 - few cases have any

    return case.config.resolved(declared_inputs(case, home))


def golden_folder(case: Case) -> Path:
    """Folder of the golden: that of the case."""
    return case.folder


def beside(golden_folder: Path) -> Path:
    """Folder in which the case lies among others."""
    return golden_folder.resolve().parent


def found_golden(golden_folder: Path) -> Golden | GoldenError:
    """The golden, or why it cannot be read."""
    try:
        return read_golden(golden_folder)
    except GoldenError as error:
        return error


def golden(found_golden: Golden | GoldenError) -> Golden:
    """The golden. Raises GoldenError where it cannot be read."""
    return _sound(found_golden)


def ledger(golden_folder: Path) -> Ledger | None:
    """The ledger of the golden; None when there is none."""
    return find_ledger(golden_folder)


def listed_waivers(case: Case) -> tuple[Waiver, ...]:
    """The waivers of waivers.toml, expired ones too."""
    return read_waivers(case.folder)


def waivers(case: Case, today: date | None) -> tuple[Waiver, ...]:
    """The waivers in force."""
    every = read_waivers(case.folder)
    return tuple(w for w in every if today and w.created <= today <= w.expires)


def unwaivable() -> dict[str, str]:
    """Why a check cannot be waived, by id: those that ask how the golden is kept."""
    custody = "a check of the golden's custody"
    return {check.id: custody for check in checks().values() if is_custody(check)}


def looks(golden_limits: GoldenConfig, candidates: tuple[Candidate, ...]) -> tuple[int, ...]:
    """Numbers of seeds at which candidates were looked at, the last one being all of them."""
    return golden_limits.looks_until(len(candidates))


def sides(
    evaluations: tuple[Evaluation, ...],
    golden: Golden,
    golden_limits: GoldenConfig,
    golden_folder: Path,
    looks: tuple[int, ...],
    classes: Classes,
) -> Sides:
    """The candidate and the golden that it is compared with."""
    return Sides(evaluations, golden, golden_limits, golden_folder, looks, classes)


def guarded(
    measured: tuple[dict[str, SplitScores], ...], golden: Golden, golden_limits: GoldenConfig,
    golden_folder: Path, looks: tuple[int, ...], classes: Classes, guards: tuple[Guard, ...],
) -> Guarded:  # fmt: skip
    """The candidate and its golden by the metrics that guard what comes next, and the case's."""
    return Guarded((), golden, golden_limits, golden_folder, looks, classes, measured, guards)


def recalls_of_rows(
    recalled_rows: dict[str, Recalled],
    golden: Golden,
    golden_limits: GoldenConfig,
    golden_folder: Path,
) -> Recalls:
    """The recall of the case's configurations, searched for rows, and the golden's."""
    sides = ((), golden, golden_limits, golden_folder)
    return Recalls(*sides, recalled=recalled_rows, asked=OF_ROWS)


def recalls_of_predictions(
    recalled_predictions: dict[str, Recalled],
    golden: Golden,
    golden_limits: GoldenConfig,
    golden_folder: Path,
    looks: tuple[int, ...],
) -> Recalls:
    """The recall of the case's configurations, searched for predictions, and the golden's."""
    sides = ((), golden, golden_limits, golden_folder, looks)
    return Recalls(*sides, recalled=recalled_predictions, asked=OF_PREDICTIONS)


def guards(case: Case) -> tuple[Guard, ...]:
    """The metrics of the case that are compared with the golden beside the cosine."""
    return case.config.criteria.guards


def no_looks() -> tuple[int, ...]:
    """Nothing: a candidate is looked at once."""
    return ()


def brought(candidates: tuple[Candidate, ...]) -> tuple[Candidate, ...]:
    """Candidates that were not trained here, and must not be the golden's own files."""
    return candidates


def article_tables(
    splits: dict[str, Split], windows: dict[str, Windows], scans: dict[str, RowScan]
) -> dict[str, Table]:
    """The articles of every split, with the digests of their vectors."""
    return articles_of(splits, windows, scans, {}, None, ())


def vector_changes(golden: Golden, article_tables: dict[str, Table]) -> VectorChanges:
    """The articles that have other vectors than the golden was accepted on."""
    return changes_of_vectors(golden.tables, article_tables)


def data_outcomes(evidence: Evidence) -> tuple[Outcome, ...]:
    """How each check of the data, index, splits and windows ended."""
    return _ends(evidence, OUTCOMES["data_outcomes"])


def ended(evidence: Evidence) -> tuple[Outcome, ...]:
    """How each check ended, those of the golden aside."""
    return _ends(evidence, OUTCOMES["ended"])


def _ends(evidence: Evidence, families: Sequence[str]) -> tuple[Outcome, ...]:
    """Run the checks of some families; one that cannot look is an ERROR."""

    def run(check: Check) -> Outcome:
        try:
            return check.run(evidence)
        except AmnError as error:
            return check.not_evaluated(error)

    return tuple(run(check) for check in judged_by(declare(evidence), families))


def judged_by(declared: Sequence[Check], families: Sequence[str]) -> list[Check]:
    """Return the checks of some families that do not read how others ended."""
    return [c for c in declared if c.family in families and not set(c.reads) & {*OUTCOMES}]


def numerics(golden: Golden) -> Numerics:
    """What the golden's machine computed."""
    if not golden.record.numerics.values:
        message = "golden.json: expected a fingerprint of the machine, found none"
        raise CheckNotRunError(message)
    return golden.record.numerics


def machine_numerics() -> tuple[Mapping[str, float], Mapping[str, str]]:
    """What this machine computes, and what it is."""
    from amn.evaluation.numerics import machine as here  # noqa: PLC0415 - loads torch
    from amn.evaluation.numerics import numeric_values  # noqa: PLC0415 - as above

    return numeric_values(), here()


def classes(
    case: Case, golden: Golden, machine_numerics: tuple[Mapping[str, float], Mapping[str, str]]
) -> Classes:
    """The numerics classes of golden and machine, and how far the two were measured to be apart."""
    values, here = machine_numerics
    then = golden.record.numerics
    apart = [abs(values.get(name, math.nan) - value) for name, value in then.values.items()]
    off = float(np.max(apart)) if apart else None  # NaN where a step is gone: nothing is decided
    return Classes(then.class_, numerics_class(here, case.config.resolved()), off)


def stored_speed(case: Case) -> dict[str, float] | None:
    """The ratios stored for this machine, None without any. Raises GoldenError if damaged."""
    from amn.golden.speed import machine, read_speed  # noqa: PLC0415 - few cases ask for speed

    return read_speed(case.folder, machine())


def speed_limits(case: Case) -> SpeedConfig:
    """What the case asks of its speed."""
    if case.config.speed is None:
        raise CheckNotRunError("speed: expected a section [speed] in case.toml, found none")
    return case.config.speed


def speed_ratios(plan: Plan) -> dict[str, float]:
    """The plain loop's cost over ours by name; taken once."""
    from amn.training.speed import measure_speed  # noqa: PLC0415 - loads torch

    return measure_speed(plan)


def declared(evidence: Evidence) -> tuple[str, ...]:
    """Labels of all checks of this gate."""
    return tuple(check.label for check in declare(evidence))


def is_custody(check: Check) -> bool:
    """Tell whether a check asks how the golden is kept, and not how good a candidate is.

    It needs neither data nor candidate, and no waiver lets it through.
    """
    return check.family == FAMILIES["G"] and set(check.reads) <= CUSTODY


def named(*makers: Callable[..., object]) -> dict[str, Callable[..., object]]:
    """Makers by the name of the part that each makes."""
    return {maker.__name__: maker for maker in makers}


DATA = named(
    folders, opened, data_sets, scanned, article_samples, article_orders, data_limits, reencoded
)  # fmt: skip - one line of what is at rest
INDEX = named(indexed, index_limits, opened_index, index, answers)
CONFIGURED = named(configured, built_indexes, recalled_rows, recalled_predictions)
SPLIT = named(splits, split_samples, split_mains, windows, scans, judged, judged_data)
SCORES = named(summaries, lifts, settings, sides)
OF_COSINE = named(criteria, norm_errors)  # what cases are judged by whose rows have length 1
OF_METRIC = named(rivals, skills)  # in its place, where another metric judges
ASKED = named(sampled, queried, surroundings, metric, curve, metrics, fitted, reference_metrics)
RUN_HERE = ASKED | named(evaluations, behaviours, orders, measured, queried_predictions)
MODEL = RUN_HERE | named(loaded, checkpoints, described)
BARE = RUN_HERE | {"checkpoints": bare}
PREDICTIONS = (
    ASKED
    | named(plan, joined)
    | {
        "candidates": predictors,
        "evaluations": scored,
        "behaviours": predicted_behaviours,
        "measured": predicted_measured,
        "queried_predictions": joined_queries,
    }
)
COMMAND = (
    ASKED
    | named(plan, trainer, trainings, asked)
    | {
        "candidates": commanded,
        "joined": commanded_joined,
        "evaluations": scored,
        "behaviours": predicted_behaviours,
        "measured": predicted_measured,
        "queried_predictions": joined_queries,
    }
)
SPEED = named(speed_limits, speed_ratios, stored_speed)
DATA_OF_GOLDEN = named(article_tables, vector_changes, data_outcomes, ended)
DATA_OF_GOLDEN |= named(recalls_of_rows, recalls_of_predictions)
GOLDEN = named(golden_folder, beside, found_golden, golden, golden_limits, guards, ledger)
CUSTODY = {  # what tells how a golden is kept
    *GOLDEN,
    "case",
    "today",
    "review",
    "listed_waivers",
    "unwaivable",
}
COURSE = dict.fromkeys(FIGURES_OF, _histories)
EVERY = (
    DATA
    | INDEX
    | CONFIGURED
    | SPLIT
    | SCORES
    | OF_COSINE
    | OF_METRIC
    | MODEL
    | SPEED
    | GOLDEN
    | DATA_OF_GOLDEN
    | COURSE
    | named(
        joined,
        guarded,
        row_digests,
        shared_texts,
        plan,
        asked,
        histories,
        read_columns,
        abort,
        brought,
        made_by,
        numerics,
        machine_numerics,
        classes,
    )
    | named(listed_waivers, waivers, unwaivable, declared, runs_of, hold, aim)
    | {"candidates": trained, "looks": looks}
)  # fmt: skip - whatever a gate may have
GIVEN = {  # parts that no maker makes: the case, and what was asked for
    "approval": "Who lets loosenings of this change through, and why; empty where nobody does.",
    "cache": "Folder of runs by content.",
    "case": "The case: its folder and its settings.",
    "encoding": "How to encode texts again, where the encoder is on this machine.",
    "engine": "Where seeds are trained; None: on this machine.",
    "gate_other": "Gates another case: its result, None where it is not trained; and the command.",
    "encoder_note": "Why canaries were not encoded again; only where they were not.",
    "home": "Folder of the case that is asked about, where its copy is judged in its place.",
    "prediction_files": "Files of predictions that were brought along, one a seed.",
    "progress": "Called with (done, in all, text) by whatever takes long; None where nobody looks.",
    "recorded": "The PASS that stands: inputs of the verdict then and now; only where it does.",
    "review": "The change beside its merge base, where there is one.",
    "today": "The day that waivers expire by; None where it is not known.",
}
MOST_NAMES = 8  # of what nobody could read, in a message


def promised_course(figures: Sequence[Part]) -> dict[str, Callable[..., object]]:
    """Return the makers of a course of which some figures are promised, and how it ended."""
    if not figures:
        return {}
    known = {*figures, "status", "epochs"}
    held = {part: make for part, make in COURSE.items() if FIGURES_OF[part] <= known}
    return {**held, "histories": commanded_histories, **named(abort)}


def course_makers(history: RunHistory) -> dict[str, Callable[..., object]]:
    """Return the makers of what a history holds."""
    held = {part: make for part, make in COURSE.items() if FIGURES_OF[part] <= history.parts}
    return {**held, **(named(read_columns) if history.unknown else {})}


def no_best_cosines(histories: tuple[RunHistory, ...]) -> tuple[RunHistory, ...]:
    """Nothing: says what of a record nobody could read, for the check that would look at it."""
    history = histories[0]
    unread = history.unknown[:MOST_NAMES]
    got = f"none among {', '.join(unread)}" if unread else "none"
    raise CheckNotRunError(
        f"{history.name}: expected val_cosine in an epoch, got {got}. Fix: {COLUMNS}"
    )


def abort_for(history: RunHistory, abort: AbortConfig) -> AbortConfig:
    """Return the stopping rules for a history: how far epoch 1 has to come depends on its model.

    A record that brings no rules of its own is taken for one that started from nothing, as the
    earlier project's did: by its kind's recipe `original`.
    """
    if history.settings.get("abort"):
        return AbortConfig.model_validate(history.settings["abort"])
    recipes = RECIPES.get(history.model.partition("_")[0], {})  # `transformer_optimized`
    own = recipes.get("original", {}).get("training", {}).get("abort", {})
    share = own.get("first_epoch_share", abort.first_epoch_share)
    return abort.model_copy(update={"first_epoch_share": share})
