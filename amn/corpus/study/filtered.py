"""What a filter leaves: what that is worth, and the data set that it makes."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from amn.corpus.study.difference import Difference, Side, difference
from amn.corpus.study.fits import Fitted, compare_fits
from amn.corpus.study.measures import coherence
from amn.data.canaries import keep_canaries
from amn.data.chunk_table import ChunkTable
from amn.data.dataset import open_dataset
from amn.data.manifest import MANIFEST_FILE, Manifest
from amn.data.writer import BLOCK_ROWS, SHARD_ROWS, group_bounds, shard_bounds, write_shards
from amn.storage import atomic_folder, write_json

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path
    from typing import Any

    from numpy.typing import NDArray

    from amn.corpus.study.filtering import Plan
    from amn.data.dataset import DataSet
    from amn.data.writer import Group


@dataclass(frozen=True)
class Worth:
    """What a filter is worth, beside what it looks like.

    Attributes:
        coherence: Before and after.
        fits: Ridge fitted on all and on what is left, judged on the same windows; the one named
            `common` is of held-out articles that no rule has touched.
        note: Why there are no fits.
    """

    coherence: Difference
    fits: tuple[Fitted, ...]
    note: str


def worth_of(plan: Plan) -> Worth:
    """Return what a filter is worth: coherence by itself, and fits on a common unfiltered set."""
    before = plan.study
    region = before.region.take(plan.kept, f"{before.region.label}, filtered")
    after = replace(before, region=region)
    sides = [Side(study.region.ids, *coherence(study)) for study in (before, after)]
    fits, note = compare_fits(before, after, np.ones(len(region), np.bool_))
    return Worth(difference(*sides), fits, note)


def write_filtered(
    plan: Plan,
    path: Path,
    *,
    name: str,
    progress: Callable[[int, int], None] | None = None,
) -> DataSet:
    """Write what a plan keeps as a new data set: whole or not at all.

    Args:
        progress: Called with (rows written, rows in all).

    Raises:
        FileExistsError: If `path` exists.
    """
    dataset = plan.study.region.dataset
    rows = plan.study.region.take(plan.kept).rows
    table = ChunkTable(dataset)
    done = 0

    def blocks(mine: NDArray[np.int64]) -> Iterator[NDArray[Any]]:
        nonlocal done
        for start in range(0, len(mine), BLOCK_ROWS):
            block = dataset.gather(mine[start : start + BLOCK_ROWS])
            yield block
            done += len(block)
            if progress:
                progress(done, len(rows))

    def groups(start: int, stop: int) -> Iterator[Group]:
        for first, last in group_bounds(start, stop):
            mine = rows[first:last]
            yield table.take(mine), blocks(mine)

    shards = (
        (stop - start, groups(start, stop))
        for start, stop in shard_bounds(dataset.codes[rows], SHARD_ROWS)
    )
    with atomic_folder(path) as folder:
        dtype = np.dtype(dataset.manifest.dtype)
        files = write_shards(folder, shards, dim=dataset.dim, dtype=dtype)
        made = {
            "name": name,
            "rows": len(rows),
            "stages": (*dataset.manifest.stages, plan.stage()),
            "canaries": keep_canaries(folder, dataset, rows),
            "files": files,
        }
        manifest: Manifest = dataset.manifest.model_copy(update=made)
        write_json(folder / MANIFEST_FILE, manifest.to_json())
    return open_dataset(path)
