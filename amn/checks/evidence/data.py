"""What is there before anything is trained: data sets, their indexes, splits and windows."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from amn.config import SPLITS
from amn.data.dataset import DataSet, open_dataset
from amn.data.mixture import sample_articles
from amn.data.scan import RowScan, scan_rows
from amn.data.splits import Split, resolve_splits
from amn.data.windows import Windows, find_windows

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

    from amn.case import Case
    from amn.limits_config import IndexConfig


@dataclass(frozen=True)
class DataPart:
    """One data set folder, opened and scanned when first asked for.

    Attributes:
        progress: Called with (rows done, rows in all) during the scan.
    """

    folder: Path
    progress: Callable[[int, int], None] | None = None

    @cached_property
    def dataset(self) -> DataSet:
        """The data set. Raises DataError: `D003 readable` turns that into a finding."""
        return open_dataset(self.folder)

    @cached_property
    def scan(self) -> RowScan:
        """One pass over all its rows."""
        return scan_rows(self.dataset, progress=self.progress)

    @cached_property
    def articles(self) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        """Some rows (A, K, D) of some articles, and their ids (A,): see `sample_articles`."""
        return sample_articles(self.dataset)


@dataclass(frozen=True)
class DataEvidence:
    """Every data set of a case: its own, and those that its splits name.

    Attributes:
        encode: Turns n texts into (n, D) vectors; what `D013 alignment` compares the rows with.
    """

    parts: tuple[DataPart, ...]
    encode: Callable[[list[str]], NDArray[np.float32]] | None = None


@dataclass(frozen=True)
class IndexEvidence:
    """The data set's FAISS index."""

    part: DataPart
    config: IndexConfig


@dataclass(frozen=True)
class SplitEvidence:
    """The splits of a case and their windows."""

    case: Case
    parts: tuple[DataPart, ...]

    @cached_property
    def splits(self) -> dict[str, Split]:
        """train, in_dist and ood."""
        splits = resolve_splits(self.case, self.parts[0].dataset)
        # Splits that name another data set share that part's mapped files and scan.
        opened = {part.folder.resolve(): part.dataset for part in self.parts}
        return {
            name: Split(name, opened[s.dataset.path.resolve()], s.articles, s.missing)
            for name, s in splits.items()
        }

    @cached_property
    def windows(self) -> dict[str, Windows]:
        """The windows of every split."""
        context = self.case.config.windows.context
        return {
            name: find_windows(self.splits[name].dataset, context, self.splits[name].articles)
            for name in SPLITS
        }

    def scan(self, split: str) -> RowScan:
        """Return the scan of the data set that a split draws from."""
        dataset = self.splits[split].dataset
        return next(part.scan for part in self.parts if part.dataset is dataset)
