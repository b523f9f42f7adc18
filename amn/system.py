"""This machine: its cores, what is installed, whether a CI system runs it; names on disk."""

from __future__ import annotations

import os
import sys
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import lru_cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from concurrent.futures import Future

    from threadpoolctl import ThreadpoolController

Item = TypeVar("Item")
Made = TypeVar("Made")

__version__ = "0.2.0"

# Each is set by a CI system to every job; the first two by most of them.
CI_SIGNS = (
    "CI",
    "CONTINUOUS_INTEGRATION",
    "APPVEYOR",
    "BITBUCKET_BUILD_NUMBER",
    "BITRISE_IO",
    "BUDDY",
    "BUILDKITE",
    "CIRCLECI",
    "CIRRUS_CI",
    "CODEBUILD_BUILD_ID",  # AWS
    "DRONE",
    "GITEA_ACTIONS",
    "GITHUB_ACTIONS",
    "GITLAB_CI",
    "GO_PIPELINE_LABEL",  # GoCD
    "HARNESS_BUILD_ID",
    "HUDSON_URL",
    "JENKINS_URL",
    "PROW_JOB_ID",
    "SCREWDRIVER",
    "SEMAPHORE",
    "TEAMCITY_VERSION",
    "TF_BUILD",  # Azure
    "TRAVIS",
    "VELA",
    "WOODPECKER",
    "bamboo_buildKey",
)
NOT_SET = ("", "0", "false")


def ci_sign(environ: Mapping[str, str]) -> str:
    """Return the variable by which a CI system shows that it runs this; empty where none does."""
    said = (name for name in CI_SIGNS if environ.get(name, "").strip().lower() not in NOT_SET)
    return next(said, "")


def available_cores() -> int:
    """Return the number of cores that this process may use; all of them where nobody can tell."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


@contextmanager
def one_thread() -> Iterator[None]:
    """Multiply matrices with one thread, so that a result has the same digits on any machine.

    Threads of a small product wait for each other by spinning: on a quiet machine they gain little,
    on a busy one, or in a container with fewer cores than its machine, it is most of their time.
    """
    with _libraries(len(sys.modules)).limit(limits=1, user_api="blas"):
        yield


@lru_cache(maxsize=1)
def _libraries(n_modules: int) -> ThreadpoolController:
    """Return the libraries that multiply, looked for anew when another module was imported."""
    from threadpoolctl import ThreadpoolController  # noqa: PLC0415 - few commands multiply

    del n_modules
    return ThreadpoolController()


def in_threads(function: Callable[[Item], Made], items: Iterable[Item]) -> Iterator[Made]:
    """Yield what a function makes of each item, in order, on every core.

    Each call multiplies matrices with one thread.

    Args:
        items: Taken a few ahead of what is yielded, by the thread that iterates.
    """
    cores = available_cores()
    waiting: deque[Future[Made]] = deque()
    with one_thread(), ThreadPoolExecutor(cores) as pool:
        for item in items:
            waiting.append(pool.submit(function, item))
            if len(waiting) > cores:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()


def installed(package: str) -> str | None:
    """Return the version of a package, None when it is not installed."""
    try:
        return version(package)
    except PackageNotFoundError:
        return None


CASE_FILE = "case.toml"
GOLDEN_FOLDER = Path("golden")  # golden/<case>/case.toml
# What git is told about golden/: it may convert no ends of lines there.
ATTRIBUTES_FILE, ATTRIBUTES = GOLDEN_FOLDER / ".gitattributes", "* -text\n"
CACHE_FOLDER = Path(".amn") / "runs"  # finished runs, by content
DATA_CACHE = CACHE_FOLDER.with_name("data")  # data sets of stores, by content
DATA_CACHE_VARIABLE = "AMN_DATA"  # in its place: a folder for several checkouts
CONFTEST = "conftest.py"


def data_cache(case: Path) -> Path:
    """Return the folder that keeps what stores have: beside golden/, or where AMN_DATA says.

    Args:
        case: Folder of a case; one that is not in golden/ keeps it where the command runs.
    """
    if said := os.environ.get(DATA_CACHE_VARIABLE):
        return Path(said)
    above = case.absolute().parent
    return above.parent / DATA_CACHE if above.name == GOLDEN_FOLDER.name else DATA_CACHE
