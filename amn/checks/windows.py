"""W: windows derived a second time, another way, and joined with predictions that are brought.

What fires of the first is a defect of amn itself.
"""

from __future__ import annotations

from dataclasses import replace
from itertools import combinations
from typing import TYPE_CHECKING

import numpy as np

from amn.case.config import SPLITS
from amn.checks.check import check, listed
from amn.checks.profiled import over_articles
from amn.data.windows import Windows
from amn.verdict import Finding, Measured, Severity, count_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from amn.data.dataset import DataSet
    from amn.data.ids import Ids
    from amn.data.splits import Split
    from amn.evaluation.predictions import Joined
    from amn.verdict import Statistic

    Parts = dict[str, object]

FIX = "report it as a bug of amn, with the case"


def across_articles(windows: dict[str, Windows], splits: dict[str, Split]) -> Parts:
    """Windows cross from article to article."""
    result = {}
    for name, found in windows.items():
        dataset, context = found.dataset, found.context
        starts = np.arange(len(dataset) - context)
        mine = dataset.is_in(splits[name].articles)[starts]
        result[name] = Windows(dataset, starts[mine], context)
    return {"windows": result}


@check(
    "W001",
    "contiguous",
    severity=Severity.HARNESS,
    needs=["D003"],
    broken_by=[across_articles],
)
def check_contiguous(windows: dict[str, Windows]) -> Measured:
    """The rows of every window are consecutive chunks of one article.

    Why: A window across two articles, or across a dropped chunk, asks for a continuation that does
    not exist.
    Fix: Report it as a bug of amn, with the case
    """
    findings: list[Finding] = []
    bad = total = 0
    for name, mine in windows.items():
        broken = np.flatnonzero(~_is_contiguous(mine))
        bad += len(broken)
        total += len(mine)

        def describe(window: int, name: str = name, mine: Windows = mine) -> Finding:
            return Finding(
                f"{name}: window at row {mine.starts[window]}",
                f"expected consecutive chunks of one article, got {_keys(mine, window)}",
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
        result &= dataset.codes[rows] == dataset.codes[first]
        result &= dataset.chunk_index[rows] == dataset.chunk_index[first] + step
    return result


def _keys(windows: Windows, window: int) -> str:
    """Return the (article, chunk) keys of one window's rows, for people."""
    dataset = windows.dataset
    rows = windows.starts[window] + np.arange(windows.context + 1)
    if rows[0] < 0 or rows[-1] >= len(dataset):
        return f"rows {rows[0]} to {rows[-1]} of {len(dataset):,}"
    pairs = zip(dataset.articles[dataset.codes[rows]], dataset.chunk_index[rows], strict=True)
    return ", ".join(f"{article}:{chunk}" for article, chunk in pairs)


def training_judged(windows: dict[str, Windows]) -> Parts:
    """In-dist is judged on some training windows too."""
    train, mine = windows["train"], windows["in_dist"]
    starts = np.sort(np.concatenate([mine.starts, train.starts[:50]]))
    return {"windows": {**windows, "in_dist": Windows(mine.dataset, starts, mine.context)}}


@check(
    "W002",
    "split_pure",
    severity=Severity.HARNESS,
    needs=["D003", "S001", "W001"],
    broken_by=[training_judged],
)
def check_split_pure(windows: dict[str, Windows], splits: dict[str, Split]) -> Measured:
    """Every row of a window is of its split, and windows of two splits share no row.

    Why: A window that reaches into another split leaks, whatever the lists of articles say.
    Fix: Report it as a bug of amn, with the case
    """
    findings: list[Finding] = []
    used: dict[str, NDArray[np.bool_]] = {}
    n_bad = 0
    for name, mine in windows.items():
        split = splits[name]
        used[name] = _used_rows(mine)
        foreign = np.flatnonzero(used[name] & ~split.dataset.is_in(split.articles))
        n_bad += len(foreign)
        if len(foreign):
            message = (
                f"expected rows of its articles, got {len(foreign):,} other rows, the first of them"
            )
            where = f"{name}: {split.dataset.where(int(foreign[0]))}"
            findings.append(Finding(where, message, FIX))
    for left, right in combinations(used, 2):
        dataset = splits[left].dataset
        if dataset is not splits[right].dataset:
            continue
        shared = np.flatnonzero(used[left] & used[right])
        n_bad += len(shared)
        if len(shared):
            message = f"expected no row in windows of both, got {len(shared):,}, the first of them"
            where = f"{left} and {right}: {dataset.where(int(shared[0]))}"
            findings.append(Finding(where, message, FIX))
    n_rows = sum(int(rows.sum()) for rows in used.values())
    return Measured(
        f"{count_of(n_rows, 'row', n_bad)} in windows", "each in its split alone", findings
    )


def _used_rows(windows: Windows) -> NDArray[np.bool_]:
    """Tell which rows of the data set are in some window: (N,) bool."""
    used = np.zeros(len(windows.dataset), np.bool_)
    for step in range(windows.context + 1):
        used[windows.starts + step] = True
    return used


def windows_lost(windows: dict[str, Windows]) -> Parts:
    """Every second window is lost."""
    return {"windows": {name: windows[name].take(slice(None, None, 2)) for name in SPLITS}}


@check(
    "W003",
    "count",
    severity=Severity.HARNESS,
    needs=["D003", "D004", "D005"],
    broken_by=[windows_lost],
)
def check_count(windows: dict[str, Windows], splits: dict[str, Split]) -> Measured:
    """Each split has as many windows as the lengths of its runs of chunks allow.

    Why: Windows that are lost, or counted twice, move the score without a trace.
    Fix: Report it as a bug of amn, with the case
    """
    findings: list[Finding] = []
    counts: list[str] = []
    profile: dict[str, Statistic] = {}
    for name, mine in windows.items():
        split = splits[name]
        by_article = np.bincount(mine.codes)
        profile[name] = over_articles(by_article[by_article > 0].astype(np.float64))
        expected = _expected_windows(split.dataset, split.articles, mine.context)
        counts.append(f"{name} {len(mine):,}")
        distinct = np.count_nonzero(np.bincount(mine.starts))
        if not len(mine) == distinct == expected:
            message = (
                f"expected {expected:,} windows from the lengths of its runs, got {len(mine):,} "
                f"({distinct:,} distinct)"
            )
            findings.append(Finding(name, message, FIX))
    limit, named = "sum of max(0, run - context) over runs", {"windows_of_article": profile}
    return Measured(", ".join(counts), limit, findings, profile=named)


def _expected_windows(dataset: DataSet, articles: Ids, context: int) -> int:
    """Return the number of windows: along a run of chunks, chunk index minus row is constant."""
    rows = dataset.rows_of(articles)  # sorted by article and chunk, as D005 says
    runs = np.stack([dataset.codes[rows], dataset.chunk_index[rows] - rows])
    is_last = np.append((np.diff(runs) != 0).any(axis=0), len(rows) > 0)
    lengths = np.diff(np.flatnonzero(is_last), prepend=-1)
    return int(np.maximum(lengths - context, 0).sum())


def one_window_missing(joined: tuple[Joined, ...]) -> Parts:
    """A window has no prediction."""
    first, *others = joined
    fault = "windows without a prediction: 1 (1/5)"
    return {"joined": (replace(first, faults=(fault,)), *others)}


@check("W004", "joined", severity=Severity.HARNESS, broken_by=[one_window_missing])
def check_joined(joined: tuple[Joined, ...]) -> Measured:
    """Every window has one prediction, with a direction, and no prediction is of another window.

    Why: What is left out, doubled or joined by its place in a file scores like a model.
    Fix: Write one row for each name in the file of amn windows CASE -o FILE
    """
    findings = [
        Finding(one.name, f"expected one prediction a window, got {fault}")
        for one in joined
        for fault in one.faults
    ]
    faults = [fault.partition(" (")[0] for one in joined for fault in one.faults]
    value = ", ".join([f"{sum(one.rows for one in joined):,} predictions", *faults[:1]])
    return Measured(value, "one a window", findings)
