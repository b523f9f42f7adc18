"""Makers of candidates: what they are, do and score, wherever they come from."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from amn.case.config import EVALUATED
from amn.checks.comparison import ONE_CLASS, Guarded, Sides, is_decided, is_guarded
from amn.checks.hold import Hold
from amn.checks.own import applies
from amn.data.sampling import evenly_spaced
from amn.errors import CheckNotRunError, CheckpointError, GoldenError, expect
from amn.evaluation.metric import Metric, kept_metrics
from amn.evaluation.metric import metrics as every_metric
from amn.evaluation.reference import fit_references, measure_references
from amn.evaluation.summary import Skill, Summary, skill_over, summarise_split
from amn.evaluation.surroundings import (
    ModelBehaviour,
    Surroundings,
    find_surroundings,
    offset_curve,
    sample_windows,
)
from amn.gate.evidence import named
from amn.gate.makers.at_rest import PACKAGES, sound
from amn.golden.schema import COSINE
from amn.training.aim import is_futile
from amn.training.candidate import Begun, Candidate, Observed
from amn.verdict import Status

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from amn.case.config import CaseConfig
    from amn.case.limits import Guard
    from amn.case.load import Case
    from amn.checks.looks import ScoresOf
    from amn.data.ids import Ids
    from amn.data.splits import Split
    from amn.data.windows import Windows
    from amn.engines import Engine
    from amn.evaluation.metrics import SplitScores
    from amn.evaluation.reference import References
    from amn.evaluation.statistics import Interval
    from amn.evaluation.storage import Evaluation
    from amn.gate.result import GateResult
    from amn.golden.schema import Golden
    from amn.training.aim import Aim
    from amn.training.checkpoint import Checkpoint
    from amn.training.plan import Plan
    from amn.training.run import Run

    Progress = Callable[[int, int, str], None]
    GateOther = Callable[[Case], tuple[GateResult | None, str]]
    RunsOf = Callable[[Sequence[int]], list[Run]]


MEASURED_WINDOWS = 20_000  # evenly spaced: what references score is drawn beside, not compared
QUERIED_WINDOWS = 512  # a split: as many queries as rows ask, see `MOST_QUERIES`
BEHAVIOUR_WINDOWS = 128  # a split, evenly over its articles: 0.02 s a candidate


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
    plan: Plan, aim: Aim, cache: Path, engine: Engine | None, progress: Progress | None
) -> RunsOf:
    """The same, where a seed that cannot come to its aim any more is stopped."""
    return runs_of(replace(plan, aim=aim), cache, engine, progress)


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
    return tuple(sound(one) for one in loaded)


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


def begun(
    candidates: tuple[Candidate, ...], checkpoints: tuple[Checkpoint, ...]
) -> tuple[Begun, ...]:
    """The scoring of each candidate, some windows at a time."""

    def of(candidate: Candidate, checkpoint: Checkpoint) -> Begun:
        if candidate.begin is None:
            raise CheckNotRunError(f"{candidate.name}: expected a model, got its scores")
        return candidate.begin(checkpoint)

    return tuple(map(of, candidates, checkpoints))


def scores_in_part(begun: tuple[Begun, ...], judged: dict[str, Windows]) -> ScoresOf:
    """What returns the scores of each candidate on some articles of a split, as no evaluation."""

    def of(split: str, articles: Ids) -> tuple[SplitScores, ...]:
        chosen = np.isin(judged[split].article_ids, articles)
        return tuple(one.parts[split].of(chosen) for one in begun)

    return of


def all_scored(begun: tuple[Begun, ...]) -> tuple[Evaluation, ...]:
    """Scores of each candidate, those of the looks among them: no window is predicted twice."""
    return tuple(one.evaluation() for one in begun)


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


def fitted(plan: Plan) -> References:
    """The reference predictors, fitted on what a network of the case would learn from."""
    return fit_references(plan.train)


def metric() -> Callable[..., NDArray[np.float64]]:
    """The metric: cosines (N,) of two matrices (N, D), row by row."""
    from amn.evaluation.metrics import cosine_rows  # noqa: PLC0415 - beside the others

    return cosine_rows


def curve() -> Callable[..., NDArray[np.float64]]:
    """The offset curve of predictions: see `offset_curve`."""
    return offset_curve


def asked(case: Case) -> CaseConfig:
    """The settings of a training that is asked for here: seeds and looks."""
    return case.config


IN_PART = named(begun, scores_in_part)  # what comes with its scores has none
OF_METRIC = named(rivals, skills)  # in its place, where another metric judges
ASKED = named(sampled, queried, surroundings, metric, curve, metrics, fitted, reference_metrics)
RUN_HERE = ASKED | named(evaluations, behaviours, orders, measured, queried_predictions)
MODEL = RUN_HERE | named(loaded, checkpoints, described)
BARE = RUN_HERE | {"checkpoints": bare}
