"""What defects are made of; a module is loaded when the first defect that uses it is brought in."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from types import ModuleType

    from amn.checks.broken import candidates as candidates
    from amn.checks.broken import copies as copies
    from amn.checks.broken import copying as copying
    from amn.checks.broken import golden as golden
    from amn.checks.broken import index as index
    from amn.checks.broken import ood as ood
    from amn.checks.broken import records as records
    from amn.checks.broken import rows as rows
else:

    def __getattr__(name: str) -> ModuleType:
        """Load a module of this package. Raises AttributeError where there is none."""
        try:
            return import_module(f"{__name__}.{name}")
        except ModuleNotFoundError as error:
            if error.name != f"{__name__}.{name}":
                raise  # a package that the module needs: its name is what helps
            raise AttributeError(name) from error
