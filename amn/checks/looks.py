"""G028: is a candidate lost already by some of the articles, before it is scored on all of them.

A look asks the comparison's own question the other way round: is the golden surely better than the
candidate by more than the margin. So its bound has the same doubts, and is taken at the level that
`GoldenConfig.level_at` leaves that look. Only a loss ends a gate early; a PASS takes every article.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from amn.case.config import EVALUATED
from amn.checks.check import check
from amn.checks.comparison import Compared
from amn.errors import DoesNotApplyError
from amn.evaluation.noninferiority import table_noninferiority
from amn.evaluation.statistics import RESAMPLES, seed_from
from amn.verdict import Finding, Measured, Standing, count_of, shown

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from amn.case.limits import GoldenConfig
    from amn.data.ids import Ids
    from amn.evaluation.metrics import SplitScores
    from amn.evaluation.noninferiority import Comparison
    from amn.evaluation.statistics import ClusterTable
    from amn.golden.schema import Golden

    ScoresOf = Callable[[str, Ids], tuple[SplitScores, ...]]
    Parts = dict[str, object]

ARTICLE_LOOKS = "G028"  # what reads scores of all windows waits for it
SHARES = (1 / 8, 1 / 4, 1 / 2)  # of the articles, at each look
FEWEST = 15  # articles of a look: errors hold from there on (tests/error_rates.py)
LOST = 3  # margins: what is worse by so much is to be seen early


@dataclass(frozen=True, slots=True)
class Look:
    """A look at some articles of a split.

    Attributes:
        n: Articles that were looked at.
        of: All articles of the split.
        comparison: Golden minus candidate, at the level of this look.
    """

    split: str
    n: int
    of: int
    comparison: Comparison

    @property
    def is_lost(self) -> bool:
        """Whether the candidate is surely worse by more than the margin."""
        return self.comparison.lower > self.comparison.margin

    @property
    def where(self) -> str:
        """`16 of 110 articles of ood`."""
        return f"{self.n:,} of {count_of(self.of, 'article')} of {self.split}"


@dataclass(frozen=True, slots=True)
class Looked:
    """The looks at a candidate.

    Attributes:
        looks: In their order; where one shows that it is lost, that is the last.
        unlike: Why there is none, or none after these.
    """

    looks: tuple[Look, ...]
    unlike: str = ""


def looks_at(articles: int) -> tuple[int, ...]:
    """Return at how many articles a candidate is looked at, before all of them."""
    every = {max(FEWEST, math.ceil(share * articles)) for share in SHARES}
    return tuple(sorted(n for n in every if n < articles))


def in_random_order(golden: Golden, split: str) -> Ids:
    """Return the judged articles of a split in an order that follows from the golden's windows."""
    seed = seed_from(ARTICLE_LOOKS, split, golden.record.digests.windows)
    articles: Ids = golden.tables[split].judged().articles
    return articles[np.random.default_rng(seed).permutation(len(articles))]


def look_until_lost(
    articles: Mapping[str, int],
    table_of: Callable[[str, int], ClusterTable],
    limits: GoldenConfig,
    *,
    seed: int,
    tolerance: float = 0.0,
    resamples: int = RESAMPLES,
) -> Iterator[Look]:
    """Yield looks at more and more articles of all splits; the first that is lost is the last.

    Args:
        articles: Split -> number of its articles.
        table_of: Returns the sums of candidate and golden over the first so many of a split.
        seed: Of the resamples.
        tolerance: How far a difference may be off for other reasons than articles and seeds.
    """
    for number in range(1, len(SHARES) + 1):
        for split, of in articles.items():
            for n in looks_at(of)[number - 1 : number]:
                comparison = table_noninferiority(
                    table_of(split, n).negated(),
                    margin=limits.margin,
                    alpha=limits.level_at(number, len(articles)),
                    resamples=resamples,
                    seed=seed,
                )
                look = Look(split, n, of, comparison.widened(tolerance))
                yield look
                if look.is_lost:
                    return


def lost_early(scores_in_part: ScoresOf, golden: Golden, golden_limits: GoldenConfig) -> Parts:
    """Some of the articles show that the candidate is worse than the golden by three margins."""
    most = max(golden.record.metrics[split].articles for split in EVALUATED)
    if not looks_at(most):
        raise DoesNotApplyError(f"expected more than {FEWEST} articles of a split, got {most}")

    def worse(split: str, articles: Ids) -> tuple[SplitScores, ...]:
        scores = scores_in_part(split, articles)
        noise = np.random.default_rng(0).standard_normal(len(scores[0].cosines))
        lost = LOST * golden_limits.margin * (1 + 0.1 * noise)
        return tuple(replace(one, cosines=one.cosines - lost) for one in scores)

    return {"scores_in_part": worse}


@check(ARTICLE_LOOKS, "article_looks", needs=["G004", "M001"], broken_by=[lost_early])
def check_article_looks(looked: Looked, golden_limits: GoldenConfig) -> Measured:
    """No look at some of the articles shows that the candidate is worse than the golden.

    Before it is scored on all windows, an eighth, a quarter and half of the articles of each split,
    15 at least, are looked at in an order that the golden decides: is it worse by more than the
    margin, paired by window, clustered by article, at golden.alpha over all looks, all splits and
    R016. Declared for runs and checkpoints, where [golden] article_looks = true.

    Why: A model that loses three margins shows it on a seventh of the articles; to predict the
    others decides nothing.
    Fix: Find what changed (G007, amn golden diff CASE); [golden] article_looks = false scores all
    """
    limit = f"<= {golden_limits.margin:g}"
    if not looked.looks:
        return Measured("not compared", limit, [], looked.unlike)
    worst = max(looked.looks, key=lambda look: (look.is_lost, look.comparison.lower))
    found = worst.comparison
    bounds = f"at least {found.lower:.4f}, margin {found.margin:g}"
    said = f"worse than the golden by {found.difference:.4f} ({bounds})"
    detail = f"surely worse by so much after {worst.where}, alpha {found.alpha:.4g}"
    findings, data = list[Finding](), None
    if worst.is_lost:
        message = f"{said} after {worst.n:,} of {count_of(worst.of, 'article')}"
        fix = "what changed: amn golden diff CASE; [golden] article_looks = false scores all"
        findings.append(Finding(worst.split, message, fix))
        data = Compared(worst.split, golden_limits.alpha, found.alpha)
    return Measured(
        shown(found.lower, found.margin),
        limit,
        findings,
        f"{detail}; {looked.unlike}" if looked.unlike else detail,
        found.lower,
        Standing(low=found.lower, most=found.margin),
        data,
    )
