"""The staging folder of a build: finished parts, each with a record that proves it.

```
FOLDER.building/
  plan.json             what decides the bytes; another plan does not go on here
  lock                  one build at a time
  series.json           templates of machine-written series, where they were looked for
  texts/00012.arrow     chunk table of 256 pages, in the order of the source
  texts/00012.json      its sha256, its rows, and what became of every page
  texts.json            written when the source was read to its end: how many parts there are
  vectors/00003.npy     vectors of 4,096 rows of the tables above, counted from the first part
  vectors/00003.json    its sha256 and rows
  dataset/              the data set in the making; its last step is to be renamed to FOLDER
  finished.json         sha256 of its dataset.json, written before the renaming
```

Files appear whole, a record after its file, so a process may be killed between any two
instructions: what has a record is finished, everything else is made again.
"""

from __future__ import annotations

import json
import shutil
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from filelock import FileLock, Timeout

from amn.corpus.plan import differences
from amn.errors import ArgumentError, BuildError, DataError
from amn.storage import atomic_path, read_whole, sha256_file, write_json

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

SUFFIX = ".building"
TEXTS, VECTORS = "texts", "vectors"
FILE_TYPES = {TEXTS: ".arrow", VECTORS: ".npy"}
PLAN, TEXTS_END, FINISHED, LOCK = "plan.json", "texts.json", "finished.json", "lock"
SERIES = "series.json"

Record = dict[str, Any]  # JSON data


@dataclass(frozen=True)
class Staging:
    """Parts of a build on disk. Picklable: workers write parts too."""

    folder: Path

    def path(self, stage: str, number: int) -> Path:
        """Return where a part is, or will be."""
        return self.folder / stage / f"{number:05d}{FILE_TYPES[stage]}"

    def finish(
        self, stage: str, number: int, write: Callable[[Path], None], record: Record
    ) -> None:
        """Write a part and then its record, each whole or not at all."""
        path = self.path(stage, number)
        with atomic_path(path) as temporary:
            write(temporary)
        write_json(path.with_suffix(".json"), {**record, "sha256": sha256_file(path)})

    def record(self, stage: str, number: int) -> Record:
        """Return the record of a finished part.

        Raises:
            DataError: If it is not finished, which here means that somebody removed it.
        """
        path = self.path(stage, number).with_suffix(".json")
        found = _read(path)
        if found is None:
            raise DataError(path, "expected the record of a part, found none. Fix: build again")
        return found

    def is_finished(self, stage: str, number: int) -> bool:
        """Tell whether a part is there and is what was written."""
        path = self.path(stage, number)
        record = _read(path.with_suffix(".json"))
        return record is not None and path.is_file() and sha256_file(path) == record["sha256"]

    @property
    def series(self) -> frozenset[int] | None:
        """The templates of machine-written series; None while they were not looked for."""
        record = _read(self.folder / SERIES)
        return None if record is None else frozenset(map(int, record["templates"]))

    def end_series(self, series: frozenset[int]) -> None:
        """Write which templates are series."""
        # As text: readers of JSON other than Python's round numbers above 2**53.
        write_json(self.folder / SERIES, {"templates": [str(one) for one in sorted(series)]})

    @property
    def n_text_parts(self) -> int | None:
        """How many parts the source has; None while it was not yet read to its end."""
        record = _read(self.folder / TEXTS_END)
        return None if record is None else int(record["parts"])

    def end(self, manifest: Path) -> None:
        """Write that the data set is whole and only has to be given its name."""
        write_json(self.folder / FINISHED, {"sha256": sha256_file(manifest)})

    def is_end(self, manifest: Path) -> bool:
        """Tell whether a dataset.json is the one that this build ended in."""
        record = _read(self.folder / FINISHED)
        return (
            record is not None
            and manifest.is_file()
            and bool(record["sha256"] == sha256_file(manifest))
        )

    def end_texts(self, n_parts: int) -> None:
        """Write that the source has this many parts."""
        write_json(self.folder / TEXTS_END, {"parts": n_parts})


@contextmanager
def staging(
    destination: Path, plan: Mapping[str, Any], *, restart: bool = False
) -> Iterator[tuple[Staging, dict[str, Any]]]:
    """Begin a build of `destination`, or go on with the one that was stopped.

    Yields:
        The staging folder, locked, and the plan that the build began with.

    Raises:
        ArgumentError: If the build that was stopped had another plan; the message says what
            changed.
        BuildError: If another process builds the same data set.
        FileExistsError: If `destination` exists.
    """
    folder = destination.with_name(destination.name + SUFFIX)
    if destination.exists() and not (folder / FINISHED).exists():
        raise FileExistsError(destination)
    folder.mkdir(parents=True, exist_ok=True)
    lock = FileLock(folder / LOCK)
    try:
        lock.acquire(timeout=0)
    except Timeout as error:
        raise BuildError(
            f"{folder}: expected no other build of it, got one that is running. Fix: wait for it"
        ) from error
    try:
        yield Staging(folder), _begin(folder, plan, restart=restart)
    finally:
        lock.release()


def _begin(folder: Path, plan: Mapping[str, Any], *, restart: bool) -> dict[str, Any]:
    """Make the folder ready; return the plan that its parts are made by."""
    if restart:
        for path in folder.iterdir():
            if path.is_dir():
                shutil.rmtree(path)
            elif path.name != LOCK:
                path.unlink()
    before = _read(folder / PLAN)
    if before is None:
        write_json(folder / PLAN, dict(plan))
        before = dict(plan)
    elif changed := differences(before, plan):
        lines = "".join(f"\n  - {line}" for line in changed)
        raise ArgumentError(
            f"{folder}: expected the plan that this build began with, got another:{lines}\n"
            "Fix: --restart to build from the beginning, or another FOLDER"
        )
    shutil.rmtree(folder / "dataset", ignore_errors=True)
    for stage in FILE_TYPES:
        (folder / stage).mkdir(exist_ok=True)
        for left in (folder / stage).glob(".*"):  # half-written by a process that was killed
            left.unlink()
    return before


def _read(path: Path) -> dict[str, Any] | None:
    try:
        found: dict[str, Any] = json.loads(read_whole(path))
    except FileNotFoundError:
        return None
    return found


def discard(parts: Staging) -> None:
    """Remove the staging folder of a finished build; what says that it is finished goes last."""
    for path in parts.folder.iterdir():
        if path.is_dir():
            shutil.rmtree(path)
        elif path.name not in (FINISHED, LOCK):
            path.unlink()
    (parts.folder / FINISHED).unlink()
    shutil.rmtree(parts.folder)
