"""The verdict. The room itself gates: `amn.gate("wiki-mini")` is `amn.api.gate("wiki-mini")`."""

import sys
from importlib import import_module
from types import ModuleType


class Room(ModuleType):
    """A package that can be called."""

    def __call__(self, *args: object, **options: object) -> object:
        """Gate a case: see `amn.api.gate`."""
        return import_module("amn.api").gate(*args, **options)


sys.modules[__name__].__class__ = Room
