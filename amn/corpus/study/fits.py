"""What rows are worth to a predictor: ridge fitted on either of two regions, on the same windows.

It stands for training, at a thousandth of the cost: a filter or new rows that do not help a linear
predictor on a set that neither has chosen will hardly be worth a training.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from amn.corpus.study.scores import Judged, judge_on
from amn.data.ids import are_in
from amn.errors import ArgumentError
from amn.evaluation.statistics import Interval, cluster_interval, seed_from

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from amn.corpus.study.study import Study


@dataclass(frozen=True)
class Fitted:
    """Ridge, fitted on A or on B, judged on one set of windows.

    Attributes:
        judged_on: `A`, `B` or `common`: the held-out articles of either or both.
        gain: B's cosines minus A's on the same windows, clustered by article.
    """

    judged_on: str
    a: float
    b: float
    gain: Interval


def compare_fits(a: Study, b: Study, shared_b: NDArray[np.bool_]) -> tuple[tuple[Fitted, ...], str]:
    """Return ridge fitted on either side, judged on both sides' held-out articles.

    Args:
        shared_b: (A,) which articles of B are in A too.

    Returns:
        One for A, for B and for both; nothing, and why, when there are too few windows.
    """
    try:
        judged = [  # [fit][side]
            [a.judged, judge_on(a.fitted, b.held_out)],
            [judge_on(b.fitted, a.held_out), b.judged],
        ]
    except ArgumentError as error:
        return (), str(error)
    new = ~are_in(b.held_out.article_ids, b.region.ids[shared_b])
    everything = np.ones(len(a.held_out), np.bool_)
    none = np.zeros(len(a.held_out), np.bool_)
    sets = {
        "A": (everything, np.zeros_like(new)),
        "B": (none, np.ones_like(new)),
        "common": (everything, new),
    }
    return tuple(_fitted_on(name, judged, *masks, seed=a.seed) for name, masks in sets.items()), ""


def _fitted_on(
    name: str,
    judged: list[list[Judged]],
    of_a: NDArray[np.bool_],
    of_b: NDArray[np.bool_],
    *,
    seed: int,
) -> Fitted:
    """Return the two fits' scores on some windows of A and some of B."""
    a, b = (
        np.concatenate([side[0].cosines["ridge"][of_a], side[1].cosines["ridge"][of_b]])
        for side in judged
    )
    ids = np.concatenate([judged[0][0].codes[of_a], -1 - judged[0][1].codes[of_b]])
    gain = cluster_interval(b - a, ids, seed=seed_from("compare", name, str(seed)))
    return Fitted(name, float(a.mean()), float(b.mean()), gain)
