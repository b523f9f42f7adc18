"""Ready workflows: a template a CI system, with the branch and the package filled in."""

from __future__ import annotations

import re
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Literal, get_args

from amn.errors import ArgumentError
from amn.system import __version__

System = Literal["github", "gitlab", "jenkins"]
SYSTEMS: tuple[System, ...] = get_args(System)
PACKAGE = f"amn=={__version__}"
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


def render_workflow(system: System, *, branch: str, package: str = PACKAGE) -> str:
    """Return the workflow of a CI system.

    Args:
        branch: What changes are merged into.
        package: What pip installs: `amn==1.2`, `amn @ git+https://host/amn@v1`.

    Raises:
        ArgumentError: If one of them holds what YAML, Groovy or a shell would read otherwise.
    """
    for name, value in (("branch", branch), ("package", package)):
        if not PLAIN.fullmatch(value):
            raise ArgumentError(
                f"--{name}: expected letters, digits and @=<>!~.,/:+[]-, got {value!r}"
            )
    text = (
        files("amn.cli.workflows").joinpath("templates", PLACES[system].template).read_text("utf-8")
    )
    return text.replace("@BRANCH@", branch).replace("@AMN@", package)
