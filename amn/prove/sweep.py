"""Running a sweep: Optuna chooses the points, the cache has the runs that were trained before.

A sweep that was cut off goes on by being started again. Its study is a file beside the runs: points
that were told are not asked for again, the one that was under way goes on after its last whole
epoch, and what a search asks for next follows from its seed and the scores so far.
"""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from amn.case.load import Case, vary_case
from amn.errors import ConfigError, require
from amn.gate.modes import plan_of
from amn.golden.store import GOLDEN_FILE, read_golden
from amn.prove.sweep_config import Range
from amn.prove.sweep_result import PointResult, make_result
from amn.storage import canonical_json, make_cache, sha256_of
from amn.training.cache import RunCache

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from amn.engines import Engine
    from amn.prove.sweep_config import Point, SweepConfig
    from amn.training.plan import Plan

    Progress = Callable[[int, int, str], None]

STUDIES = "sweeps"  # folder of the studies, beside the runs
Optuna = Any  # it is optional, and has no types here


def run_sweep(
    case: Case,
    sweep: SweepConfig,
    *,
    cache: Path,
    file: Path,
    engine: Engine | None = None,
    progress: Progress | None = None,
    notify: Callable[[str], None] | None = None,
) -> list[PointResult]:
    """Train and score every point; return them in the order of the grid, or of the search.

    Args:
        cache: Folder of runs by content.
        file: The sweep's file, for messages.
        engine: Where seeds are trained, those of a grid all at a time; None: on this machine, one
            point after the other.
        progress: Called with (batches done, batches in all, text).
        notify: Called with `lr=0.001: val cosine 0.6112` when a point is done.

    Raises:
        ConfigError: If a point is no valid case; of a grid, before anything is trained.
        MissingDependencyError: If Optuna is not installed.
    """
    optuna = require("optuna", extra="search")
    trainer = _Trainer(case, sweep, RunCache(cache), file, engine)
    points = [] if sweep.search else sweep.points()
    trainer.vary(points)
    total = sweep.search.trials if sweep.search else len(points)
    at_once = total if engine and not sweep.search else 1
    space = {key: _distribution(optuna, values) for key, values in sweep.space.items()}
    make_cache(cache)
    study = _open_study(optuna, cache / STUDIES / f"{trainer.key()}.log")
    results: list[PointResult] = []
    while True:
        told = study.get_trials(states=(optuna.trial.TrialState.COMPLETE,))
        study.sampler = _sampler(optuna, sweep, space, len(told))
        if study.sampler.is_exhausted(study) if points else len(told) >= total:
            break
        trials = [study.ask(space) for _ in range(max(1, min(at_once, total - len(told))))]
        place = f"{len(told) + len(trials)}/{total}"
        asked = [_point(sweep, trial.params) for trial in trials]
        made = trainer.run(asked, progress and partial(_tell, progress, place))
        for trial, result in zip(trials, made, strict=True):
            with suppress(RuntimeError):  # the last one of a grid stops Optuna's loop: it has none
                study.tell(trial, result.val_cosine)
            if notify:
                notify(f"{result.point.name}: val cosine {result.val_cosine:.4f}")
        results += made
    points = points or [_point(sweep, trial.params) for trial in told[:total]]
    known = [result.point for result in results]
    return [
        results[known.index(point)] if point in known else trainer.run([point])[0]
        for point in points
    ]


def find_best(results: Sequence[PointResult]) -> PointResult | None:
    """Return the point of the highest validation cosine among those that finished.

    The judged splits have no say: a choice among many points would flatter them.
    """
    finished = [result for result in results if result.has_finished]
    return max(finished, key=lambda result: result.val_cosine, default=None)


@dataclass(frozen=True)
class _Trainer:
    """Trains the points of one sweep."""

    case: Case
    sweep: SweepConfig
    cache: RunCache
    file: Path
    engine: Engine | None

    def vary(self, points: Sequence[Point]) -> list[Case]:
        """Return the case of each point, or raise with what is wrong with any of them."""
        cases, problems = list[Case](), list[str]()
        for point in points:
            try:
                cases.append(vary_case(self.case, point.changes))
            except ConfigError as error:
                problems += [f"{point.name}: {problem}" for problem in error.problems]
        if problems:
            raise ConfigError(self.file, problems)
        return cases

    def run(self, points: Sequence[Point], progress: Progress | None = None) -> list[PointResult]:
        """Train what of some points is not in the cache, and put their figures together."""
        plans = [self._plan(case) for case in self.vary(points)]
        wanted = [(plan, plan.config.training.seeds) for plan in plans]
        runs = self.cache.all_runs(wanted, engine=self.engine, progress=progress)
        path = self.case.folder / GOLDEN_FILE
        golden = read_golden(self.case.folder) if path.exists() else None
        return [
            make_result(point, each, golden, path) for point, each in zip(points, runs, strict=True)
        ]

    def key(self) -> str:
        """Return what the course of the sweep depends on, as one digest."""
        sweep = self.sweep.model_dump(exclude={"title": True, "search": {"trials"}})
        return sha256_of(canonical_json([self._plan(self.case).key(0), repr(sweep)]))

    def _plan(self, case: Case) -> Plan:
        seeds = self.sweep.seeds or case.config.training.seeds
        return plan_of(case.with_training(seeds=list(seeds)))


def _tell(progress: Progress, place: str, done: int, total: int, text: str) -> None:
    progress(done, total, f"{place} {text}")


def _open_study(optuna: Optuna, file: Path) -> Optuna:
    """Return the study of a file, new or as it was left."""
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    file.parent.mkdir(parents=True, exist_ok=True)
    journal = optuna.storages.journal
    backend = journal.JournalFileBackend(str(file), journal.JournalFileOpenLock(str(file)))
    return optuna.create_study(
        study_name="sweep",
        storage=optuna.storages.JournalStorage(backend),
        direction="maximize",
        load_if_exists=True,
    )


def _sampler(optuna: Optuna, sweep: SweepConfig, space: dict[str, Any], n_told: int) -> Optuna:
    """Return what chooses the next point after some; of a search, by its seed and their number."""
    if sweep.search is None:
        return optuna.samplers.GridSampler({key: each.choices for key, each in space.items()})
    (seed,) = np.random.SeedSequence([sweep.search.seed, n_told]).generate_state(1)
    return optuna.samplers.TPESampler(seed=int(seed))


def _distribution(optuna: Optuna, values: Range | list[Any]) -> Optuna:
    """Return what Optuna draws a key's value from; to it, values of a list are JSON texts."""
    kinds = optuna.distributions
    if not isinstance(values, Range):
        return kinds.CategoricalDistribution([json.dumps(value, default=str) for value in values])
    if values.whole:
        return kinds.IntDistribution(round(values.low), round(values.high), log=values.log)
    return kinds.FloatDistribution(values.low, values.high, log=values.log)


def _point(sweep: SweepConfig, params: dict[str, Any]) -> Point:
    """Return the point that Optuna asks for; numbers of a range have four digits."""

    def value(key: str, values: Range | list[Any]) -> Any:  # noqa: ANN401 - TOML
        if not isinstance(values, Range):
            return json.loads(params[key])
        return params[key] if values.whole else float(f"{params[key]:.4g}")

    return sweep.point({key: value(key, values) for key, values in sweep.space.items()})
