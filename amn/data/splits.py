"""Splits: which articles train, and which are held out in-dist and OOD."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from amn.case.config import SPLITS
from amn.data.dataset import DataSet, open_dataset
from amn.data.elsewhere import fetched
from amn.data.ids import IdSet, require_kind
from amn.errors import ArgumentError, ConfigError, DataError
from amn.storage import parse_json, read_whole

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from numpy.typing import NDArray

    from amn.case.config import Selector
    from amn.case.load import Case
    from amn.data.ids import Ids


@dataclass(frozen=True)
class Split:
    """A set of articles of one data set.

    Attributes:
        articles: (n,) their ids, ascending.
        missing: Ids that the case asks for and the data set does not have.
    """

    name: str
    dataset: DataSet
    articles: Ids
    missing: IdSet = field(default_factory=IdSet)

    @property
    def rows(self) -> NDArray[np.int64]:
        """Rows of its articles, int64, ascending."""
        return self.dataset.rows_of(self.articles)


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
            source = next(one for one in case.sources if one.key == f"split.{name}.dataset")
            other = open_dataset(fetched(case, source))
            with _named(case, f"split.{name}.dataset"):
                require_kind(dataset.articles, other.articles)
            splits[name] = Split(name, other, other.articles)
        else:
            wanted = selected_articles(case, name, selector)
            with _named(case, f"split.{name}"):
                known = dataset.articles[wanted.holds(dataset.articles)]
            splits[name] = Split(name, dataset, known, wanted.without(known))
    for name, selector in selectors.items():
        if selector is not None and selector.fraction is not None:
            left = _unassigned(dataset, splits)
            n = round(selector.fraction * len(left))
            chosen = np.sort(np.random.default_rng(selector.seed).choice(left, n, replace=False))
            splits[name] = Split(name, dataset, chosen)
    if "train" not in splits:
        left = _unassigned(dataset, splits)
        splits["train"] = Split("train", dataset, left)
    return {name: splits[name] for name in SPLITS}


@contextmanager
def _named(case: Case, key: str) -> Iterator[None]:
    """Name the file and the key of what is wrong with ids."""
    try:
        yield
    except ArgumentError as error:
        raise ConfigError(case.file, [f"{key}: {error}"]) from error


def _unassigned(dataset: DataSet, splits: dict[str, Split]) -> Ids:
    """Return the articles of `dataset` that are in no split yet."""
    taken = [split.articles for split in splits.values() if split.dataset is dataset]
    return np.setdiff1d(dataset.articles, np.concatenate([dataset.articles[:0], *taken]))


def selected_articles(case: Case, name: str, selector: Selector) -> IdSet:
    """Return the ids that a selector names by a list, ranges or a file, as they stand there.

    Raises:
        ConfigError: If they cannot be read as ids.
        DataError: If the file has no such list.
    """
    if selector.articles is None:
        return _from_file(case.folder / str(selector.file), name)
    with _named(case, f"split.{name}.articles"):
        return IdSet.of(selector.articles)


def _from_file(path: Path, name: str) -> IdSet:
    """Return the list of ids that a JSON file has under the split's name."""
    try:
        lists = parse_json(read_whole(path, path.parent))
    except FileNotFoundError as error:
        raise DataError(path, "expected a file with lists of article ids, found none") from error
    except ValueError as error:
        raise DataError(path, f"expected JSON, got {error}") from error
    ids = lists.get(name) if isinstance(lists, dict) else None
    if not isinstance(ids, list):
        raise DataError(
            path, f"expected a list of article ids under {name!r}, got {type(ids).__name__}"
        )
    try:
        return IdSet.of(ids)
    except ArgumentError as error:
        message = f"expected a list of article ids under {name!r}: {error}"
        raise DataError(path, message) from error
