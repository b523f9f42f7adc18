"""What a title says about the kind of its page."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

LIST_TITLES = ("List of ", "Lists of ", "Index of ", "Outline of ")


def kinds_by_title(titles: Iterable[str | None]) -> NDArray[np.object_]:
    """Return the kind that each title tells, (A,): `list`, `disambiguation`, or an empty text."""
    names = np.asarray([title or "" for title in titles], np.str_)
    kinds = np.full(len(names), "", object)
    kinds[np.any([np.char.startswith(names, start) for start in LIST_TITLES], axis=0)] = "list"
    kinds[np.char.endswith(names, "(disambiguation)")] = "disambiguation"
    return kinds
