"""Ready workflows: a template a CI system, with the branch and the package filled in."""

from __future__ import annotations

import json
import re
from contextlib import suppress
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, distribution
from importlib.resources import files
from pathlib import Path
from typing import Literal, get_args

from amn.errors import DISTRIBUTION, ArgumentError

System = Literal["github", "gitlab", "jenkins"]
SYSTEMS: tuple[System, ...] = get_args(System)
EXAMPLE = "git+https://example.org/amn@v1"
REACHED = ("git+", "https://", "http://")  # what a machine of a CI system can fetch
PLAIN = re.compile(
    r"[\w@./][\w@=<>!~.,/:+ \[\]-]*", re.ASCII
)  # what needs no quoting in YAML, Groovy or bash


@dataclass(frozen=True, slots=True)
class Place:
    """Where a CI system reads its workflow, and what a person still has to do there.

    Attributes:
        file: Where the workflow goes, relative to the root of the repository.
        template: Name of its template.
        required: What makes a failure block a merge.
    """

    file: Path
    template: str
    required: str


PLACES: dict[System, Place] = {
    "github": Place(
        Path(".github/workflows/amn.yml"),
        "github.yml",
        'in Settings, Rules, require the status check "amn-verdict" on the branch',
    ),
    "gitlab": Place(
        Path(".gitlab-ci.yml"),
        "gitlab.yml",
        'in Settings, Merge requests, switch on "Pipelines must succeed"',
    ),
    "jenkins": Place(
        Path("Jenkinsfile"),
        "Jenkinsfile",
        "build it as a multibranch pipeline, and require its status before a merge",
    ),
}


def installed_from() -> str:
    """Return where the running amn was installed from, as a machine of a CI system can have it.

    A commit of a git repository, or a file on a server (PEP 610); empty where it came from a folder
    or a file of this machine, or nobody knows.
    """
    with suppress(PackageNotFoundError):
        origin = json.loads(distribution(DISTRIBUTION).read_text("direct_url.json") or "{}")
        url, vcs = str(origin.get("url", "")), origin.get("vcs_info")
        if vcs:
            url = f"{vcs['vcs']}+{url}@{vcs['commit_id']}"
        return url if url.startswith(REACHED) else ""
    return ""


def requirement(source: str) -> str:
    """Return what pip installs with every extra that a gate needs, from a source.

    Args:
        source: A URL, a wheel, a folder, or a requirement as it is.
    """
    if source.startswith(REACHED):
        return f"{DISTRIBUTION}[all] @ {source}"
    if "[" in source or "@" in source:
        return source
    name, pinned, version = source.partition("==")
    return f"{name}[all]{pinned}{version}"


# How a workflow goes to the project's folder, where that is not the root of the repository.
GO = {
    "github": ("@DEFAULTS@", "defaults:\n  run:\n    working-directory: {}\n"),
    "gitlab": ("@CD@", "  before_script:\n    - mkdir -p {0} && cd {0}\n"),
    "jenkins": ("@CD@", "cd {}\n          "),
}


def render_workflow(system: System, *, branch: str, source: str, at: str = "") -> str:
    """Return the workflow of a CI system.

    Args:
        branch: What changes are merged into.
        at: Folder of the project in its repository, relative; empty where it is the root.
        source: What pip installs amn from: `git+https://host/amn@COMMIT`, a wheel, a folder.

    Raises:
        ArgumentError: If one of them holds what YAML, Groovy or a shell would read otherwise.
    """
    if not source:
        fix = "--install 'git+https://HOST/amn@COMMIT', or a wheel or folder of the repository"
        raise ArgumentError(
            "--install: expected a source that a machine of the CI system can reach, got an amn "
            f"that was installed from here. Fix: amn ci init {system} {fix}"
        )
    for name, value in (("branch", branch), ("install", source), ("folder", at or ".")):
        if not PLAIN.fullmatch(value):
            raise ArgumentError(
                f"--{name}: expected letters, digits and @=<>!~.,/:+[]-, got {value!r}"
            )
    text = (
        files("amn.cli.workflows").joinpath("templates", PLACES[system].template).read_text("utf-8")
    )
    whole = requirement(source)
    core = whole.replace("[all]", "", 1)  # judges what others have written
    mark, go = GO[system]
    text = text.replace(mark, go.format(at) if at else "").replace("@AT@", at and f"{at}/")
    return text.replace("@BRANCH@", branch).replace("@AMN@", whole).replace("@CORE@", core)
