"""The circular filter: rows are dropped for a low score, and the score is then found higher.

A filter by coherence or by a model's score raises that score on whatever it leaves, also when it
teaches the model nothing. What such a filter is worth shows on articles that it did not touch.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from amn.data.ranges import parse_ranges, within

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

    from amn.data.manifest import Manifest, Stage

# Reasons for which a stage drops rows by what a gate judges.
JUDGED_REASONS = ("low coherence", "low score")
EXEMPT = "exempt"  # the setting of a stage with the articles that its rules did not touch
FEWEST = 8  # articles on either side, to tell
SURE_ORDER = 0.9  # chance that a kept article is above a dropped one; 0.5 says nothing
RARE = 1e-4


@dataclass(frozen=True)
class Circular:
    """A filter by the quantity that is judged.

    Attributes:
        reason: `low coherence` or `low score`.
        evidence: What gives it away, with the number.
    """

    reason: str
    evidence: str


def judged_drops(manifest: Manifest) -> list[tuple[Stage, str, int]]:
    """Return (stage, reason, rows) for rows that were dropped by a quantity that gates judge."""
    return [
        (stage, reason, rows)
        for stage in manifest.stages
        for reason, rows in stage.dropped.items()
        if reason in JUDGED_REASONS and rows
    ]


def was_exempt(stage: Stage, articles: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Tell which articles a stage's rules were told to leave alone: (n,) bool."""
    text = stage.settings.get(EXEMPT)
    if not isinstance(text, str) or not text:
        return np.zeros(len(articles), np.bool_)
    return within(articles, parse_ranges(text))


def find_selection(
    values: NDArray[np.float64], kept: NDArray[np.bool_], reason: str
) -> Circular | None:
    """Tell whether articles were kept by the values themselves, None when nothing says so.

    Two signs: kept articles are nearly always above dropped ones; or so many of the lowest
    articles are all dropped, and not as many of the highest, that chance does not do it. The
    second sees a threshold among other filters too.

    Args:
        values: (A,) the judged quantity of each article, NaN where it has none.
        kept: (A,) whether the filtered set has the article.
        reason: What to call it.
    """
    from scipy.special import ndtr  # noqa: PLC0415 - scipy is slow to load

    known = ~np.isnan(values)
    values, kept = values[known], kept[known]
    n_kept, n_dropped = int(kept.sum()), int((~kept).sum())
    if min(n_kept, n_dropped) < FEWEST:
        return None
    ranks = np.empty(len(values))
    ranks[np.argsort(values, kind="stable")] = np.arange(1, len(values) + 1)
    above = (ranks[kept].sum() - n_kept * (n_kept + 1) / 2) / (n_kept * n_dropped)
    deviation = np.sqrt((len(values) + 1) / (12 * n_kept * n_dropped))
    if above >= SURE_ORDER and ndtr(-(above - 0.5) / deviation) < RARE:
        evidence = (
            f"{n_dropped:,} articles are missing, and {above:.0%} of pairs of a kept and a missing "
            "one have the kept one higher"
        )
        return Circular(reason, evidence)
    below = int((values < values[kept].min()).sum())
    beyond = int((values > values[kept].max()).sum())
    share = n_dropped / len(values)
    if below >= FEWEST and share**below < RARE and share ** max(beyond, 1) > RARE:
        least = values[kept].min()
        evidence = f"all of the {below:,} lowest articles are missing: none is below {least:.3f}"
        return Circular(reason, evidence)
    return None


def sentence(found: Iterable[Circular], name: str) -> str:
    """Return one line that calls the filter by its name."""
    parts = [f"{c.reason} ({c.evidence})" for c in found]
    return (
        f"CIRCULAR FILTER: {name} was filtered by {' and by '.join(parts)}. What it scores on "
        "itself is made by the filter; only the common unfiltered set counts."
    )
