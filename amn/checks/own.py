"""Checks and metrics of others: in a conftest.py beside the cases, or of an installed package."""

from __future__ import annotations

import ast
import os
import sys
from hashlib import sha256
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any, Protocol

from amn.errors import ConfigError
from amn.storage import read_whole
from amn.system import CONFTEST, GOLDEN_FOLDER

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator


class Declared(Protocol):
    """A check or a metric: a function that was declared where it stands."""

    @property
    def function(self) -> Callable[..., Any]:
        """What was declared."""


def load_conftests(folders: Iterable[Path]) -> None:
    """Import the conftest.py files that declare checks and metrics, as pytest does, each once.

    Only a file that imports amn is looked at: what else a conftest.py does is pytest's business.

    Args:
        folders: Of cases.

    Raises:
        ConfigError: If such a file cannot be read or imported; a check that is not there would be
            one that did not look.
    """
    for folder in folders:
        for path in places_of_conftest(folder.resolve()):
            if path.is_file() and not _is_loaded(path) and imports_amn(path):
                _load(path)


def places_of_conftest(case: Path) -> Iterator[Path]:
    """Yield where a case's conftest.py may be, from the project's root down."""
    if case.parent.name == GOLDEN_FOLDER.name:
        yield case.parent.parent / CONFTEST
        yield case.parent / CONFTEST
    yield case / CONFTEST


def _is_loaded(path: Path) -> bool:
    """Tell whether a file was imported, by pytest perhaps, and through a link perhaps."""
    files = [getattr(module, "__file__", None) or "" for module in list(sys.modules.values())]
    return any(Path(file).resolve() == path for file in files if file.endswith(CONFTEST))


def imports_amn(path: Path) -> bool:
    """Tell whether a file imports amn, without running it."""
    try:
        tree = ast.parse(read_whole(path))
    except (OSError, SyntaxError, ValueError) as error:
        raise ConfigError(path, [f"expected Python, got: {error}"]) from error
    names: list[str] = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names.append(node.module or "")
    return any(name.partition(".")[0] == "amn" for name in names)


def _load(path: Path) -> None:
    name = f"amn_conftest_{sha256(str(path).encode()).hexdigest()[:16]}"
    module = sys.modules[name] = ModuleType(name)
    module.__file__ = str(path)
    try:
        # What was reviewed is the source: bytecode beside it may be of other code.
        code = compile(read_whole(path), str(path), "exec", dont_inherit=True)
        exec(code, module.__dict__)  # noqa: S102 - as pytest does
    except (Exception, SystemExit) as error:
        del sys.modules[name]
        raise ConfigError(
            path, [f"expected checks that can be imported, got: {type(error).__name__}: {error}"]
        ) from error


def applies(declared: Declared, folder: Path | None) -> bool:
    """Tell whether a check or metric is of a case: what a conftest.py declares holds below it.

    Args:
        folder: Of the case; None where there is none.
    """
    home = declared.function.__code__.co_filename
    if os.path.basename(home) != CONFTEST:  # noqa: PTH119 - asked of every check, a hundred times
        return True
    return folder is not None and folder.resolve().is_relative_to(Path(home).resolve().parent)
