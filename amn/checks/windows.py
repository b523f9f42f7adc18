"""W: windows derived a second time, another way. What fires here is a defect of amn itself."""

from __future__ import annotations

from itertools import combinations
from typing import TYPE_CHECKING

import numpy as np

from amn.checks.listing import listed
from amn.checks.registry import implements
from amn.findings import Finding, Measured

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from amn.checks.evidence.data import SplitEvidence
    from amn.data.dataset import DataSet
    from amn.data.windows import Windows

FIX = "report it as a bug of amn, with the case"


@implements("W001")
def check_contiguous(evidence: SplitEvidence) -> Measured:
    """W001: the rows of every window are consecutive chunks of one article."""
    findings: list[Finding] = []
    bad = total = 0
    for name, windows in evidence.windows.items():
        broken = np.flatnonzero(~_is_contiguous(windows))
        bad += len(broken)
        total += len(windows)

        def describe(window: int, name: str = name, windows: Windows = windows) -> Finding:
            return Finding(
                f"{name}: window at row {windows.starts[window]}",
                f"expected consecutive chunks of one article, got {_keys(windows, window)}",
                FIX,
            )

        findings += listed(broken, describe, name)
    return Measured(f"{bad:,} of {total:,} windows", "0 windows", findings, number=float(bad))


def _is_contiguous(windows: Windows) -> NDArray[np.bool_]:
    """Tell for each window whether all its rows exist and follow each other: (N,) bool."""
    dataset, starts = windows.dataset, windows.starts
    inside = (starts >= 0) & (starts + windows.context < len(dataset))
    first = np.where(inside, starts, 0)
    result = inside.copy()
    for step in range(1, windows.context + 1):
        rows = np.where(inside, starts + step, 0)
        result &= dataset.article_ids[rows] == dataset.article_ids[first]
        result &= dataset.chunk_index[rows] == dataset.chunk_index[first] + step
    return result


def _keys(windows: Windows, window: int) -> str:
    """Return the (article, chunk) keys of one window's rows, for people."""
    dataset = windows.dataset
    rows = windows.starts[window] + np.arange(windows.context + 1)
    if rows[0] < 0 or rows[-1] >= len(dataset):
        return f"rows {rows[0]} to {rows[-1]} of {len(dataset):,}"
    pairs = zip(dataset.article_ids[rows], dataset.chunk_index[rows], strict=True)
    return ", ".join(f"{article}:{chunk}" for article, chunk in pairs)


@implements("W002")
def check_split_pure(evidence: SplitEvidence) -> Measured:
    """W002: every row of a window is of its split, and windows of two splits share no row."""
    findings: list[Finding] = []
    used: dict[str, NDArray[np.bool_]] = {}
    for name, windows in evidence.windows.items():
        split = evidence.splits[name]
        used[name] = _used_rows(windows)
        foreign = np.flatnonzero(used[name] & ~np.isin(split.dataset.article_ids, split.articles))
        if len(foreign):
            message = (
                f"expected rows of its articles, got {len(foreign):,} other rows, the first of them"
            )
            where = f"{name}: {split.dataset.where(int(foreign[0]))}"
            findings.append(Finding(where, message, FIX))
    for left, right in combinations(used, 2):
        dataset = evidence.splits[left].dataset
        if dataset is not evidence.splits[right].dataset:
            continue
        shared = np.flatnonzero(used[left] & used[right])
        if len(shared):
            message = f"expected no row in windows of both, got {len(shared):,}, the first of them"
            where = f"{left} and {right}: {dataset.where(int(shared[0]))}"
            findings.append(Finding(where, message, FIX))
    n_rows = sum(int(rows.sum()) for rows in used.values())
    return Measured(f"{n_rows:,} rows in windows", "each in its split alone", findings)


def _used_rows(windows: Windows) -> NDArray[np.bool_]:
    """Tell which rows of the data set are in some window: (N,) bool."""
    used = np.zeros(len(windows.dataset), np.bool_)
    for step in range(windows.context + 1):
        used[windows.starts + step] = True
    return used


@implements("W003")
def check_count(evidence: SplitEvidence) -> Measured:
    """W003: there are as many windows as the lengths of the runs of chunks allow."""
    findings: list[Finding] = []
    counts: list[str] = []
    for name, windows in evidence.windows.items():
        split = evidence.splits[name]
        expected = _expected_windows(split.dataset, split.articles, windows.context)
        counts.append(f"{name} {len(windows):,}")
        distinct = len(np.unique(windows.starts))
        if not len(windows) == distinct == expected:
            message = (
                f"expected {expected:,} windows from the lengths of its runs, got {len(windows):,} "
                f"({distinct:,} distinct)"
            )
            findings.append(Finding(name, message, FIX))
    return Measured(", ".join(counts), "sum of max(0, run - context) over runs", findings)


def _expected_windows(dataset: DataSet, articles: NDArray[np.int64], context: int) -> int:
    """Return the number of windows: along a run of chunks, chunk index minus row is constant."""
    rows = np.flatnonzero(np.isin(dataset.article_ids, articles))
    runs = np.column_stack([dataset.article_ids[rows], dataset.chunk_index[rows] - rows])
    lengths = np.unique(runs, axis=0, return_counts=True)[1]
    return int(np.maximum(lengths - context, 0).sum())
