"""The engine of one machine: processes for text, this process and its device for vectors."""

from __future__ import annotations

from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from typing import TYPE_CHECKING

from amn.errors import BuildError
from amn.processes import BARE

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from amn.corpus.engines.engine import Pages
    from amn.corpus.tasks import ChunkPages, EncodeRows

AHEAD = 2  # parts a worker has waiting: enough to keep it busy, few enough for flat memory


@dataclass(frozen=True)
class LocalEngine:
    """Runs tasks on this machine.

    Attributes:
        workers: Processes of the text stage; with 1 it runs in this process. Vectors are made in
            this process: the encoder's own threads use every core.
    """

    workers: int = 1

    def chunk(self, task: ChunkPages, parts: Iterable[Pages]) -> Iterator[int]:
        """Yield the pages of each part when it is finished."""
        # A semantic chunker encodes: one encoder with every core, rather than one a process.
        if self.workers == 1 or task.config.chunking.style == "semantic":
            for number, items in parts:
                yield task(number, items)
            return
        pool = ProcessPoolExecutor(self.workers, BARE)
        try:
            yield from self._in_pool(pool, task, parts)
        except BrokenProcessPool as error:
            raise BuildError(
                "text stage: expected every worker process to live, got one that was killed (out of"
                " memory?). Fix: run it again, it goes on; --workers 1 uses less memory"
            ) from error
        finally:
            pool.shutdown(cancel_futures=True)

    def _in_pool(
        self, pool: ProcessPoolExecutor, task: ChunkPages, parts: Iterable[Pages]
    ) -> Iterator[int]:
        running: set[Future[int]] = set()
        for number, items in parts:
            if len(running) >= self.workers * AHEAD:
                done, running = wait(running, return_when=FIRST_COMPLETED)
                yield from (future.result() for future in done)
            running.add(pool.submit(task, number, items))
        yield from (future.result() for future in running)

    def encode(self, task: EncodeRows, parts: Sequence[int]) -> Iterator[int]:
        """Yield the rows of each part when it is finished."""
        for number in parts:
            yield task(number)
