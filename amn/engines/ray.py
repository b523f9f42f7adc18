"""The engine of a cluster: calls as Ray tasks.

Workers read and write the files that they are given: those are on storage that every node sees, at
the same paths. A worker that dies is replaced, and what it was doing is done again.
"""

from __future__ import annotations

import logging
from contextlib import chdir, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from amn.engines.engine import Item, Result, Tell, silent
from amn.errors import AmnError, ArgumentError, WorkerError, require

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from types import ModuleType

AHEAD = 2  # calls a CPU has waiting
RETRIES = 3  # of a call whose worker died
POLL_SECONDS = 0.2  # between two looks at what calls tell


@dataclass(frozen=True)
class RayEngine:
    """Calls on the cluster that this process is connected to.

    Attributes:
        most: Calls at a time; None: as many as there are CPUs for.
    """

    most: int | None = None

    def map(
        self,
        function: Callable[[Item, Tell], Result],
        items: Iterable[Item],
        *,
        cores: int = 1,
        tell: Tell = silent,
    ) -> Iterator[Result]:
        """Yield what the function returns, in the order in which the calls end; see `Engine`."""
        ray = require_ray()
        cpus = [int(node["Resources"].get("CPU", 0)) for node in ray.nodes() if node["Alive"]]
        cores = min(cores, max(cpus))
        most = self.most or AHEAD * (sum(cpus) // cores)
        call = ray.remote(num_cpus=cores, max_retries=RETRIES)(_call)
        shared = ray.put(function)
        queue = require("ray.util.queue", extra="ray").Queue(actor_options={"num_cpus": 0})
        running: list[Any] = []

        def ended() -> Iterator[Result]:
            nonlocal running
            done, running = ray.wait(running, timeout=POLL_SECONDS)
            for message in queue.get_nowait_batch(queue.qsize()):
                tell(message)
            yield from ray.get(done)

        try:
            with _causes(ray):
                for item in items:
                    while len(running) >= most:
                        yield from ended()
                    running.append(call.remote(shared, item, queue, Path.cwd()))
                while running:
                    yield from ended()
        finally:
            for reference in running:
                ray.cancel(reference, force=True)
            queue.shutdown(force=True)


def _call(
    function: Callable[[Item, Tell], Result],
    item: Item,
    queue: Any,  # noqa: ANN401 - Ray has no types
    folder: Path,
) -> Result:
    """Call the function where relative paths mean what they mean to whoever asked for it."""
    with chdir(folder):
        return function(item, queue.put)


@contextmanager
def ray_cluster(address: str | None = None, *, cpus: int | None = None) -> Iterator[None]:
    """Connect to a cluster, or start one on this machine; leave one that was there as it was.

    Args:
        address: Of a running cluster, such as `auto` or `ray://head:10001`; None starts one here.
        cpus: Of the cluster that is started; None takes all of this machine.
    """
    ray = require_ray()
    if ray.is_initialized():
        yield
        return
    options: dict[str, Any] = {"log_to_driver": False, "logging_level": logging.WARNING}
    if address is None:
        options |= {"address": "local", "num_cpus": cpus, "include_dashboard": False}
    else:
        options["address"] = address
    try:
        ray.init(**options)
    except ConnectionError as error:
        raise ArgumentError(
            f"ray: expected a cluster at {address}, got none ({error}). Fix: ray start --head, or"
            " leave --address out"
        ) from error
    try:
        yield
    finally:
        ray.shutdown()


@contextmanager
def _causes(ray: ModuleType) -> Iterator[None]:
    """Raise what a call raised, not Ray's account of it."""
    try:
        yield
    except ray.exceptions.RayTaskError as error:
        cause: object = error.cause
        if isinstance(cause, (AmnError, OSError)):
            raise cause from None
        raise
    except ray.exceptions.RayError as error:
        first = str(error).strip().splitlines()[0]
        raise WorkerError(
            f"ray: expected every worker to live, got: {first}. Fix: more memory, or fewer at a "
            "time; the same command goes on"
        ) from error


def require_ray() -> ModuleType:
    """Return Ray, or say which extra brings it."""
    return require("ray", extra="ray")
