"""Runs by content: a run that has been made is not made again, and two processes make it once."""

from __future__ import annotations

import shutil
from contextlib import ExitStack, suppress
from typing import TYPE_CHECKING

from filelock import FileLock

from amn.errors import DataError
from amn.storage import make_cache
from amn.training.plan import score_plan_references
from amn.training.run import clear_left_overs, given_up, load_run

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from amn.engines import Engine
    from amn.training.plan import Plan, PlanReferences
    from amn.training.run import Run
    from amn.training.workers import Job


class RunCache:
    """Run folders named by what their result depends on.

    A damaged entry is made again: the cache can cost time, never trust.

    Args:
        folder: Where the runs are; made when first needed.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._references: dict[str, PlanReferences] = {}

    def run(
        self, plan: Plan, seed: int, *, progress: Callable[[int, int, str], None] | None = None
    ) -> Run:
        """Return the run of a seed, training it only if no equal run is there."""
        return self.runs(plan, [seed], progress=progress)[0]

    def runs(
        self,
        plan: Plan,
        seeds: Sequence[int],
        *,
        engine: Engine | None = None,
        progress: Callable[[int, int, str], None] | None = None,
    ) -> list[Run]:
        """Return the runs of seeds in their order; see `all_runs`."""
        return self.all_runs([(plan, seeds)], engine=engine, progress=progress)[0]

    def all_runs(
        self,
        wanted: Sequence[tuple[Plan, Sequence[int]]],
        *,
        engine: Engine | None = None,
        progress: Callable[[int, int, str], None] | None = None,
    ) -> list[list[Run]]:
        """Return the runs of each plan's seeds in their order, training those that are not there.

        Plans of one key have one aim. Another process that wants one of them waits for this one and
        takes its result.

        Args:
            engine: Where they are trained, those of all plans at a time; None: on this machine.
        """
        places = [{seed: self._place(plan, seed) for seed in seeds} for plan, seeds in wanted]
        make_cache(self._folder)
        with ExitStack() as locks:
            # One order for all: nobody waits in a circle.
            for folder in sorted({folder for place in places for folder in place.values()}):
                folder.parent.mkdir(parents=True, exist_ok=True)
                locks.enter_context(FileLock(f"{folder}.lock"))
            found: dict[Path, Run | None] = {}
            missing: list[tuple[Plan, dict[int, Path]]] = []
            for (plan, _), place in zip(wanted, places, strict=True):
                new = {seed: folder for seed, folder in place.items() if folder not in found}
                found |= {folder: _find(folder, plan) for folder in new.values()}
                missing.append(
                    (plan, {s: folder for s, folder in new.items() if not found[folder]})
                )
            if any(folders for _, folders in missing):
                found |= self._train(missing, engine, progress)
        return [[run for folder in place.values() if (run := found[folder])] for place in places]

    def has(self, plan: Plan, seeds: Sequence[int]) -> bool:
        """Tell whether there are runs of all these seeds; whether they are sound shows later."""
        return all(
            any(place.exists() for place in _places(self._place(plan, seed), plan))
            for seed in seeds
        )

    def _train(
        self,
        missing: Sequence[tuple[Plan, dict[int, Path]]],
        engine: Engine | None,
        progress: Callable[[int, int, str], None] | None,
    ) -> dict[Path, Run]:
        """Train seeds of plans into their folders, all at a time."""
        from amn.training.workers import run_jobs, seed_jobs  # noqa: PLC0415 - loads the loop

        jobs: list[Job] = []
        for plan, folders in missing:
            if folders:
                jobs += seed_jobs(plan, folders, self._references_of(plan))
        made = run_jobs(jobs, engine=engine, progress=progress)
        return {run.folder.with_name(run.folder.name.partition("-")[0]): run for run in made}

    def _place(self, plan: Plan, seed: int) -> Path:
        """Return the folder of a run."""
        key = plan.key(seed)
        return self._folder / key[:2] / key

    def _references_of(self, plan: Plan) -> PlanReferences:
        """Return the reference predictors' scores, which are the same for all seeds."""
        content = plan.key(0)
        if content not in self._references:
            self._references[content] = score_plan_references(plan)
        return self._references[content]


def _places(folder: Path, plan: Plan) -> list[Path]:
    """Return where a run may lie: one that finished, then one that was stopped on its way."""
    return [place for place in (folder, given_up(folder, plan)) if place]


def _find(folder: Path, plan: Plan) -> Run | None:
    """Return the run that the cache has; one that is damaged is removed."""
    for place in _places(folder, plan):
        if not place.exists():
            continue
        with suppress(DataError):
            run = load_run(place)
            if run.info["key"] == folder.name:
                for left in {folder, place}:
                    clear_left_overs(left)
                return run
        shutil.rmtree(place)
    return None
