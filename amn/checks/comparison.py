"""A candidate beside its golden on every split: the looks at it, and which of them may alert.

A PASS stands for itself: every comparison has to hold at its own level, so that many comparisons
make no false PASS likelier. A FAIL is an alarm, and many comparisons do make a false one likelier:
alarms are held to Holm's levels (Holm 1979).

With adaptive seeds a candidate is looked at more than once. Each look spends a share of alpha, in
proportion to its seeds; the shares add up to alpha, so that the chance of a false PASS at any look
is at most alpha, whatever was seen at the looks before (Bonferroni).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from amn.errors import GoldenError
from amn.evaluation.statistics import RESAMPLES, noninferiority, seed_from
from amn.findings import Verdict
from amn.golden.compare import align
from amn.golden.store import COSINES_FILE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from numpy.typing import NDArray

    from amn.checks.evidence.limits import GoldenEvidence
    from amn.evaluation.statistics import Comparison

COMPARED = {"G001": "ood", "G002": "in_dist"}
LEAST_P = 1 / (RESAMPLES + 1)  # one resample is as far off


@dataclass(frozen=True, slots=True)
class Judged:
    """One split's comparison, and what follows from it beside the others.

    Attributes:
        comparison: At the level of this look.
        verdict: Of the comparison; a FAIL that is no alarm by Holm is INCONCLUSIVE.
        level: At which its FAIL was asked for; the comparison's own where it did not fail.
        p: Smallest level at which it still fails; None where it is no alarm.
    """

    comparison: Comparison
    verdict: Verdict
    level: float
    p: float | None = None


def aligned(
    evidence: GoldenEvidence, split: str
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.int64]]:
    """Return candidate (Sc, N) and golden (Sg, N) cosines joined by window id, and articles (N,).

    Raises:
        GoldenError: If the two have different windows.
    """
    golden = evidence.golden.splits[split]
    scores = [candidate.evaluation.scores[split] for candidate in evidence.candidates]
    path = evidence.case.folder / COSINES_FILE
    order = align(golden, scores[0].article_ids, scores[0].target_chunks, path=path)
    candidate = np.stack([score.cosines[order] for score in scores])
    return candidate, golden.cosines, golden.article_ids


def compare(evidence: GoldenEvidence, check: str, alpha: float) -> Comparison:
    """Compare one split at a level.

    Raises:
        GoldenError: If the two have different windows.
    """
    candidate, golden, articles = aligned(evidence, COMPARED[check])
    return noninferiority(
        candidate,
        golden,
        articles,
        margin=evidence.case.config.golden.margin,
        alpha=alpha,
        seed=seed_from(check, evidence.golden.digest),
    )


def judge_check(evidence: GoldenEvidence, check: str) -> Judged:
    """Judge one split: its own PASS, and its FAIL beside those of the other splits.

    Raises:
        GoldenError: If the windows of this split differ from the golden's.
    """
    alpha = evidence.alpha
    comparison = compare(evidence, check, alpha)
    if comparison.verdict is not Verdict.FAIL:
        return Judged(comparison, comparison.verdict, alpha)
    levels = holm(COMPARED, lambda name, level: _fails(evidence, name, level), alpha)
    if check in levels:
        return Judged(comparison, Verdict.FAIL, levels[check], _p(evidence, check, alpha))
    return Judged(comparison, Verdict.INCONCLUSIVE, alpha / len(COMPARED))


def holm(
    names: Iterable[str], fails: Callable[[str, float], bool], alpha: float
) -> dict[str, float]:
    """Return the names that are alarms, with the level at which each is one.

    Of m tests those that fail at alpha / m are alarms; if there are any, the m' others are asked at
    alpha / m', and so on until none is added: Holm's step-down, by levels and without p-values.

    Args:
        fails: Tells whether a test fails at a level; at a higher one it then fails as well.
    """
    left, found = list(names), dict[str, float]()
    while left:
        level = alpha / len(left)
        new = [name for name in left if fails(name, level)]
        if not new:
            break
        found |= dict.fromkeys(new, level)
        left = [name for name in left if name not in found]
    return found


def _p(evidence: GoldenEvidence, check: str, alpha: float) -> float:
    """Return the smallest level at which a comparison fails that fails at `alpha`, to 2 %.

    Not below what the resamples can tell, so that of more than 100 comparisons none is an alarm at
    alpha 0.05 whatever its difference.
    """
    high, low = alpha, LEAST_P
    if _fails(evidence, check, low):
        return low
    while high > 1.02 * low:
        middle = math.sqrt(low * high)
        low, high = (low, middle) if _fails(evidence, check, middle) else (middle, high)
    return high


def _fails(evidence: GoldenEvidence, check: str, level: float) -> bool:
    try:
        return compare(evidence, check, level).verdict is Verdict.FAIL
    except GoldenError:  # other windows: G003 says so; no alarm, but one of the tests
        return False
