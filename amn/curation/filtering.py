"""`amn data filter`: which articles go, for which counted reasons, and what that is worth.

Letters: A articles, R rules.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from amn.curation.circular import EXEMPT
from amn.curation.difference import Difference, Side, difference
from amn.curation.fits import Fitted, compare_fits
from amn.curation.measures import coherence
from amn.curation.rules import RULES, Chosen
from amn.data.chunk_table import ChunkTable
from amn.data.dataset import open_dataset
from amn.data.manifest import MANIFEST_FILE, Manifest, Stage
from amn.data.ranges import format_ranges
from amn.data.writer import BLOCK_ROWS, SHARD_ROWS, group_bounds, shard_bounds, write_shards
from amn.errors import ArgumentError
from amn.storage import atomic_folder, write_json

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path
    from typing import Any

    from numpy.typing import NDArray

    from amn.curation.describe import Study
    from amn.curation.region import Region
    from amn.data.dataset import DataSet
    from amn.data.writer import Group

MOST_DIGITS = 17  # of a float64


@dataclass(frozen=True)
class RuleCount:
    """What one rule does.

    Attributes:
        articles: That it drops.
        rows: Of those.
        only_rows: Rows that no other rule drops.
        counted_rows: Rows counted under its reason: those that no rule before it drops.
    """

    rule: str
    reason: str
    articles: int
    rows: int
    only_rows: int
    counted_rows: int


@dataclass(frozen=True)
class Plan:
    """What a filter would do; nothing is written yet.

    Attributes:
        rules: In the order in which reasons are counted.
        drops: (R, A) bool: which articles each rule drops, exempt ones left out.
        exempt: (A,) bool: articles that no rule touches.
    """

    study: Study
    rules: tuple[Chosen, ...]
    drops: NDArray[np.bool_]
    exempt: NDArray[np.bool_]

    @cached_property
    def kept(self) -> NDArray[np.bool_]:
        """(A,) the articles that stay."""
        return np.asarray(~self.drops.any(axis=0))

    @property
    def rows(self) -> int:
        """How many rows stay."""
        return int(self.study.region.sizes[self.kept].sum())

    @property
    def judged(self) -> tuple[Chosen, ...]:
        """The rules that select by what a gate judges, and drop something."""
        return tuple(
            chosen
            for chosen, mine in zip(self.rules, self.drops, strict=True)
            if chosen.rule.is_judged and mine.any()
        )

    def counts(self) -> tuple[RuleCount, ...]:
        """Return what each rule does, in the order of counting."""
        sizes = self.study.region.sizes
        times = self.drops.sum(axis=0)
        before: NDArray[np.int64] = np.cumsum(self.drops, axis=0) - self.drops
        return tuple(
            RuleCount(
                rule=str(chosen),
                reason=chosen.rule.reason,
                articles=int(mine.sum()),
                rows=int(sizes[mine].sum()),
                only_rows=int(sizes[mine & (times == 1)].sum()),
                counted_rows=int(sizes[mine & (earlier == 0)].sum()),
            )
            for chosen, mine, earlier in zip(self.rules, self.drops, before, strict=True)
        )

    def stage(self) -> Stage:
        """Return the entry in the manifest: rows by reason, and all that is needed to repeat it."""
        region = self.study.region
        settings: dict[str, Any] = {
            "rules": {chosen.rule.name: chosen.value for chosen in self.rules},
            "seed": self.study.seed,
            "parent": region.dataset.digest,
        }
        if self.exempt.any():
            settings[EXEMPT] = format_ranges(region.ids[self.exempt])
        return Stage(
            name="filter",
            rows_in=len(region.rows),
            rows_out=self.rows,
            dropped={c.reason: c.counted_rows for c in self.counts() if c.counted_rows},
            settings=settings,
        )


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


def plan_filter(
    study: Study,
    rules: Sequence[Chosen],
    *,
    exempt: NDArray[np.bool_] | None = None,
    target: tuple[int, int] | None = None,
) -> Plan:
    """Find out what rules drop.

    Args:
        study: Of a whole data set.
        exempt: (A,) articles that no rule touches; None for none.
        target: Least and most rows to be left: the threshold of coherence is chosen so that as few
            rows as possible go.

    Raises:
        ArgumentError: If a rule cannot tell, nothing is left, or the target cannot be reached.
    """
    region = study.region
    exempt = np.zeros(len(region), np.bool_) if exempt is None else exempt
    drops = {
        chosen: chosen.rule.drops(study, chosen.value) & ~exempt
        for chosen in rules
        if not (target and chosen.rule.name == "coherence")
    }
    plan = _plan_of(study, drops, exempt)
    if target:
        least = choose_threshold(region, plan.kept, exempt, target)
        by_coherence = Chosen(RULES["coherence"], least)
        drops[by_coherence] = by_coherence.rule.drops(study, least) & ~exempt
        plan = _plan_of(study, drops, exempt)
    return plan


def _plan_of(
    study: Study, drops: dict[Chosen, NDArray[np.bool_]], exempt: NDArray[np.bool_]
) -> Plan:
    """Put what rules drop in the order of counting; ArgumentError if nothing is left."""
    region, order = study.region, list(RULES)
    rules = tuple(sorted(drops, key=lambda chosen: order.index(chosen.rule.name)))
    rows = np.reshape([drops[chosen] for chosen in rules], (len(rules), len(region)))
    plan = Plan(study, rules, rows.astype(np.bool_), exempt)
    if not plan.rows:
        raise ArgumentError(
            f"{region.label}: expected rules that leave some of {len(region.rows):,} rows, got "
            f"none left. Fix: leave out {max(plan.counts(), key=lambda c: c.rows).rule}"
        )
    return plan


def choose_threshold(
    region: Region,
    kept: NDArray[np.bool_],
    exempt: NDArray[np.bool_],
    target: tuple[int, int],
) -> float:
    """Return the lowest threshold of coherence that leaves rows within the target.

    Args:
        kept: (A,) articles that the other rules leave.
        exempt: (A,) articles that stay in any case.
        target: Least and most rows.

    Raises:
        ArgumentError: If no threshold does; it says how near one comes.
    """
    low, high = target
    total = int(region.sizes[kept].sum())
    where = f"--target-rows {low}-{high}"
    if total < low:
        raise ArgumentError(
            f"{where}: expected at least {low:,} rows after the other rules, got {total:,}. "
            "Fix: leave out a rule, or start from more rows"
        )
    if total <= high:
        return -1.0  # a cosine is never below: nothing has to go
    movable = np.flatnonzero(kept & ~exempt & ~np.isnan(region.coherence))
    values, inverse = np.unique(region.coherence[movable], return_inverse=True)
    rows = np.bincount(inverse, region.sizes[movable], len(values)).astype(np.int64)
    left = total - np.concatenate([[0], np.cumsum(rows)])  # left[k]: values[:k] are dropped
    k = int(np.argmax(left <= high)) if left[-1] <= high else len(values)
    if not low <= left[k] <= high:
        nearest = f"{left[k - 1]:,} or {left[k]:,}" if left[k] <= high else f"{left[k]:,} at best"
        raise ArgumentError(
            f"{where}: expected a threshold of coherence that leaves so many of {total:,} rows, "
            f"got {nearest}. Fix: a wider range"
        )
    return _between(float(values[k - 1]), float(np.append(values, 2.0)[k]))  # 2: above any cosine


def _between(low: float, high: float) -> float:
    """Return the number of fewest digits that is above `low` and at most `high`."""
    for digits in range(2, MOST_DIGITS):
        value = math.floor(high * 10.0**digits) / 10.0**digits
        if low < value <= high:
            return value
    return high


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
        for start, stop in shard_bounds(dataset.article_ids[rows], SHARD_ROWS)
    )
    with atomic_folder(path) as folder:
        dtype = np.dtype(dataset.manifest.dtype)
        files = write_shards(folder, shards, dim=dataset.dim, dtype=dtype)
        made = {
            "name": name,
            "rows": len(rows),
            "stages": (*dataset.manifest.stages, plan.stage()),
            "files": files,
        }
        manifest: Manifest = dataset.manifest.model_copy(update=made)
        write_json(folder / MANIFEST_FILE, manifest.to_json())
    return open_dataset(path)
