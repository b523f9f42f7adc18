"""Goldens without a case: they look like a gate, and gate nothing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from amn.golden.ledger import LEDGER_FILE
from amn.golden.store import COSINES_FILE, GOLDEN_FILE
from amn.golden.waivers import WAIVERS_FILE
from amn.places import CASE_FILE

if TYPE_CHECKING:
    from pathlib import Path

KEPT = (GOLDEN_FILE, COSINES_FILE, LEDGER_FILE, WAIVERS_FILE)  # kept beside a case.toml


@dataclass(frozen=True, slots=True)
class Orphan:
    """A folder with files of a golden and no case.toml; `files` are those of a golden only."""

    folder: Path
    files: tuple[Path, ...]


def find_orphans(golden_folder: Path) -> list[Orphan]:
    """Return the folders under golden/ that hold a golden and no case, by name."""
    found = []
    for folder in sorted(path for path in golden_folder.glob("*") if path.is_dir()):
        files = tuple(path for name in KEPT if _is_there(path := folder / name))
        if files and not _is_there(folder / CASE_FILE):
            found.append(Orphan(folder, files))
    return found


def _is_there(path: Path) -> bool:
    """Tell whether a path names anything, a link that leads nowhere too."""
    return path.exists() or path.is_symlink()
