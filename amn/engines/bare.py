"""Processes of amn's own, which import nothing of the program that started them.

A spawned process imports the main module of its parent again. A script that works at its top level,
without `if __name__ == "__main__"`, would then begin its work anew in each of them, and wait there
for locks that its parent holds. What runs in amn's processes is amn's own and needs no such module.
"""

from __future__ import annotations

import sys
from multiprocessing.context import SpawnContext, SpawnProcess
from types import ModuleType


class BareProcess(SpawnProcess):
    """A spawned process without its parent's main module."""

    def start(self) -> None:
        """Start it; what it runs and gets must not be defined in the main module."""
        main = sys.modules["__main__"]
        sys.modules["__main__"] = ModuleType("__main__")  # of no file: there is nothing to import
        try:
            super().start()
        finally:
            sys.modules["__main__"] = main


class BareContext(SpawnContext):
    """What `multiprocessing.get_context("spawn")` is, with `BareProcess`."""

    Process = BareProcess


BARE = BareContext()
