"""What amn raises.

```
AmnError
├─ ArgumentError (ValueError)            the caller passed a bad value
├─ ConfigError                           case.toml is wrong; .problems lists everything
├─ FileError                             a file cannot be used; .path
│  ├─ DataError                          it is not what it claims to be
│  ├─ GoldenError                        a golden is missing, damaged or not comparable
│  └─ CheckpointError                    it does not compute what it computed when saved
├─ EncodingError                        an encoder failed on a text; the message names it
├─ BuildError                           a build of a data set stopped; what is finished is kept
├─ TrainingError                         training met a number it cannot go on with
├─ WorkerError                           a worker process ended before its work did
├─ StoreError                            a store cannot be read: network, credentials
├─ RepositoryError                       git cannot tell what the change is compared with
├─ CheckNotRunError                      a declared check could not run: never a pass
└─ MissingDependencyError (ImportError)  an optional package; names the extra
```

A message reads `where: expected X, got Y. Fix: command`.
"""

from __future__ import annotations

import re
from contextlib import contextmanager, suppress
from importlib import import_module
from importlib.metadata import PackageNotFoundError, requires
from importlib.util import find_spec
from shlex import quote
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path
    from types import ModuleType
    from typing import Self

DISTRIBUTION = "amn-gate"  # what pip calls it
LIKE = 0.65  # of names, by difflib's ratio: `x.zip` is not `good.zip` for its suffix


class AmnError(Exception):
    """Base of everything amn raises on purpose."""


class ArgumentError(AmnError, ValueError):
    """The caller passed a value that the function cannot use."""


class ConfigError(AmnError):
    """A file that people write is wrong. `problems` has every problem, a line each."""

    def __init__(self, path: Path, problems: Sequence[str]) -> None:
        self.path = path
        self.problems = tuple(problems)
        lines = "".join(f"\n  - {problem}" for problem in self.problems)
        only = self.problems[0] if len(self.problems) == 1 else f"{len(self.problems)} problems"
        super().__init__(f"{path}: {only}{'' if len(self.problems) == 1 else lines}")

    def __reduce__(self) -> tuple[type[ConfigError], tuple[Path, tuple[str, ...]]]:
        return type(self), (self.path, self.problems)


class FileError(AmnError):
    """A file cannot be used. `path` is that file."""

    def __init__(self, path: Path, message: str) -> None:
        self.path = path
        self.message = message
        super().__init__(f"{path}: {message}")

    def __reduce__(self) -> tuple[type[Self], tuple[Path, str]]:
        return type(self), (self.path, self.message)  # it comes back from worker processes


LONGEST = 60  # characters of a value in a message


def nearest(given: str, known: Iterable[str]) -> str:
    """Return the name that is most like another one, whatever their case; empty where none is."""
    import difflib  # noqa: PLC0415 - of a slip alone

    names = {name.lower(): name for name in known}
    found = difflib.get_close_matches(given.lower(), names, n=1, cutoff=LIKE)
    return names[found[0]] if found else ""


def shown(value: object) -> str:
    """Return a value as a message shows it, of a long one the beginning."""
    text = repr(value)
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}…"


def in_words(error: Exception) -> str:
    """Return what another library raised, in one line without what it was given to read."""
    return f"{type(error).__name__}: {' '.join(str(error).split())}"


@contextmanager
def mended_by(fix: str) -> Iterator[None]:
    """Give errors about files that are raised in the block this way out, where they name none."""
    try:
        yield
    except FileError as error:
        if "Fix: " in error.message:
            raise
        raise type(error)(error.path, f"{error.message}. Fix: {fix}") from error


class DataError(FileError):
    """A file is not what it claims to be."""


class EncodingError(AmnError):
    """An encoder failed, or made no vector of a text; the message names the text."""


class BuildError(AmnError):
    """A build of a data set stopped; what is finished is kept, the message says how to go on."""


class GoldenError(FileError):
    """A golden is missing, damaged, or cannot be compared."""


class CheckpointError(FileError):
    """A checkpoint does not compute what it computed when it was saved."""


class TrainingError(AmnError):
    """Training met a number that it cannot go on with; the message names epoch and batch."""


class WorkerError(AmnError):
    """A worker process ended before its work did; the message names the work."""


class StoreError(AmnError):
    """A store cannot be read: what it keeps may be sound, and nobody has looked."""


class RepositoryError(AmnError):
    """git cannot tell what a change is to be compared with."""


class CheckNotRunError(AmnError):
    """A declared check has no implementation, was skipped, or returned nothing."""


class DoesNotApplyError(AmnError):
    """A defect cannot be brought into this case; the message says what it would take."""


class MissingDependencyError(AmnError, ImportError):
    """An optional package is not installed; the message names the extra that brings it."""


def require(module: str, *, extra: str) -> ModuleType:
    """Import an optional dependency, or say which extra brings it."""
    try:
        return import_module(module)
    except ModuleNotFoundError as error:
        if not f"{module}.".startswith(f"{error.name}."):  # installed but broken: it says more
            raise
        raise missing(module, extra) from error


# Extras by the packages that are asked for before the work that ends in them.
EXTRAS = {"torch": "train", "faiss": "index", "mwparserfromhell": "corpus", "jinja2": "report"}


def expect(package: str) -> None:
    """Raise MissingDependencyError unless a package of `EXTRAS` is installed; nothing is loaded."""
    if find_spec(package) is None:
        raise missing(package, EXTRAS[package])


def missing(module: str, extra: str) -> MissingDependencyError:
    """Return what says which extra brings a module that is not installed."""
    brings = f"the extra {extra} of {DISTRIBUTION} brings it. Fix: {bring(extra)}"
    return MissingDependencyError(f"{module}: not installed; {brings}")


def bring(extra: str) -> str:
    """Return the command that installs what an extra lists, wherever amn itself came from."""
    with suppress(PackageNotFoundError):
        lines = (line.partition(";") for line in requires(DISTRIBUTION) or ())
        wanted = [
            one.strip() for one, _, marker in lines if extra in re.findall(r"\w+", marker)[1:]
        ]
        return f"pip install {' '.join(map(quote, wanted))}"
    return f"pip install '{DISTRIBUTION}[{extra}]'"
