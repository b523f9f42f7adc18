"""Files of a folder that change together, or not at all, whenever the process is killed.

What was there is copied first, into a folder that takes its name in one step; then each file is
replaced; then the copy is retired, in one step as well. Whoever finds the copy finds a change that
was cut off, and puts back what was there.
"""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from amn.storage import atomic_folder, read_whole, write_bytes

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

BEFORE = "golden.undo"  # what was there, while files are replaced


def replace_together(folder: Path, files: Mapping[str, bytes | None]) -> None:
    """Write several files of a folder, and remove those that have no content; or leave all.

    Raises:
        FileExistsError: If a change that was cut off waits to be undone.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with atomic_folder(folder / BEFORE) as before:
        for name in files:
            if (folder / name).exists():
                write_bytes(before / name, read_whole(folder / name))
    try:
        for name, content in files.items():
            if content is None:
                (folder / name).unlink(missing_ok=True)
            else:
                write_bytes(folder / name, content)
    except BaseException:
        undo(folder, files)
        raise
    _retire(folder)


def undo(folder: Path, names: Iterable[str]) -> bool:
    """Put back what was there before a change that was cut off; tell whether there was one.

    Args:
        names: Of all files that a change may replace: one without a copy was not there.
    """
    was_cut_off = (folder / BEFORE).is_dir()
    if was_cut_off:
        for name in names:
            copy = folder / BEFORE / name
            if copy.exists():
                write_bytes(folder / name, read_whole(copy))
            else:
                (folder / name).unlink(missing_ok=True)
        _retire(folder)
    for name in (BEFORE, *names):
        for leftover in folder.glob(f".{name}.*"):
            shutil.rmtree(leftover) if leftover.is_dir() else leftover.unlink()
    return was_cut_off


def _retire(folder: Path) -> None:
    """Remove the copy of what was there: in one step for whoever looks."""
    retired = Path(tempfile.mkdtemp(dir=folder, prefix=f".{BEFORE}."))
    (folder / BEFORE).rename(retired / BEFORE)
    shutil.rmtree(retired)
