"""`amn data filter`: which articles go, and for which counted reasons.

Letters: A articles, R rules.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from amn.checks.split import EXEMPT
from amn.corpus.study.rules import RULES, Chosen
from amn.corpus.study.threshold import choose_threshold
from amn.data.ids import IdSet
from amn.data.manifest import Stage
from amn.errors import ArgumentError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from numpy.typing import NDArray

    from amn.corpus.study.study import Study


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
            settings[EXEMPT] = IdSet.of(region.ids[self.exempt].tolist()).to_json()
        return Stage(
            name="filter",
            rows_in=len(region.rows),
            rows_out=self.rows,
            dropped={c.reason: c.counted_rows for c in self.counts() if c.counted_rows},
            settings=settings,
        )


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
