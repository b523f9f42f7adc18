"""Options that several commands have, each written once."""

from __future__ import annotations

import os
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from amn.case.load import project
from amn.cli.slips import kind_of, nearest_path, road, typed
from amn.data.manifest import MANIFEST_FILE
from amn.errors import ArgumentError
from amn.system import CACHE_FOLDER

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from amn.engines import Engine


MOST_CHARACTERS = 2000  # of a line that somebody gives


def one_line(_: click.Context, __: click.Parameter, value: str | None) -> str | None:
    """Return a text that every terminal shows as it is: no line breaks, no escape sequences."""
    if value is None:
        return None
    text = value.strip()
    if not text:  # `--target "$BRANCH"` where nothing set BRANCH
        raise click.BadParameter("expected a line of text, got none")
    if odd := next((character for character in text if not character.isprintable()), ""):
        at = text.index(odd) + 1
        raise click.BadParameter(f"expected a line of text, got {odd!r} at character {at}")
    if len(text) > MOST_CHARACTERS:
        raise click.BadParameter(f"expected at most {MOST_CHARACTERS} characters, got {len(text)}")
    return text


class PathName(click.Path):
    """A path; an empty text is none, where `pathlib` takes it for the current folder."""

    def __init__(self, *, file_okay: bool = True, dir_okay: bool = True) -> None:
        super().__init__(file_okay=file_okay, dir_okay=dir_okay, path_type=Path)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:  # noqa: ANN401 - click's signature
        """Return the path."""
        if value == "":
            self.fail("expected a path, got an empty text", param, ctx)
        return super().convert(value, param, ctx)


class Existing(PathName):
    """A path to something that is there: another one is a slip, and exit 2 in every command.

    Args:
        what: Is expected there.
        fix: What makes it, or lists it.
        is_folder: Whether a file is none of it.
        is_data: Whether it is a data set.
    """

    def __init__(
        self,
        what: str,
        fix: str,
        *,
        is_folder: bool = False,
        dir_okay: bool = True,
        is_data: bool = False,
    ) -> None:
        super().__init__(dir_okay=dir_okay)
        self._what, self._fix, self._is_folder = what, fix, is_folder
        self._is_data = is_data

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:  # noqa: ANN401 - click's signature
        """Return the path."""
        path: Path = super().convert(value, param, ctx)
        got, fix = "", self._fix
        if not os.path.lexists(path):  # a link that leads nowhere is for its reader to name
            got, fix = "none", typed(str(value), nearest_path(path)) or fix
        elif (kind := kind_of(path)) and not (self._is_data and (path / MANIFEST_FILE).is_file()):
            got, fix = kind, road(path, str(value), wants_data=self._is_data)
        elif self._is_folder and path.is_file():
            got = "a file"
        if got:
            self.fail(f"expected {self._what} at {path}, got {got}. Fix: {fix}", param, ctx)
        return path


DATASET = Existing(
    "the folder of a data set", "amn data import SOURCE FOLDER", is_folder=True, is_data=True
)
CHECKPOINT = Existing("a checkpoint", "amn train CASE")
RECORD = Existing("a record or a folder of records", "amn train CASE --out FOLDER")
CACHE = click.option(
    "--cache",
    type=PathName(file_okay=False),
    default=lambda: project() / CACHE_FOLDER,
    help=f"Finished runs, by content.  [default: {CACHE_FOLDER.as_posix()}]",
)
FORMAT = click.option(
    "--format", "style", type=click.Choice(["text", "json"]), default="text", show_default=True
)


def engine_options(function: Callable[..., None]) -> Callable[..., None]:
    """Add `engine` and `address` to a command."""
    for option in (
        click.option("--address", help="Of a Ray cluster, such as auto.  [default: start one]"),
        click.option(
            "--engine",
            type=click.Choice(["local", "ray"]),
            default="local",
            show_default=True,
            help="Where the work is done; the result is the same.",
        ),
    ):
        function = option(function)
    return function


@contextmanager
def open_engine(
    name: str, address: str | None, *, most: int | None = None
) -> Iterator[Engine | None]:
    """Yield the engine of a cluster, connected to it; None for this machine.

    Args:
        most: Calls at a time; None: as many as there are CPUs for.

    Raises:
        ArgumentError: If there is an address and no Ray, or no cluster at it.
        MissingDependencyError: If Ray is not installed.
    """
    if name != "ray":
        if address:
            raise ArgumentError(f"--address: expected --engine ray with it, got {name}")
        yield None
        return
    from amn.engines.ray import RayEngine, ray_cluster  # noqa: PLC0415 - loads the engines

    with ray_cluster(address):
        yield RayEngine(most)


def require_files(option: str, files: Sequence[Path]) -> None:
    """Raise ArgumentError unless every file is there."""
    if missing := [file for file in files if not file.is_file()]:
        fix = "write one vector for each window of amn windows CASE -o FILE"
        raise ArgumentError(f"{option}: expected a file at {missing[0]}, found none. Fix: {fix}")
