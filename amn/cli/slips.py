"""Slips: what was meant in place of a word, and the command line with it, ready to be typed."""

from __future__ import annotations

import shlex
import sys
from contextlib import suppress
from typing import TYPE_CHECKING

from amn.case.load import load_case
from amn.data.manifest import MANIFEST_FILE
from amn.errors import AmnError, nearest
from amn.system import CASE_FILE

if TYPE_CHECKING:
    from pathlib import Path


def nearest_path(path: Path) -> str:
    """Return the path beside one that is not there whose name is most like its own."""
    try:
        names = [one.name for one in path.parent.iterdir()]
    except OSError:
        return ""
    near = nearest(path.name, names)
    return str(path.parent / near) if near else ""


def typed(given: str, meant: str) -> str:
    """Return this command line with a word in place of another; empty where that is not in it."""
    words = sys.argv[1:]
    if not meant or given not in words:
        return ""
    return shlex.join(["amn", *(meant if word == given else word for word in words)])


def kind_of(path: Path) -> str:
    """Return what a path is where it is one of two that are often confused, else nothing."""
    if path.name == CASE_FILE or (path / CASE_FILE).is_file():
        return "a case"
    return "a data set" if (path / MANIFEST_FILE).is_file() else ""


def road(path: Path, given: str, *, wants_data: bool) -> str:
    """Return the command for a case or a data set where another thing was asked for.

    Args:
        given: The word that is this path.
        wants_data: Whether a data set was asked for: a case has one.
    """
    if kind_of(path) == "a data set":
        return f"amn check data {shlex.quote(str(path))}"
    folder = path.parent if path.name == CASE_FILE else path
    with suppress(AmnError):
        if wants_data and (command := typed(given, str(load_case(folder).dataset_path))):
            return command
    return f"amn gate {shlex.quote(str(folder))}"
