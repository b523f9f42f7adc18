"""Processes of amn's own: they import nothing of the program that starts them, and see no Ctrl-C.

A spawned process imports the main module of its parent again. A script that works at its top level,
without `if __name__ == "__main__"`, would then begin its work anew in each of them, and wait there
for locks that its parent holds. What runs in amn's processes is amn's own and needs no such module.

Ctrl-C goes to every process of a terminal. The one that the user started ends the others.
"""

from __future__ import annotations

import signal
import sys
from contextlib import contextmanager
from multiprocessing import resource_tracker
from multiprocessing.context import SpawnContext, SpawnProcess
from types import ModuleType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def _interrupt_held() -> Iterator[None]:
    """Hold Ctrl-C back in the block: what is started there never sees one, this process does after.

    Ignoring it instead would lose the one that comes while a process is started.
    """
    if not hasattr(signal, "pthread_sigmask"):  # Windows
        yield
        return
    resource_tracker.ensure_running()  # started in the block, it would end the hold
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


class BareProcess(SpawnProcess):
    """A spawned process without its parent's main module, and without Ctrl-C."""

    def start(self) -> None:
        """Start it; what it runs and gets must not be defined in the main module."""
        main = sys.modules["__main__"]
        sys.modules["__main__"] = ModuleType("__main__")  # of no file: there is nothing to import
        try:
            with _interrupt_held():
                super().start()
        finally:
            sys.modules["__main__"] = main


class BareContext(SpawnContext):
    """What `multiprocessing.get_context("spawn")` is, with `BareProcess`."""

    Process = BareProcess


BARE = BareContext()
