"""Running a sweep: every point's seeds, out of the cache where they have been trained before.

A sweep that was cut off goes on by being started again: finished seeds are found by content, the
one that was under way goes on after its last whole epoch, and a search, which follows from its seed
and the scores, takes the same course.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from amn.case import vary_case
from amn.errors import ConfigError, require
from amn.gate.cache import RunCache
from amn.gate.training import case_plan
from amn.golden.store import GOLDEN_FILE, read_golden
from amn.sweeps.config import Range, make_point
from amn.sweeps.result import PointResult, make_result

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from amn.case import Case
    from amn.golden.schema import Golden
    from amn.sweeps.config import Point, SearchConfig, SweepConfig

    Progress = Callable[[int, int, str], None]


def run_sweep(
    case: Case,
    sweep: SweepConfig,
    *,
    cache: Path,
    file: Path,
    progress: Progress | None = None,
) -> Iterator[PointResult]:
    """Train and score every point and yield it when it is done.

    Args:
        cache: Folder of runs by content.
        file: The sweep's file, for messages.
        progress: Called with (batches done, batches in all, text).

    Raises:
        ConfigError: If a point is no valid case, before anything is trained.
        MissingDependencyError: If it is a search and Optuna is not installed.
    """
    trainer = _Trainer(case, sweep.seeds, RunCache(cache), progress)
    if sweep.search:
        yield from _search(trainer, sweep.search, file)
        return
    points = sweep.points()
    cases = _vary_all(case, points, file)
    for number, (point, varied) in enumerate(zip(points, cases, strict=True), start=1):
        yield trainer.run(point, varied, f"{number}/{len(points)}")


def find_best(results: Sequence[PointResult]) -> PointResult | None:
    """Return the point of the highest validation cosine among those that finished.

    The judged splits have no say: a choice among many points would flatter them.
    """
    finished = [result for result in results if result.has_finished]
    return max(finished, key=lambda result: result.val_cosine, default=None)


def _vary_all(case: Case, points: Sequence[Point], file: Path) -> list[Case]:
    """Return the case of each point, or raise with what is wrong with any of them."""
    cases, problems = list[Any](), list[str]()
    for point in points:
        try:
            cases.append(vary_case(case, point.changes))
        except ConfigError as error:
            problems += [f"{point.name}: {problem}" for problem in error.problems]
    if problems:
        raise ConfigError(file, problems)
    return cases


class _Trainer:
    """Trains the points of one sweep."""

    def __init__(
        self,
        case: Case,
        seeds: Sequence[int] | None,
        cache: RunCache,
        progress: Progress | None,
    ) -> None:
        self.case, self._seeds, self._cache, self._progress = case, seeds, cache, progress
        self._golden: Golden | None = None
        if (case.folder / GOLDEN_FILE).exists():
            self._golden = read_golden(case.folder)

    def run(self, point: Point, case: Case, place: str) -> PointResult:
        """Train what of a point is not in the cache, and put its figures together.

        Args:
            place: `3/12`, for the progress bar.
        """
        seeds = self._seeds or case.config.training.seeds
        plan = case_plan(case.with_training(seeds=list(seeds)))
        told = self._progress and partial(_tell, self._progress, place)
        runs = self._cache.runs(plan, seeds, progress=told)
        return make_result(point, runs, self._golden, self.case.folder / GOLDEN_FILE)


def _tell(progress: Progress, place: str, done: int, total: int, text: str) -> None:
    progress(done, total, f"{place} {text}")


def _search(trainer: _Trainer, search: SearchConfig, file: Path) -> Iterator[PointResult]:
    """Yield the points that Optuna asks for, told the validation cosine of each."""
    optuna = require("optuna", extra="search")
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study(
        direction="maximize", sampler=optuna.samplers.TPESampler(seed=search.seed)
    )
    for number in range(1, search.trials + 1):
        trial = study.ask()
        changes = {key: _suggest(trial, key, space) for key, space in search.space.items()}
        point = make_point(changes, shown=tuple(search.space))
        case = _vary_all(trainer.case, [point], file)[0]
        result = trainer.run(point, case, f"{number}/{search.trials}")
        study.tell(trial, result.val_cosine)
        yield result


def _suggest(trial: Any, key: str, space: Range | list[Any]) -> Any:  # noqa: ANN401 - TOML, Optuna
    """Return the value that a trial takes for a key."""
    if not isinstance(space, Range):
        return trial.suggest_categorical(key, space)
    if space.whole:
        return trial.suggest_int(key, round(space.low), round(space.high), log=space.log)
    return float(f"{trial.suggest_float(key, space.low, space.high, log=space.log):.4g}")
