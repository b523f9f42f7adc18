"""Engines: where one function is called on many items, with the same results wherever it is."""

from amn.engines.engine import Engine, Tell, silent
from amn.engines.local import LocalEngine

__all__ = ["Engine", "LocalEngine", "Tell", "silent"]
