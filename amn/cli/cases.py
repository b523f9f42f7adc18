"""Finding the cases that a command is about, and what the commands share."""

from __future__ import annotations

import os
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from amn.case.load import Case, case_files, case_folder, case_here, load_case, project
from amn.checks.own import load_conftests
from amn.errors import ConfigError
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
        folders = [case_folder(name) for name in names]
    load_conftests(folders)
    return [_load(folder) for folder in folders]


def _load(folder: Path) -> Case:
    """Load a case; of one that is not there, say which there are."""
    there = [] if folder.exists() else case_files(project() / GOLDEN_FOLDER)
    if known := [file.parent.name for file in there]:
        others = ", ".join(known[:NAMED]) + (" ..." if len(known) > NAMED else "")
        fix = "name one of them, or amn case new NAME --dataset PATH"
        message = f"expected a case file, found none; the cases here are {others}. Fix: {fix}"
        raise ConfigError(folder / CASE_FILE, [message])
    return load_case(folder)


def find_case(name: str) -> Case:
    """Return one case by its name under golden/, or by its path."""
    return find_cases((name,))[0]


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
