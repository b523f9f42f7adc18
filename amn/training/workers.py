"""Several seeds at a time, on whichever engine.

A training of this size is many small operations: a second thread speeds it up by a quarter, a
second process by nearly two. The number of threads shapes rounding, so it follows from the case's
seeds and this machine alone, never from the engine or from what happens to be cached.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from amn.engines import LocalEngine
from amn.evaluation.runner import torch_threads
from amn.system import available_cores
from amn.training.plan import score_plan_references
from amn.training.run import find_run
from amn.training.seed import run_seed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

    from amn.engines import Engine, Tell
    from amn.training.plan import Plan, PlanReferences
    from amn.training.run import Run

    Progress = Callable[[int, int, str], None]
    Notify = Callable[[str], None]

WORTH_A_PROCESS = 50_000  # windows x epochs: a few seconds, where starting a process takes two
PROGRESS_SECONDS = 0.1


@dataclass(frozen=True, kw_only=True)
class Job:
    """A seed to train into a folder.

    Attributes:
        threads: That torch uses.
        device: `cpu` or `cuda`.
    """

    plan: Plan
    references: PlanReferences
    seed: int
    folder: Path
    threads: int
    device: str = "cpu"

    def __str__(self) -> str:
        return f"seed {self.seed}"

    @property
    def work(self) -> int:
        """Windows x epochs."""
        return len(self.plan.train) * (self.plan.config.training.epochs or 1)


def seed_jobs(
    plan: Plan, folders: Mapping[int, Path], references: PlanReferences, *, device: str = "cpu"
) -> list[Job]:
    """Return a job for each seed and its folder; the case's seeds share the cores."""
    return [
        Job(
            plan=plan,
            references=references,
            seed=seed,
            folder=folder,
            threads=max(1, available_cores() // len(plan.config.training.seeds)),
            device=device,
        )
        for seed, folder in folders.items()
    ]


def run_jobs(
    jobs: Sequence[Job],
    *,
    engine: Engine | None = None,
    progress: Progress | None = None,
    notify: Notify | None = None,
) -> Iterator[Run]:
    """Train seeds into their folders and yield each run when it is finished, in any order.

    Args:
        engine: None: processes of this machine; small trainings, and those on a GPU, one after the
            other in this process.
        notify: Called with `seed s: resuming at epoch n`.

    Raises:
        WorkerError: If a process died; what the others finished is kept.
    """
    if engine is None:
        is_small = len(jobs) < 2 or max(job.work for job in jobs) < WORTH_A_PROCESS  # noqa: PLR2004
        is_here = is_small or any(job.device != "cpu" for job in jobs)
        engine = LocalEngine(1 if is_here else shared_cores(jobs, available_cores()))

    def tell(message: Any) -> None:  # noqa: ANN401 - see `_train`
        if isinstance(message, str):
            if notify:
                notify(message)
        elif progress:
            progress(*message)

    cores = max((job.threads for job in jobs), default=1)
    yield from engine.map(_train, jobs, cores=cores, tell=tell)


def train_seeds(
    plan: Plan,
    folders: Mapping[int, Path],
    *,
    progress: Progress | None = None,
    notify: Notify | None = None,
    device: str = "cpu",
    engine: Engine | None = None,
) -> Iterator[Run]:
    """Train seeds into their folders and yield each run as it ends.

    A seed whose run is there already is not trained again: killed and called again, it goes on.

    Args:
        folders: Seed -> folder of its run.
        notify: Called with `seed s: resuming at epoch n` when a killed training goes on, and with
            `seed s: finished before` when its run is there.
        device: `cpu` or `cuda`.
        engine: Where seeds are trained; None: on this machine.

    Raises:
        FileExistsError: If a folder has another run, or none, before anything is trained.
    """
    found = {seed: find_run(plan, seed, folder) for seed, folder in folders.items()}
    for seed, run in found.items():
        if run:
            if notify:
                notify(f"seed {seed}: finished before, in {run.folder}")
            yield run
    missing = {seed: folders[seed] for seed, run in found.items() if run is None}
    if missing:
        jobs = seed_jobs(plan, missing, score_plan_references(plan), device=device)
        yield from run_jobs(jobs, engine=engine, progress=progress, notify=notify)


def shared_cores(jobs: Sequence[Job], cores: int) -> int:
    """Return how many cores' worth of jobs to run at a time, so that none is idle at the end.

    Those that are left when every core has had its share run among the first: three seeds on two
    cores end after one and a half times what one takes, not after two.

    Args:
        jobs: Of as many threads each.
        cores: Of this machine.
    """
    room = max(1, cores // jobs[0].threads)
    return (room + len(jobs) % room) * jobs[0].threads if len(jobs) > room else cores


def _train(job: Job, tell: Tell) -> Run:
    """Train one seed; tells notices, and now and then (batches done, in all, text)."""
    last = 0.0

    def progress(done: int, total: int, text: str) -> None:
        nonlocal last
        if time.monotonic() - last > PROGRESS_SECONDS or done == total:
            last = time.monotonic()
            tell((done, total, text))  # in a process, breaks when the parent is gone: the work ends

    with torch_threads(job.threads):
        return run_seed(
            job.plan,
            job.seed,
            job.folder,
            references=job.references,
            progress=progress,
            notify=tell,
            device=job.device,
        )
