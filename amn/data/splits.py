"""Splits: which articles train, and which are held out in-dist and OOD."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from amn.case.config import SPLITS
from amn.data.dataset import DataSet, open_dataset
from amn.errors import ArgumentError, ConfigError, DataError
from amn.storage import parse_json

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from amn.case.config import Selector
    from amn.case.load import Case


RANGE = re.compile(r"\s*(\d+)\s*(?:-\s*(\d+)\s*)?")


def parse_ranges(text: str) -> NDArray[np.int64]:
    """Return the ranges that a text names: (k, 2) int64 lowest and highest id, in its order.

    Raises:
        ArgumentError: If a part is neither an id nor a range with the lower end first.
    """
    ranges: list[tuple[int, int]] = []
    for part in text.split(","):
        match = RANGE.fullmatch(part)
        low, high = (int(match[1]), int(match[2] or match[1])) if match else (1, 0)
        if not low <= high < 2**63:
            raise ArgumentError(f"expected ids and ranges like '1-400, 512', got {part!r}")
        ranges.append((low, high))
    return np.array(ranges, np.int64)


def within(ids: NDArray[np.int64], ranges: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Tell which ids lie in any of the ranges: (n,) bool."""
    if not len(ranges):
        return np.zeros(len(ids), np.bool_)
    ordered = ranges[np.argsort(ranges[:, 0], kind="stable")]
    reach = np.maximum.accumulate(ordered[:, 1])
    at = np.searchsorted(ordered[:, 0], ids, "right") - 1
    inside: NDArray[np.bool_] = (at >= 0) & (ids <= reach[np.maximum(at, 0)])
    return inside


def format_ranges(ids: NDArray[np.int64]) -> str:
    """Return ids as ranges, the shortest text that `parse_ranges` reads back.

    Args:
        ids: (n,) ascending, each once.
    """
    if not len(ids):
        return ""
    cuts = np.flatnonzero(np.diff(ids) != 1) + 1
    lows, highs = ids[np.r_[0, cuts]], ids[np.r_[cuts - 1, len(ids) - 1]]
    return ", ".join(
        f"{low}" if low == high else f"{low}-{high}"
        for low, high in zip(lows.tolist(), highs.tolist(), strict=True)
    )


@dataclass(frozen=True)
class Split:
    """A set of articles of one data set.

    Attributes:
        articles: Their ids, int64, ascending.
        missing: Ids that the case asks for and the data set does not have.
    """

    name: str
    dataset: DataSet
    articles: NDArray[np.int64]
    missing: NDArray[np.int64]

    @property
    def rows(self) -> NDArray[np.int64]:
        """Rows of its articles, int64, ascending."""
        return np.flatnonzero(np.isin(self.dataset.article_ids, self.articles))


def resolve_splits(case: Case, dataset: DataSet) -> dict[str, Split]:
    """Return train, in_dist and ood as the case defines them.

    A fraction is drawn from the articles that no explicit selector names; a train split that the
    case does not define takes the articles that are left. Overlaps are kept: S001 reports them.

    Raises:
        ConfigError: If a selector cannot be read.
        DataError: If a file or data set that a selector names is broken.
    """
    config = case.config.split
    selectors: dict[str, Selector | None] = {name: getattr(config, name) for name in SPLITS}
    splits: dict[str, Split] = {}
    for name, selector in selectors.items():
        if selector is None or selector.fraction is not None:
            continue
        if selector.dataset is not None:
            other = open_dataset(case.folder / selector.dataset)
            splits[name] = Split(name, other, other.articles, np.empty(0, np.int64))
        else:
            wanted = np.unique(selected_articles(case, name, selector))
            known = np.isin(wanted, dataset.articles)
            splits[name] = Split(name, dataset, wanted[known], wanted[~known])
    for name, selector in selectors.items():
        if selector is not None and selector.fraction is not None:
            left = _unassigned(dataset, splits)
            n = round(selector.fraction * len(left))
            chosen = np.sort(np.random.default_rng(selector.seed).choice(left, n, replace=False))
            splits[name] = Split(name, dataset, chosen, np.empty(0, np.int64))
    if "train" not in splits:
        left = _unassigned(dataset, splits)
        splits["train"] = Split("train", dataset, left, np.empty(0, np.int64))
    return {name: splits[name] for name in SPLITS}


def _unassigned(dataset: DataSet, splits: dict[str, Split]) -> NDArray[np.int64]:
    """Return the articles of `dataset` that are in no split yet."""
    taken = [split.articles for split in splits.values() if split.dataset is dataset]
    return np.setdiff1d(dataset.articles, np.concatenate([np.empty(0, np.int64), *taken]))


def selected_articles(case: Case, name: str, selector: Selector) -> NDArray[np.int64]:
    """Return the ids that a selector names by a list, ranges or a file, as they stand there."""
    if isinstance(selector.articles, str):
        return _ranges(case, name, selector.articles)
    if selector.articles is not None:
        return np.asarray(selector.articles, np.int64)
    return _from_file(case.folder / str(selector.file), name)


def _ranges(case: Case, name: str, text: str) -> NDArray[np.int64]:
    """Return the ids of `"1-400, 512"`."""
    try:
        ranges = parse_ranges(text)
    except ArgumentError as error:
        raise ConfigError(case.file, [f"split.{name}.articles: {error}"]) from error
    return np.concatenate([np.arange(low, high + 1) for low, high in ranges.tolist()])


def _from_file(path: Path, name: str) -> NDArray[np.int64]:
    """Return the list of ids that a JSON file has under the split's name."""
    try:
        lists = parse_json(path.read_bytes())
    except FileNotFoundError as error:
        raise DataError(path, "expected a file with lists of article ids, found none") from error
    except ValueError as error:
        raise DataError(path, f"expected JSON, got {error}") from error
    ids = lists.get(name) if isinstance(lists, dict) else None
    if not isinstance(ids, list) or not all(type(i) is int for i in ids):
        raise DataError(
            path, f"expected a list of article ids under {name!r}, got {type(ids).__name__}"
        )
    return np.asarray(ids, np.int64)
