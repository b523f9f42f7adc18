"""Finding the cases that a command is about, and what the commands share."""

from __future__ import annotations

import os
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from amn.case.load import Case, case_files, case_folder, case_here, load_case, project
from amn.checks.own import load_conftests
from amn.cli.slips import kind_of, nearest_path, road, typed
from amn.errors import ConfigError, nearest
from amn.git import find_repository
from amn.golden.base.review import MergeBase
from amn.golden.base.target import place_of
from amn.system import CASE_FILE, GOLDEN_FOLDER

if TYPE_CHECKING:
    from collections.abc import Sequence

NAMED = 8  # cases that are listed where another was asked for


def find_cases(names: tuple[str, ...]) -> list[Case]:
    """Return the named cases, or every case under golden/; in the folder of a case that one.

    Args:
        names: Names of folders in golden/, or paths.
    """
    if not names and (here := case_here()):
        names = (here,)
    if not names:
        folders = [file.parent for file in case_files(GOLDEN_FOLDER)]
        if not folders:
            raise ConfigError(
                GOLDEN_FOLDER,
                ["expected golden/<case>/case.toml, found none. Fix: amn case new NAME"],
            )
    else:
        folders = [find_folder(name) for name in names]
    load_conftests(folders)
    return [load_case(folder) for folder in folders]


def find_folder(name: str) -> Path:
    """Return the folder of a case by its name under golden/, or by its path.

    Raises:
        ConfigError: If there is none: it says which there are, or what the path is of.
    """
    folder = case_folder(name)
    if folder.exists():
        if kind_of(folder) == "a data set":
            fix = road(folder, name, wants_data=False)
            raise ConfigError(folder, [f"expected a case, got a data set. Fix: {fix}"])
        return folder
    there = case_files(project() / GOLDEN_FOLDER)
    if not (known := [file.parent.name for file in there]):
        return folder
    place = Path(name) if Path(name).name != name else folder
    others = ", ".join(known[:NAMED]) + (" ..." if len(known) > NAMED else "")
    whole = Path(name).parent if Path(name).name.startswith("case.") else Path(name)
    fix = typed(name, nearest(whole.name, known))
    fix = fix or "name one of them, or amn case new NAME --dataset PATH"
    message = f"expected a case file, found none; the cases here are {others}. Fix: {fix}"
    raise ConfigError(place / CASE_FILE, [message])


def find_case(name: str) -> Case:
    """Return one case by its name under golden/, or by its path."""
    return find_cases((name,))[0]


def nearest_target(target: str) -> str:
    """Return the case, or the path, that is most like a target that is neither."""
    known = [file.parent.name for file in case_files(project() / GOLDEN_FOLDER)]
    return nearest(target, known) or nearest_path(Path(target))


def is_case(target: str) -> bool:
    """Tell whether a target names a case: a folder with case.toml, or one under golden/."""
    path = Path(target)
    if path.exists():
        return (path / CASE_FILE).is_file() or path.name == CASE_FILE
    return (project() / GOLDEN_FOLDER / path / CASE_FILE).is_file()


def merge_base(
    cases: Sequence[Case],
    target: str | None = None,
    approval: str | None = None,
    *,
    recorded: str = "",
) -> MergeBase:
    """Return what the change is compared with: the branch that was named, or that CI names.

    Outside of a git checkout it is looked for in that of the first case: a case that is gated from
    another folder is compared all the same.

    Args:
        recorded: Where the default branch keeps results that stand; empty where none do.

    Raises:
        ArgumentError: If `recorded` is no such place.
    """
    here = Path()
    folder = here if find_repository(here) or not cases else cases[0].folder
    found = MergeBase.within(os.environ, folder, target, approval, recorded=recorded)
    if recorded and found.repository:
        place_of(recorded, found.repository.root)
    return found


def today() -> date:
    """Return the day, in UTC: what waivers expire by."""
    return datetime.now(tz=UTC).date()
