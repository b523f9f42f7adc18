"""A region: some articles of a data set, and what is known of each of them.

Letters: A articles, N rows, D numbers in a vector.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from amn.data.coherence import follows
from amn.data.ids import IdSet, is_text, require_kind
from amn.data.scan import scan_rows
from amn.errors import ArgumentError, DataError
from amn.storage import parse_json, read_whole

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from amn.data.dataset import DataSet
    from amn.data.ids import Ids
    from amn.data.scan import RowScan


@dataclass(frozen=True)
class Region:
    """Some articles of a data set.

    Attributes:
        label: For people: the data set's name, and the articles where it is not all of them.
        scan: One pass over all rows of the data set, those outside the region too.
        ids: (A,) article ids, ascending.
        first: (A,) int64 first row of each article.
        sizes: (A,) int64 rows of each article.
    """

    label: str
    dataset: DataSet
    scan: RowScan
    ids: Ids
    first: NDArray[np.int64]
    sizes: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.ids)

    @cached_property
    def rows(self) -> NDArray[np.int64]:
        """All rows of the region, (n,) int64, ascending."""
        return self.dataset.rows_of(self.ids)

    @cached_property
    def article_of(self) -> NDArray[np.int64]:
        """Position in `ids` of the article of each of `rows`: (n,) int64."""
        return np.repeat(np.arange(len(self)), self.sizes)

    @cached_property
    def pairs(self) -> NDArray[np.bool_]:
        """Which of `rows` the next chunk of their article follows: (n,) bool."""
        return follows(self.dataset, 1)[self.rows]

    @cached_property
    def n_pairs(self) -> NDArray[np.int64]:
        """(A,) neighbouring rows of each article."""
        return np.bincount(self.article_of[self.pairs], minlength=len(self))

    @cached_property
    def pair_sums(self) -> NDArray[np.float64]:
        """(A,) sum of the cosines of neighbours in each article."""
        values = self.scan.adjacent[self.rows[self.pairs]]
        sums = np.bincount(self.article_of[self.pairs], values, len(self))
        return sums.astype(np.float64, copy=False)

    @cached_property
    def coherence(self) -> NDArray[np.float64]:
        """(A,) mean cosine of neighbours; NaN for an article of one row."""
        return np.where(self.n_pairs > 0, self.pair_sums / np.maximum(self.n_pairs, 1), np.nan)

    @cached_property
    def repeats(self) -> NDArray[np.int64]:
        """(A,) rows that an earlier row of the region equals byte for byte."""
        hashes = self.scan.hashes[self.rows]
        again = np.ones(len(hashes), np.bool_)
        again[np.unique(hashes, return_index=True)[1]] = False
        return np.bincount(self.article_of[again], minlength=len(self))

    def first_values(self, column: str) -> NDArray[Any] | None:
        """Return a column's value in the first row of each article, None without the column."""
        values = self.dataset.column(column)
        return None if values is None else np.asarray(values.take(self.first).to_pylist(), object)

    def sums(self, column: str) -> NDArray[np.float64] | None:
        """Return a numeric column summed by article, (A,), None without the column."""
        values = self.dataset.column(column)
        if values is None:
            return None
        sums = np.bincount(self.article_of, np.asarray(values)[self.rows], len(self))
        return sums.astype(np.float64, copy=False)

    def take(self, chosen: NDArray[np.bool_], label: str | None = None) -> Region:
        """Return some of the articles, under another label if there is one."""
        return Region(
            label or self.label,
            self.dataset,
            self.scan,
            self.ids[chosen],
            self.first[chosen],
            self.sizes[chosen],
        )


def open_region(
    dataset: DataSet,
    articles: str | None = None,
    *,
    option: str = "--articles",
    scan: RowScan | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Region:
    """Read every row of a data set once, and return the region that `articles` names.

    Args:
        articles: `"1-11000, 512"`, or a file of ids (see `read_ids`); None takes all.
        option: That names them, for messages.
        scan: Of the same data set, when it was read before.

    Raises:
        ArgumentError: If the text cannot be read, or names no article of the data set.
    """
    chosen = np.ones(len(dataset.articles), np.bool_)
    label = dataset.manifest.name
    if articles is not None:
        chosen = read_ids(articles, dataset.articles, option=option).holds(dataset.articles)
        label = f"{label} {articles}"
        if not chosen.any():
            raise ArgumentError(
                f"{option} {articles}: expected ids of {dataset.path}, got none of them. "
                f"Fix: {option} {dataset.articles[0]}-{dataset.articles[-1]}, or some of these"
            )
    _, first, sizes = np.unique(dataset.codes, return_index=True, return_counts=True)
    if np.any(np.diff(first) < 0):
        raise DataError(
            dataset.path, "expected rows in article order. Fix: amn check data, then import again"
        )
    scan = scan or scan_rows(dataset, progress=progress)
    whole = Region(label, dataset, scan, dataset.articles, first, sizes)
    return whole.take(chosen)


def shared_articles(a: Region, b: Region) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Tell which articles are in both, by id and opening row: (A,) bool of each region."""
    if len(a) and len(b):
        require_kind(a.ids, b.ids)
    ids, at_a, at_b = np.intersect1d(a.ids, b.ids, assume_unique=True, return_indices=True)
    same = np.ones(len(ids), np.bool_)
    if a.dataset.manifest.dtype == b.dataset.manifest.dtype:  # digests are of stored bytes
        same = a.scan.hashes[a.first[at_a]] == b.scan.hashes[b.first[at_b]]
    in_a, in_b = np.zeros(len(a), np.bool_), np.zeros(len(b), np.bool_)
    in_a[at_a[same]] = True
    in_b[at_b[same]] = True
    return in_a, in_b


def read_ids(
    text: str, known: Ids, names: tuple[str, ...] = (), *, option: str = "--articles"
) -> IdSet:
    """Return the ids that an option names.

    Args:
        text: Whole numbers and ranges such as `1-400, 512`, where the data set's ids are strings
            these, separated by commas; or a file: `.json` with a list of ids or lists by name (all
            of them, or one as `splits.json:ood`), else text with ids and ranges, or one string, on
            each line.
        known: Ids of a data set, whose kind they are read as.
        names: The lists to take of a JSON file that has any of these; empty for all.
        option: For messages.

    Raises:
        ArgumentError: If it is neither, or names ids of another kind.
        DataError: If the file does not hold ids.
    """
    name, _, key = text.partition(":")
    path = Path(name)
    if not path.is_file():
        try:
            return _named(text.split(","), known)
        except ArgumentError as error:
            said, _, fix = str(error).partition(". Fix: ")
            message = f"{option}: {said}, which is no file either"
            raise ArgumentError(f"{message}. Fix: {fix}" if fix else message) from error
    content = read_whole(path).decode()
    if path.suffix == ".json":
        return _ids_of_json(path, content, (key,) if key else names)
    lines = [line for line in content.splitlines() if line.strip() and line[0] != "#"]
    try:
        return _named(lines, known)
    except ArgumentError as error:
        raise DataError(path, str(error)) from error


def _named(parts: list[str], known: Ids) -> IdSet:
    """Return the ids of a text that was cut into parts, of the kind of others."""
    if is_text(known):
        return IdSet.of([part.strip() for part in parts])
    return IdSet.of(", ".join(part.strip().strip(",") for part in parts))


def _ids_of_json(path: Path, content: str, names: tuple[str, ...]) -> IdSet:
    """Return the ids of a JSON file."""
    try:
        found = parse_json(content)
    except ValueError as error:
        raise DataError(path, f"expected JSON, got {error}") from error
    if isinstance(found, dict):
        chosen = [found[name] for name in names if name in found]
        if names and not chosen:
            wanted = " or ".join(map(repr, names))
            raise DataError(path, f"expected a list named {wanted}, got {', '.join(found)}")
        lists = chosen or list(found.values())
        found = [i for part in lists if isinstance(part, list) for i in part]
    try:
        if isinstance(found, list) and found:
            return IdSet.of(found)
    except ArgumentError as error:
        raise DataError(path, f"expected lists of article ids: {error}") from error
    raise DataError(path, "expected lists of article ids, got something else or nothing")
