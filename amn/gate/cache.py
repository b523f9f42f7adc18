"""Runs by content: a run that has been made is not made again, and two processes make it once."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

from filelock import FileLock

from amn.errors import DataError
from amn.training.run import Plan, PlanReferences, Run, load_run, run_seed, score_plan_references

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


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
        """Return the run of a seed, training it only if no equal run is there.

        Another process that wants the same run waits for this one and takes its result.
        """
        key = plan.key(seed)
        folder = self._folder / key[:2] / key
        folder.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(f"{folder}.lock"):
            if folder.exists():
                try:
                    run = load_run(folder)
                except DataError:
                    shutil.rmtree(folder)
                else:
                    if run.info["key"] == key:
                        return run
                    shutil.rmtree(folder)
            content = plan.key(0)  # the references are the same for all seeds
            if content not in self._references:
                self._references[content] = score_plan_references(plan)
            references = self._references[content]
            return run_seed(plan, seed, folder, references=references, progress=progress)
