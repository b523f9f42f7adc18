"""The engine of a cluster: Ray tasks for text, Ray Data with encoder actors for vectors.

Workers read and write the staging folder themselves: it is on storage that every node sees. A
worker that dies is replaced, and what it was doing is done again.
"""

from __future__ import annotations

import errno
import logging
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from amn.errors import AmnError, BuildError, EncodingError, require

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from types import ModuleType

    from amn.corpus.engines.engine import Pages
    from amn.corpus.tasks import ChunkPages, EncodeRows

AHEAD = 2  # parts a CPU has waiting


@dataclass(frozen=True)
class RayEngine:
    """Runs tasks on the cluster that this process is connected to.

    Attributes:
        workers: Encoder actors; None: one a GPU, or one for every four CPUs.
    """

    workers: int | None = None

    def chunk(self, task: ChunkPages, parts: Iterable[Pages]) -> Iterator[int]:
        """Yield the pages of each part when it is finished."""
        ray = _ray()
        run = ray.remote(max_retries=-1)(_chunk)
        shared = ray.put(task)
        most = AHEAD * max(1, int(ray.cluster_resources().get("CPU", 1)))
        running: list[Any] = []
        with _causes(ray):
            for number, items in parts:
                if len(running) >= most:
                    done, running = ray.wait(running)
                    yield from ray.get(done)
                running.append(run.remote(shared, number, list(items)))
            while running:
                done, running = ray.wait(running)
                yield from ray.get(done)

    def encode(self, task: EncodeRows, parts: Sequence[int]) -> Iterator[int]:
        """Yield the rows of each part when it is finished."""
        if not parts:
            return
        ray = _ray()
        data = require("ray.data", extra="ray")
        data.DataContext.get_current().enable_progress_bars = False
        logging.getLogger("ray.data").setLevel(logging.WARNING)
        resources = ray.cluster_resources()
        n_cpus, n_gpus = int(resources.get("CPU", 1)), int(resources.get("GPU", 0))
        actors = self.workers or n_gpus or max(1, n_cpus // 4)
        actors = min(actors, len(parts))
        each = {"num_gpus": n_gpus / actors} if n_gpus else {"num_cpus": max(1, n_cpus // actors)}
        numbers = data.from_items([{"part": n} for n in parts], override_num_blocks=len(parts))
        encoded = numbers.map_batches(
            _EncoderActor,
            fn_constructor_args=(task,),
            batch_size=1,
            batch_format="numpy",
            compute=data.ActorPoolStrategy(size=actors),
            **each,
        )
        for row in encoded.iter_rows():
            if row["error"]:
                raise (
                    OSError(int(row["errno"]), str(row["error"]))
                    if row["errno"]
                    else EncodingError(str(row["error"]))
                )
            yield int(row["rows"])


def _chunk(task: ChunkPages, number: int, items: list[Any]) -> int:
    return task(number, items)


class _EncoderActor:
    """Holds one encoder and encodes the parts that it is given."""

    def __init__(self, task: EncodeRows) -> None:
        self._task = task

    def __call__(self, batch: dict[str, Any]) -> dict[str, Any]:
        """Return how many rows the part has, or why it failed: Ray Data keeps no exception."""
        (number,) = batch["part"]
        try:
            return {"rows": [self._task(int(number))], "error": [""], "errno": [0]}
        except AmnError as error:
            return {"rows": [0], "error": [str(error)], "errno": [0]}
        except OSError as error:  # a full disk, which `build_dataset` knows
            return {"rows": [0], "error": [str(error)], "errno": [error.errno or errno.EIO]}


@contextmanager
def ray_cluster(address: str | None = None, *, cpus: int | None = None) -> Iterator[None]:
    """Connect to a cluster, or start one on this machine; leave one that was there as it was.

    Args:
        address: Of a running cluster, such as `auto` or `ray://head:10001`; None starts one here.
        cpus: Of the cluster that is started; None takes all of this machine.
    """
    ray = _ray()
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
        raise BuildError(
            f"ray: expected a cluster at {address}, got none ({error}). Fix: ray start --head, or"
            " leave --address out"
        ) from error
    try:
        yield
    finally:
        ray.shutdown()


@contextmanager
def _causes(ray: ModuleType) -> Iterator[None]:
    """Raise what a task raised, not Ray's account of it."""
    try:
        yield
    except ray.exceptions.RayTaskError as error:
        cause: object = error.cause
        if isinstance(cause, (AmnError, OSError)):
            raise cause from None
        raise


def _ray() -> ModuleType:
    return require("ray", extra="ray")
