"""This machine: its cores, what is installed, whether a CI system runs it; names on disk."""

from __future__ import annotations

import os
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

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


CONFTEST = "conftest.py"
