"""`amn ci init`: a ready workflow."""

from __future__ import annotations

import os
from pathlib import Path
from typing import cast

import click

from amn.cli.options import PathName
from amn.cli.workflows.init import PLACES, SYSTEMS, System, installed_from, render_workflow
from amn.errors import ArgumentError
from amn.git import checkout_of, find_repository
from amn.storage import write_bytes


@click.command("init")
@click.argument("system", type=click.Choice(SYSTEMS))
@click.option("--branch", help="What changes are merged into. Default: origin's, or main.")
@click.option(
    "--install",
    "source",
    metavar="SOURCE",
    help="What pip installs amn from: git+https://HOST/amn@COMMIT, a wheel, a folder. Default: "
    "where this one came from.",
)
@click.option("-o", "--output", type=PathName(), help="Where. Default: where it is read.")
@click.option("--force", is_flag=True, help="Replace a file that is there and differs.")
def command(
    system: str, branch: str | None, source: str | None, output: Path | None, *, force: bool
) -> None:
    """Write a workflow that blocks a merge on every verdict but PASS.

    It goes where the CI system reads it, in the root of the repository, and gates this folder. A
    file that is there is never replaced without --force.

    \b
    Examples:
      amn ci init github
      amn ci init gitlab -o .gitlab/amn.yml      to be included by a .gitlab-ci.yml that is there
      amn ci init jenkins --install git+https://example.org/amn@v1
    """  # noqa: D301 - \b keeps click from wrapping the examples
    place = PLACES[cast("System", system)]
    here = Path.cwd().resolve()
    top = checkout_of(here) or here
    at = here.relative_to(top).as_posix()
    file = output or Path(os.path.relpath(top / place.file))
    branch = _default_branch() if branch is None else branch
    source = installed_from() if source is None else source
    text = render_workflow(
        cast("System", system), branch=branch, source=source, at=at.removeprefix(".")
    )
    old = _old(file)
    if old == text.encode():
        click.echo(f"{file} is as it would be written")
    elif old is not None and not force:
        raise ArgumentError(f"{file}: exists and differs. Fix: {_way_out(system, file)}")
    else:
        write_bytes(file, text.encode())
        click.echo(f"{'replaced' if old is not None else 'wrote'} {file}")
    click.echo(f"next: git add {file} && git commit")
    click.echo(f"      {place.required}")
    click.echo("      amn doctor")


def _default_branch() -> str:
    """Return the branch that the remote names as its default; main without one."""
    repository = find_repository(Path())
    named = repository.default_branch() if repository else None
    return named.removeprefix("origin/") if named else "main"


def _old(file: Path) -> bytes | None:
    """Return what is there, None when nothing is."""
    if file.is_dir():
        raise ArgumentError(f"{file}: expected a file, got a folder")
    try:
        return file.read_bytes()
    except FileNotFoundError:
        return None
    except NotADirectoryError as error:
        raise ArgumentError(f"{file}: expected folders above it, got a file") from error


def _way_out(system: str, file: Path) -> str:
    """Return how to keep both files."""
    if system == "gitlab" and file.name == PLACES["gitlab"].file.name:
        return (
            "amn ci init gitlab -o .gitlab/amn.yml, and in it `include: [local: .gitlab/amn.yml]`; "
            "or --force to replace it"
        )
    return "-o ANOTHER_FILE, or --force to replace it"
