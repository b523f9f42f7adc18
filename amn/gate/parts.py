"""The data sets that a case rests on: its own, and those that its splits name."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from amn.checks.evidence.data import DataPart

if TYPE_CHECKING:
    from collections.abc import Callable

    from amn.case import Case


def case_parts(
    case: Case, progress: Callable[[int, int, str], None] | None = None
) -> tuple[DataPart, ...]:
    """Return the case's data set, then those that its splits name, each once."""
    split = case.config.split
    folders = [case.dataset_path]
    folders += [
        case.folder / selector.dataset
        for selector in (split.train, split.in_dist, split.ood)
        if selector and selector.dataset
    ]
    unique = {folder.resolve(): folder for folder in folders}
    scanning = partial(_report_scan, progress) if progress else None
    return tuple(DataPart(folder, scanning) for folder in unique.values())


def _report_scan(progress: Callable[[int, int, str], None], done: int, total: int) -> None:
    progress(done, total, "reading every row")
