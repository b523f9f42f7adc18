"""D: every row by itself, and its key: finite, unit length, not constant, unique, in order."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from amn.checks.listing import listed, some_ids
from amn.checks.registry import implements
from amn.data.columns import most_frequent
from amn.data.dataset import run_starts
from amn.findings import Finding, Measured, Severity

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from amn.checks.evidence.data import DataEvidence, DataPart

NORM_ATOL = 1e-3  # float16 keeps unit norms within 5e-4 at D = 768; measured on core: 2.5e-4
BLOCK_ROWS = 4096
# Rows of 512 that have a column's most frequent number: 2 on wiki-mini and core, and all 512 in two
# columns that all-mpnet-base-v2 never uses; quantised to 8 bit 8.
STUCK_SHARE, USUAL_TIMES = 0.1, 5
ALL_ROWS = 0.98
UNUSED = 0.05  # of the usual deviation: columns that the encoder hardly uses, 1e-6 on wiki-mini
DEAD_COLUMNS = 0.1


def _over_parts(
    evidence: DataEvidence,
    select: Callable[[DataPart], NDArray[np.int64]],
    describe: Callable[[DataPart, int], Finding],
    unit: str = "rows",
) -> Measured:
    """Measure how many rows of all data sets a check objects to, naming the first of them."""
    findings: list[Finding] = []
    bad = total = 0
    for part in evidence.parts:
        rows = select(part)
        bad += len(rows)
        total += len(part.dataset)
        findings += listed(rows, partial(describe, part), part.folder.name)
    return Measured(f"{bad:,} of {total:,} {unit}", f"0 {unit}", findings, number=float(bad))


def _address(part: DataPart, row: int) -> str:
    """Return `wiki-mini: row 17 (article 621, chunk 4)`."""
    return f"{part.folder.name}: {part.dataset.where(row)}"


def _row(part: DataPart, row: int) -> NDArray[np.float64]:
    """Return one row exactly as stored: (D,) float64."""
    return np.asarray(part.dataset.gather(np.array([row]))[0], np.float64)


def _not_after(part: DataPart, *, strictly: bool) -> NDArray[np.bool_]:
    """Tell for each row but the first if its key is below the one before, or `strictly` equal."""
    ids, chunks = part.dataset.article_ids, part.dataset.chunk_index
    back = chunks[1:] <= chunks[:-1] if strictly else chunks[1:] < chunks[:-1]
    return np.asarray((ids[1:] < ids[:-1]) | ((ids[1:] == ids[:-1]) & back))


def _non_finite(part: DataPart) -> NDArray[np.int64]:
    """Return rows that hold NaN or infinity: the scan suspects, the row itself decides."""
    suspects = np.flatnonzero(~np.isfinite(part.scan.norms))
    blocks = [suspects[i : i + BLOCK_ROWS] for i in range(0, len(suspects), BLOCK_ROWS)]
    bad = [rows[~np.isfinite(part.dataset.gather(rows)).all(axis=1)] for rows in blocks]
    return np.concatenate([np.empty(0, np.int64), *bad])


@implements("D001")
def check_finite(evidence: DataEvidence) -> Measured:
    """D001: every number of every row is finite."""

    def describe(part: DataPart, row: int) -> Finding:
        values = _row(part, row)
        columns = np.flatnonzero(~np.isfinite(values))
        message = (
            f"expected finite numbers, got {values[columns[0]]} in column {columns[0]} "
            f"({len(columns)} of {len(values)} columns)"
        )
        return Finding(_address(part, row), message, "encode the row again, or drop it")

    return _over_parts(evidence, _non_finite, describe)


@implements("D002")
def check_unit_norm(evidence: DataEvidence) -> Measured:
    """D002: every row has unit length; rows that hold NaN are D001's."""

    def select(part: DataPart) -> NDArray[np.int64]:
        wrong = np.flatnonzero(~(np.abs(part.scan.norms - 1.0) <= NORM_ATOL))
        return np.setdiff1d(wrong, _non_finite(part), assume_unique=True)

    def describe(part: DataPart, row: int) -> Finding:
        norm = float(np.linalg.norm(_row(part, row)))
        message = f"expected norm 1 within {NORM_ATOL}, got {norm:.4f}"
        return Finding(
            _address(part, row), message, "divide by the norm: vectors /= norms[:, None]"
        )

    return _over_parts(evidence, select, describe)


@implements("D006")
def check_not_constant(evidence: DataEvidence) -> Measured:
    """D006: no row repeats one number throughout, and no column in a part of the rows."""

    def describe(part: DataPart, row: int) -> Finding:
        value = _row(part, row)[0]
        message = f"expected different numbers, got {value:g} in all {part.dataset.dim} columns"
        return Finding(_address(part, row), message, "encode the row again, or drop it")

    rows = _over_parts(evidence, lambda part: np.flatnonzero(part.scan.constant), describe)
    columns = [finding for part in evidence.parts for finding in _stuck_columns(part)]
    return replace(rows, findings=[*rows.findings, *columns])


def _stuck_columns(part: DataPart) -> list[Finding]:
    """Return that columns hold one number in some rows, or many columns one number in all."""
    shares, spread = most_frequent(part.dataset)
    if not len(shares):
        return []
    stuck = (shares >= STUCK_SHARE) & (shares >= USUAL_TIMES * np.median(shares))
    dead = np.flatnonzero(shares >= ALL_ROWS)
    some = np.flatnonzero(stuck & (shares < ALL_ROWS) & (spread > UNUSED * np.median(spread)))
    where, findings = part.folder.name, []
    if len(some):
        worst = some[shares[some].argmax()]
        message = (
            f"expected at most {STUCK_SHARE:.0%} of rows with the same number in a column, got "
            f"{shares[worst]:.0%} in column {worst}; {len(some)} such columns: {some_ids(some)}"
        )
        fix = "some articles were encoded or exported differently: amn data build"
        findings.append(Finding(where, message, fix))
    if len(dead) > DEAD_COLUMNS * len(shares):
        message = (
            f"expected at most {DEAD_COLUMNS:.0%} of columns to hold one number, got {len(dead)} "
            f"of {len(shares)}: {some_ids(dead)}"
        )
        fix = "look for columns that were cut off or padded"
        findings.append(Finding(where, message, fix, Severity.WARNING))
    return findings


@implements("D004")
def check_unique_keys(evidence: DataEvidence) -> Measured:
    """D004: every (article, chunk) key is there once."""

    def select(part: DataPart) -> NDArray[np.int64]:
        ids, chunks = part.dataset.article_ids, part.dataset.chunk_index
        if not _not_after(part, strictly=True).any():
            return np.empty(0, np.int64)
        order = np.lexsort((chunks, ids))  # stable: the first of equal keys comes first
        same = (np.diff(ids[order]) == 0) & (np.diff(chunks[order]) == 0)
        return np.sort(order[1:][same])

    def describe(part: DataPart, row: int) -> Finding:
        ids, chunks = part.dataset.article_ids, part.dataset.chunk_index
        rows = np.flatnonzero((ids == ids[row]) & (chunks == chunks[row]))
        return Finding(
            f"{part.folder.name}: article {ids[row]}, chunk {chunks[row]}",
            f"expected one row, got {len(rows)}: rows {some_ids(rows)}",
            "drop the second ingestion, then: amn data import",
        )

    return _over_parts(evidence, select, describe, "rows repeat a key")


@implements("D005")
def check_sorted(evidence: DataEvidence) -> Measured:
    """D005: rows are sorted by (article, chunk), and no article is in two shards."""
    findings: list[Finding] = []
    bad = total = 0
    for part in evidence.parts:
        rows = np.flatnonzero(_not_after(part, strictly=False)) + 1
        bad += len(rows)
        total += len(part.dataset)
        if len(rows):
            before = part.dataset.where(int(rows[0]) - 1)
            message = (
                f"expected rows sorted by (article, chunk), got this one after {before}; "
                f"{len(rows):,} in all"
            )
            fix = "sort vectors and chunks together: amn data import"
            findings.append(Finding(_address(part, int(rows[0])), message, fix))
        findings += _split_articles(part)
    return Measured(
        f"{bad:,} of {total:,} rows out of order", "0 rows", findings, number=float(bad)
    )


def _split_articles(part: DataPart) -> list[Finding]:
    """Name articles whose rows are in more than one shard."""
    ids = [part.dataset.article_ids[s.start : s.stop] for s in part.dataset.shards]
    own = [np.unique(mine[run_starts(mine)]) for mine in ids]
    articles, shards = np.unique(np.concatenate(own), return_counts=True)
    torn = articles[shards > 1]
    message = f"expected every article in one shard, got {len(torn)} in several: {some_ids(torn)}"
    fix = "write the data set again: amn data import"
    return [Finding(part.folder.name, message, fix)] if len(torn) else []
