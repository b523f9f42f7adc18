"""Engines: where the tasks of a build run. The same input gives the same output on each."""

from amn.corpus.engines.engine import Engine

__all__ = ["Engine"]
