"""A filter by what is judged: declared by a data set, or given away by what is missing from it.

Letters: A articles.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from amn.checks.split import judged_drops
from amn.corpus.study.measures import ease

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

    from amn.corpus.study.study import Study

SEEN_PAIRS = 5  # neighbours an article needs for its own coherence to be more than noise
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


def find_circular(a: Study, b: Study, shared_a: NDArray[np.bool_]) -> tuple[Circular, ...]:
    """Return the filters by a judged quantity that B went through and A did not.

    What the manifest says counts; where B holds some of A's articles, so does what is missing.
    """
    known = {(stage.name, reason) for stage, reason, _ in judged_drops(a.region.dataset.manifest)}
    declared = [
        Circular(reason, f"{rows:,} {stage.unit}, by stage {stage.name!r} of its dataset.json")
        for stage, reason, rows in judged_drops(b.region.dataset.manifest)
        if (stage.name, reason) not in known
    ]
    if declared or not shared_a.any():
        return tuple(declared)
    coherence = np.where(a.region.n_pairs >= SEEN_PAIRS, a.region.coherence, np.nan)
    sums, sizes = ease(a)
    scores = np.where(sizes > 0, sums / np.maximum(sizes, 1), np.nan)
    found = (
        find_selection(coherence, shared_a, "low coherence"),
        find_selection(scores, shared_a, "low score"),
    )
    first = next((c for c in found if c is not None), None)
    return (first,) if first else ()


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
