"""The engine of one machine: calls in this process, or in processes beside it."""

from __future__ import annotations

import signal
import sys
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from itertools import islice
from multiprocessing import connection, resource_tracker
from typing import TYPE_CHECKING, Any

from amn.engines.bare import BARE
from amn.engines.engine import Item, Result, Tell, silent
from amn.errors import AmnError, WorkerError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from amn.engines.bare import BareProcess

NOTHING: Any = object()  # no item is left
TOLD, FAILED, DONE = range(3)  # what a process sends beside a value


@dataclass(frozen=True)
class LocalEngine:
    """Calls on this machine.

    Attributes:
        cores: Shared by the calls of a time; where there is room for one, it is made in this
            process.
    """

    cores: int = 1

    def map(
        self,
        function: Callable[[Item, Tell], Result],
        items: Iterable[Item],
        *,
        cores: int = 1,
        tell: Tell = silent,
    ) -> Iterator[Result]:
        """Yield what the function returns, in the order in which the calls end; see `Engine`."""
        workers = self.cores // cores
        if workers > 1:
            yield from _side_by_side(function, iter(items), workers, tell)
        else:
            for item in items:
                yield function(item, tell)


def _side_by_side(
    function: Callable[[Item, Tell], Result], items: Iterator[Item], workers: int, tell: Tell
) -> Iterator[Result]:
    """Hand items to processes as they become free."""
    busy: dict[Any, tuple[Item, BareProcess]] = {}
    try:
        for item in islice(items, workers):
            ours, theirs = BARE.Pipe()
            process = BARE.Process(target=_work, args=(theirs, function, item), daemon=True)
            with _interrupt_held():
                process.start()
            theirs.close()
            busy[ours] = item, process
        ahead = next(items, NOTHING)
        while busy:
            ready: list[Any] = connection.wait(list(busy))
            for pipe in ready:
                item, process = busy[pipe]
                kind, value = _receive(pipe, item, process)
                if kind == TOLD:
                    tell(value)
                    continue
                if ahead is NOTHING:
                    pipe.close()
                    process.join()
                    del busy[pipe]
                else:
                    busy[pipe] = ahead, process
                    _hand(pipe, ahead)
                    ahead = next(items, NOTHING)
                yield value
    finally:
        for _, process in busy.values():
            process.terminate()
        for _, process in busy.values():
            process.join()


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


def _hand(
    pipe: Any,  # noqa: ANN401 - a Connection, whose type differs by system
    item: object,
) -> None:
    """Send an item to a process; `_receive` says so if it is dead."""
    with suppress(BrokenPipeError, ConnectionResetError):
        pipe.send(item)


def _receive(
    pipe: Any,  # noqa: ANN401 - as above
    item: object,
    process: BareProcess,
) -> tuple[int, Any]:
    """Take one message of a process, its kind and a value; raise what it failed with."""
    try:
        kind, value = pipe.recv()
    except (EOFError, ConnectionResetError) as error:
        process.join()
        is_killed = process.exitcode is not None and process.exitcode < 0  # by a signal
        fix = "more memory, or fewer at a time" if is_killed else "see its own error above"
        raise WorkerError(
            f"{item}: expected a result, got a process that ended with {process.exitcode}. "
            f"Fix: {fix}; the same command goes on"
        ) from error
    if kind == FAILED:
        raise value
    return kind, value


def _work(
    pipe: Any,  # noqa: ANN401 - as above
    function: Callable[[Item, Tell], object],
    item: Item,
) -> None:
    """Call the function, and again on what the pipe brings until it closes; a process's body."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # leaves no temporary folder behind
    with suppress(EOFError, BrokenPipeError, ConnectionResetError):  # the parent is gone
        while True:
            try:
                result = function(item, lambda message: pipe.send((TOLD, message)))
            except (AmnError, OSError) as error:
                pipe.send((FAILED, error))
                return
            pipe.send((DONE, result))
            item = pipe.recv()
