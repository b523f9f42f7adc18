"""Several seeds at a time: a process each, with a fixed number of threads.

A training of this size is many small operations: a second thread speeds it up by a quarter, a
second process by nearly two. The number of threads shapes rounding, so it follows from the case's
seeds and the machine alone, never from what happens to be cached.
"""

from __future__ import annotations

import signal
import sys
import time
from collections import deque
from contextlib import contextmanager, suppress
from multiprocessing import connection, resource_tracker
from typing import TYPE_CHECKING, Any

import torch

from amn.errors import AmnError, TrainingError
from amn.processes import BARE
from amn.training.run import run_seed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from multiprocessing.connection import Connection
    from pathlib import Path

    from amn.processes import BareProcess
    from amn.training.plan import Plan, PlanReferences
    from amn.training.run import Run

    Progress = Callable[[int, int, str], None]
    Notify = Callable[[str], None]

WORTH_A_PROCESS = 50_000  # windows x epochs: a few seconds, where starting a process takes two
PROGRESS_SECONDS = 0.1


def threads_each(n_seeds: int, cores: int) -> int:
    """Return the threads of one training where `n_seeds` share the cores: at least 1."""
    return max(1, cores // max(1, n_seeds))


@contextmanager
def torch_threads(count: int) -> Iterator[None]:
    """Run torch's operations in the block with `count` threads."""
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)


@contextmanager
def _interrupt_held() -> Iterator[None]:
    """Hold Ctrl-C back in the block: what is started there never sees one, this process does after.

    Ignoring it instead would lose the one that comes while a process is started.
    """
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    resource_tracker.ensure_running()  # started in the block, it would end the hold
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})


def run_seeds(
    plan: Plan,
    folders: Mapping[int, Path],
    *,
    references: PlanReferences,
    cores: int,
    progress: Progress | None = None,
    notify: Notify | None = None,
    device: str = "cpu",
) -> Iterator[Run]:
    """Train seeds into their folders and yield each run when it is finished, in any order.

    Small trainings run one after the other in this process, with the same result; so do those on a
    GPU.

    Args:
        device: `cpu` or `cuda`.

    Raises:
        TrainingError: If a process died; what the others finished is kept.
    """
    threads = threads_each(len(plan.config.training.seeds), cores)
    n_workers = min(len(folders), cores)
    work = len(plan.train) * (plan.config.training.epochs or 1)
    is_alone = n_workers == 1 or device != "cpu"
    if is_alone or work < WORTH_A_PROCESS:
        with torch_threads(threads):
            for seed, folder in folders.items():
                yield run_seed(
                    plan,
                    seed,
                    folder,
                    references=references,
                    progress=progress,
                    notify=notify,
                    device=device,
                )
        return
    yield from _run_in_processes(
        (plan, references, threads, device),
        deque(folders.items()),
        n_workers,
        (progress, notify),
    )


def _run_in_processes(
    setup: tuple[Plan, PlanReferences, int, str],
    waiting: deque[tuple[int, Path]],
    n_workers: int,
    listeners: tuple[Progress | None, Notify | None],
) -> Iterator[Run]:
    """Hand seeds to processes as they become free."""
    busy: dict[Any, tuple[int, BareProcess]] = {}
    try:
        for _ in range(n_workers):
            ours, theirs = BARE.Pipe()  # a fork would copy torch's threads half-way
            process = BARE.Process(target=_work, args=(theirs, *setup), daemon=True)
            with _interrupt_held():
                process.start()
            theirs.close()
            busy[ours] = (waiting[0][0], process)
            _hand(ours, waiting)
        while busy:
            ready: list[Any] = connection.wait(list(busy))
            for pipe in ready:
                seed, process = busy[pipe]
                run = _receive(pipe, seed, process, listeners)
                if run is None:
                    continue
                yield run
                if waiting:
                    busy[pipe] = (waiting[0][0], process)
                    _hand(pipe, waiting)
                else:
                    pipe.close()
                    process.join()
                    del busy[pipe]
    finally:
        for _, process in busy.values():
            process.terminate()
        for _, process in busy.values():
            process.join()


def _hand(
    pipe: Any,  # noqa: ANN401 - a Connection, whose type differs by system
    waiting: deque[tuple[int, Path]],
) -> None:
    """Send the next seed to a process; `_receive` says so if it is dead."""
    with suppress(BrokenPipeError, ConnectionResetError):
        pipe.send(waiting.popleft())


def _receive(
    pipe: Any,  # noqa: ANN401 - a Connection, whose type differs by system
    seed: int,
    process: BareProcess,
    listeners: tuple[Progress | None, Notify | None],
) -> Run | None:
    """Take one message of a process: a finished run, or None for progress and notices."""
    progress, notify = listeners
    try:
        message = pipe.recv()
    except (EOFError, ConnectionResetError) as error:
        process.join()
        is_killed = process.exitcode is not None and process.exitcode < 0  # by a signal
        fix = "more memory, or fewer seeds at a time" if is_killed else "see its own error above"
        raise TrainingError(
            f"seed {seed}: expected a finished run, got a process that ended with "
            f"{process.exitcode}. Fix: {fix}; the same command goes on"
        ) from error
    if isinstance(message, Exception):
        raise message
    if isinstance(message, tuple):
        if progress:
            progress(*message)
        return None
    if isinstance(message, str):
        if notify:
            notify(message)
        return None
    run: Run = message
    return run


def _work(
    pipe: Connection, plan: Plan, references: PlanReferences, threads: int, device: str
) -> None:
    """Train what comes through the pipe until it closes; the body of a process."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # leaves no temporary folder behind
    torch.set_num_threads(threads)
    last = 0.0

    def report(done: int, total: int, text: str) -> None:
        nonlocal last
        if time.monotonic() - last > PROGRESS_SECONDS or done == total:
            last = time.monotonic()
            pipe.send((done, total, text))  # breaks when the parent is gone, and ends the work

    with suppress(EOFError, BrokenPipeError, ConnectionResetError):
        while True:
            seed, folder = pipe.recv()
            try:
                run = run_seed(
                    plan,
                    seed,
                    folder,
                    references=references,
                    progress=report,
                    notify=pipe.send,
                    device=device,
                )
            except (AmnError, OSError) as error:
                pipe.send(error)
                return
            pipe.send(run)
