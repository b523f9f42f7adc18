"""How many cores this process may use."""

from __future__ import annotations

import os
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path


def available_cores() -> int:
    """Return the number of cores that this process may use; all of them where nobody can tell."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def installed(package: str) -> str | None:
    """Return the version of a package, None when it is not installed."""
    try:
        return version(package)
    except PackageNotFoundError:
        return None


CASE_FILE = "case.toml"
GOLDEN_FOLDER = Path("golden")  # golden/<case>/case.toml
CACHE_FOLDER = Path(".amn") / "runs"  # finished runs, by content


CONFTEST = "conftest.py"
