"""D: every row by itself, and its key: finite, unit length, not constant, unique, in order."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from amn.checks import broken
from amn.checks.check import check, listed, some_ids, warned
from amn.data.dataset import run_starts
from amn.data.space import most_frequent
from amn.verdict import Finding, Measured, Severity, count_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from numpy.typing import NDArray

    from amn.checks.broken.copies import CaseCopy
    from amn.data.dataset import DataSet
    from amn.data.scan import Scanned

NORM_ATOL = 1e-3  # float16 keeps unit norms within 5e-4 at D = 768; measured on core: 2.5e-4
ZERO_NORM = 1e-6  # below it a row has no direction worth the name
BLOCK_ROWS = 4096
# Rows of 512 that have a column's most frequent number: 2 on wiki-mini and core, and all 512 in two
# columns that all-mpnet-base-v2 never uses; quantised to 8 bit 8.
STUCK_SHARE, USUAL_TIMES = 0.1, 5
ALL_ROWS = 0.98
UNUSED = 0.05  # of the usual deviation: columns that the encoder hardly uses, 1e-6 on wiki-mini
DEAD_COLUMNS = 0.1


def _named(
    bad: Iterable[tuple[DataSet, NDArray[np.int64]]],
    describe: Callable[[DataSet, int], Finding],
    unit: str = "rows",
) -> Measured:
    """Count the bad rows of all data sets, naming the first of them."""
    findings: list[Finding] = []
    count = total = 0
    for dataset, rows in bad:
        count += len(rows)
        total += len(dataset)
        findings += listed(rows, partial(describe, dataset), dataset.path.name)
    return Measured(f"{count:,} of {total:,} {unit}", f"0 {unit}", findings, number=float(count))


def _address(dataset: DataSet, row: int) -> str:
    """Return `wiki-mini: row 17 (article 621, chunk 4)`."""
    return f"{dataset.path.name}: {dataset.where(row)}"


def _row(dataset: DataSet, row: int) -> NDArray[np.float64]:
    """Return one row exactly as stored: (D,) float64."""
    return np.asarray(dataset.gather(np.array([row]))[0], np.float64)


def _not_after(dataset: DataSet, *, strictly: bool) -> NDArray[np.bool_]:
    """Tell for each row but the first if its key is below the one before, or `strictly` equal."""
    codes, chunks = dataset.codes, dataset.chunk_index
    back = chunks[1:] <= chunks[:-1] if strictly else chunks[1:] < chunks[:-1]
    return np.asarray((codes[1:] < codes[:-1]) | ((codes[1:] == codes[:-1]) & back))


def _non_finite(one: Scanned) -> NDArray[np.int64]:
    """Return rows that hold NaN or infinity: the scan suspects, the row itself decides."""
    suspects = np.flatnonzero(~np.isfinite(one.scan.norms))
    blocks = [suspects[i : i + BLOCK_ROWS] for i in range(0, len(suspects), BLOCK_ROWS)]
    bad = [rows[~np.isfinite(one.dataset.gather(rows)).all(axis=1)] for rows in blocks]
    return np.concatenate([np.empty(0, np.int64), *bad])


def nan_row(copy: CaseCopy) -> None:
    """One number of one row is NaN."""

    def change(vectors: NDArray[Any]) -> None:
        vectors[len(vectors) // 3, 7 % vectors.shape[1]] = np.nan

    copy.change_vectors(change)


def infinite_row(copy: CaseCopy) -> None:
    """One number of one row is infinite."""

    def change(vectors: NDArray[Any]) -> None:
        vectors[len(vectors) // 2, 0] = -np.inf

    copy.change_vectors(change)


@check("D001", "finite", needs=["D003"], broken_by=[nan_row, infinite_row])
def check_finite(scanned: tuple[Scanned, ...]) -> Measured:
    """Every number of every row is finite.

    Why: One NaN makes every mean a NaN, or vanishes in a mean that skips it.
    Fix: Encode the row again, or drop it, then: amn data import
    """

    def describe(dataset: DataSet, row: int) -> Finding:
        values = _row(dataset, row)
        columns = np.flatnonzero(~np.isfinite(values))
        message = (
            f"expected finite numbers, got {values[columns[0]]} in column {columns[0]} "
            f"({len(columns)} of {len(values)} columns)"
        )
        return Finding(_address(dataset, row), message, "encode the row again, or drop it")

    return _named(((one.dataset, _non_finite(one)) for one in scanned), describe)


def long_row(copy: CaseCopy) -> None:
    """One row is 1 % too long."""

    def change(vectors: NDArray[Any]) -> None:
        row = len(vectors) // 3
        vectors[row] = (vectors[row].astype(np.float64) * 1.01).astype(vectors.dtype)

    copy.change_vectors(change)


def zero_row(copy: CaseCopy) -> None:
    """One row is zero."""

    def change(vectors: NDArray[Any]) -> None:
        vectors[-2] = 0

    copy.change_vectors(change)


@check("D002", "unit_norm", needs=["D003"], broken_by=[long_row, zero_row])
def check_unit_norm(scanned: tuple[Scanned, ...]) -> Measured:
    """Every row has length 1 within 0.001, or above 0 where dataset.json says `normalised: false`.

    Rows that hold NaN are D001's.

    Why: Dot products stand for cosines everywhere; a longer row weighs more, a zero row has none.
    Fix: Divide every row by its norm before it is stored: amn data import
    """

    def select(one: Scanned) -> NDArray[np.int64]:
        norms = one.scan.norms
        is_right = np.abs(norms - 1.0) <= NORM_ATOL if one.dataset.normalised else norms > ZERO_NORM
        wrong = np.flatnonzero(~is_right)
        return np.setdiff1d(wrong, _non_finite(one), assume_unique=True)

    def describe(dataset: DataSet, row: int) -> Finding:
        norm = float(np.linalg.norm(_row(dataset, row)))
        expected = f"norm 1 within {NORM_ATOL}" if dataset.normalised else f"norm above {ZERO_NORM}"
        message = f"expected {expected}, got {norm:.4f}"
        if not dataset.normalised:
            return Finding(_address(dataset, row), message, "encode the row again, or drop it")
        fix = "divide by the norm: vectors /= norms[:, None]"
        return Finding(_address(dataset, row), message, fix)

    return _named(((one.dataset, select(one)) for one in scanned), describe)


def article_twice(copy: CaseCopy) -> None:
    """An article is there twice under its id."""
    dataset = copy.dataset()
    mine = dataset.rows_of(dataset.articles[5 % len(dataset.articles)])
    rows = np.sort(np.concatenate([np.arange(len(dataset)), mine]))
    broken.rows.rewrite_in_order(copy, rows)


@check("D004", "unique_keys", needs=["D003"], broken_by=[article_twice])
def check_unique_keys(data_sets: tuple[DataSet, ...]) -> Measured:
    """Every (article, chunk) key is there once.

    Why: A second ingestion under the same ids doubles some articles and moves every score.
    Fix: Drop the second ingestion, then: amn data import
    """

    def select(dataset: DataSet) -> NDArray[np.int64]:
        codes, chunks = dataset.codes, dataset.chunk_index
        if not _not_after(dataset, strictly=True).any():
            return np.empty(0, np.int64)
        order = np.lexsort((chunks, codes))  # stable: the first of equal keys comes first
        same = (np.diff(codes[order]) == 0) & (np.diff(chunks[order]) == 0)
        return np.sort(order[1:][same])

    def describe(dataset: DataSet, row: int) -> Finding:
        codes, chunks = dataset.codes, dataset.chunk_index
        rows = np.flatnonzero((codes == codes[row]) & (chunks == chunks[row]))
        return Finding(
            f"{dataset.path.name}: article {dataset.articles[codes[row]]}, chunk {chunks[row]}",
            f"expected one row, got {len(rows)}: rows {some_ids(rows)}",
            "drop the second ingestion, then: amn data import",
        )

    bad = ((dataset, select(dataset)) for dataset in data_sets)
    return _named(bad, describe, "rows repeat a key")


def insertion_order(copy: CaseCopy) -> None:
    """Rows are sorted by insertion.

    By a key of insertion, and not by (article, chunk).
    """
    broken.rows.rewrite_in_order(copy, np.random.default_rng(0).permutation(len(copy.dataset())))


@check("D005", "sorted", needs=["D003"], broken_by=[insertion_order])
def check_sorted(data_sets: tuple[DataSet, ...]) -> Measured:
    """Rows are sorted by (article, chunk), and no article is in two shards.

    Why: Sorted by insertion, contexts are not consecutive text: a whole data set was given up for
    it.
    Fix: Sort vectors and chunks together, which an import does: amn data import SOURCE FOLDER
    """
    findings: list[Finding] = []
    bad = total = 0
    for dataset in data_sets:
        rows = np.flatnonzero(_not_after(dataset, strictly=False)) + 1
        bad += len(rows)
        total += len(dataset)
        if len(rows):
            before = dataset.where(int(rows[0]) - 1)
            message = (
                f"expected rows sorted by (article, chunk), got this one after {before}; "
                f"{len(rows):,} in all"
            )
            fix = "sort vectors and chunks together: amn data import"
            findings.append(Finding(_address(dataset, int(rows[0])), message, fix))
        findings += _split_articles(dataset)
    value = f"{bad:,} of {total:,} rows out of order"
    return Measured(value, "0 rows", findings, number=float(bad))


def _split_articles(dataset: DataSet) -> list[Finding]:
    """Name articles whose rows are in more than one shard."""
    codes = [dataset.codes[shard.start : shard.stop] for shard in dataset.shards]
    own = [np.unique(mine[run_starts(mine)]) for mine in codes]
    torn = dataset.articles[np.bincount(np.concatenate(own)) > 1]
    message = f"expected every article in one shard, got {len(torn)} in several: {some_ids(torn)}"
    fix = "write the data set again: amn data import"
    return [Finding(dataset.path.name, message, fix)] if len(torn) else []


def constant_row(copy: CaseCopy) -> None:
    """One row repeats one number.

    It has length 1 all the same.
    """

    def change(vectors: NDArray[Any]) -> None:
        vectors[len(vectors) // 4] = 1 / np.sqrt(vectors.shape[1])

    copy.change_vectors(change)


def stuck_column(copy: CaseCopy) -> None:
    """A column is zero in half of the articles."""
    dataset, vectors = copy.dataset(), copy.vectors().astype(np.float64)
    column = int(vectors.std(axis=0).argmax())
    vectors[dataset.is_in(dataset.articles[::2]), column] = 0
    broken.rows.rewrite_vectors(copy, vectors)


@check("D006", "not_constant", needs=["D003"], broken_by=[constant_row, warned(stuck_column)])
def check_not_constant(scanned: tuple[Scanned, ...]) -> Measured:
    """No row repeats one number throughout.

    A column that holds one number in a tenth of the rows or more, five times the median column's
    share, is a warning: both were measured on text.

    Why: Such rows are placeholders of an encoder that failed, and have unit length all the same.
    Fix: Encode the row again, or drop it, then: amn data import
    """

    def describe(dataset: DataSet, row: int) -> Finding:
        value = _row(dataset, row)[0]
        message = f"expected different numbers, got {value:g} in all {dataset.dim} columns"
        return Finding(_address(dataset, row), message, "encode the row again, or drop it")

    bad = ((one.dataset, np.flatnonzero(one.scan.constant)) for one in scanned)
    rows = _named(bad, describe)
    columns = [found for one in scanned for found in _stuck_columns(one.dataset)]
    stuck = f", {count_of(sum(n for n, _ in columns), 'column')}" if columns else ""
    findings = [*rows.findings, *(finding for _, finding in columns)]
    limit = rows.limit + (", 0 columns" if columns else "")
    return replace(rows, value=rows.value + stuck, limit=limit, findings=findings)


def _stuck_columns(dataset: DataSet) -> list[tuple[int, Finding]]:
    """Return that columns hold one number in some rows, or many columns one number in all."""
    shares, spread = most_frequent(dataset)
    if not len(shares):
        return []
    stuck = (shares >= STUCK_SHARE) & (shares >= USUAL_TIMES * np.median(shares))
    dead = np.flatnonzero(shares >= ALL_ROWS)
    some = np.flatnonzero(stuck & (shares < ALL_ROWS) & (spread > UNUSED * np.median(spread)))
    where, findings = dataset.path.name, []
    if len(some):
        worst = some[shares[some].argmax()]
        message = (
            f"expected at most {STUCK_SHARE:.0%} of rows with the same number in a column, got "
            f"{shares[worst]:.0%} in column {worst}; {len(some)} such columns: {some_ids(some)}"
        )
        fix = "some articles were encoded or exported differently: amn data build"
        findings.append((len(some), Finding(where, message, fix, Severity.WARNING)))
    if len(dead) > DEAD_COLUMNS * len(shares):
        message = (
            f"expected at most {DEAD_COLUMNS:.0%} of columns to hold one number, got {len(dead)} "
            f"of {len(shares)}: {some_ids(dead)}"
        )
        fix = "look for columns that were cut off or padded"
        findings.append((len(dead), Finding(where, message, fix, Severity.WARNING)))
    return findings
