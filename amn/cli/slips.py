"""Slips: what was meant in place of a word, and the command line with it, ready to be typed."""

from __future__ import annotations

import difflib
import shlex
import sys
from contextlib import suppress
from typing import TYPE_CHECKING

from amn.case.load import load_case
from amn.errors import AmnError
from amn.system import CASE_FILE

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

MANIFEST = "dataset.json"
LIKE = 0.7  # of names, by difflib's ratio: `x.zip` is not `good.zip` for its suffix


def nearest(given: str, known: Iterable[str]) -> str:
    """Return the name that is most like another one, whatever their case; empty where none is."""
    names = {name.lower(): name for name in known}
    found = difflib.get_close_matches(given.lower(), names, n=1, cutoff=LIKE)
    return names[found[0]] if found else ""


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
    return "a data set" if (path / MANIFEST).is_file() else ""


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
