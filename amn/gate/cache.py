"""Runs by content: a run that has been made is not made again, and two processes make it once."""

from __future__ import annotations

import shutil
from contextlib import ExitStack, suppress
from typing import TYPE_CHECKING

from filelock import FileLock

from amn.cores import available_cores
from amn.errors import DataError
from amn.training.plan import score_plan_references
from amn.training.run import clear_left_overs, load_run
from amn.training.workers import run_seeds

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from amn.training.plan import Plan, PlanReferences
    from amn.training.run import Run


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
        progress: Callable[[int, int, str], None] | None = None,
    ) -> list[Run]:
        """Return the runs of seeds in their order, training those that are not there.

        Another process that wants one of them waits for this one and takes its result.
        """
        folders = {seed: self._folder / (key := plan.key(seed))[:2] / key for seed in seeds}
        with ExitStack() as locks:
            for folder in sorted(folders.values()):  # one order for all: nobody waits in a circle
                folder.parent.mkdir(parents=True, exist_ok=True)
                locks.enter_context(FileLock(f"{folder}.lock"))
            found = {seed: _find(folder) for seed, folder in folders.items()}
            missing = {seed: folders[seed] for seed, run in found.items() if run is None}
            if missing:
                made = run_seeds(
                    plan,
                    missing,
                    references=self._references_of(plan),
                    cores=available_cores(),
                    progress=progress,
                )
                found.update({run.seed: run for run in made})
        return [run for seed in seeds if (run := found[seed])]

    def _references_of(self, plan: Plan) -> PlanReferences:
        """Return the reference predictors' scores, which are the same for all seeds."""
        content = plan.key(0)
        if content not in self._references:
            self._references[content] = score_plan_references(plan)
        return self._references[content]


def _find(folder: Path) -> Run | None:
    """Return the run in a folder of the cache; one that is damaged is removed."""
    if not folder.exists():
        return None
    with suppress(DataError):
        run = load_run(folder)
        if run.info["key"] == folder.name:
            clear_left_overs(folder)
            return run
    shutil.rmtree(folder)
    return None
