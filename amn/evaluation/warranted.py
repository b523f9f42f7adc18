"""What the reference predictors come to on data that nobody was trained on yet.

A network that is worth its training beats them; floors and the range of OOD minus in-dist that are
proposed for a new case follow from them, where the profile's are of another space.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from amn.case.limits import IDLE, PROFILES, GoldenConfig
from amn.data.sampling import evenly_spaced
from amn.data.vectors import lengths
from amn.evaluation.noninferiority import POWER
from amn.evaluation.reference import fit_references, score_references
from amn.evaluation.statistics import MIN_CLUSTERS, Interval, cluster_interval, seed_from

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from amn.data.dataset import DataSet
    from amn.data.windows import Windows

SCORED_WINDOWS = 20_000  # of a split, evenly spaced
MARGINS = IDLE * GoldenConfig().margin  # further below a score, a floor is idle
NETWORK = "amn"  # mixed with the two others
EVEN = 0.5  # as often as not
KINDS = (NETWORK, "ridge", "weighted_mean")  # of `[model]`, proposed in this order


@dataclass(frozen=True)
class Warranted:
    """Reference predictors on one split.

    Attributes:
        means: Mean cosine of each, ascending.
        interval: Of the strongest one, clustered by article.
    """

    means: Mapping[str, float]
    interval: Interval

    @property
    def strongest(self) -> str:
        """The reference with the highest mean."""
        return list(self.means)[-1]

    @property
    def floor(self) -> float:
        """The lower end of its interval, in whole hundredths; higher where that would be idle."""
        idle = math.ceil(100 * round(self.interval.mean - MARGINS, 6)) / 100
        return max(math.floor(100 * self.interval.low) / 100, idle)


@dataclass(frozen=True)
class Tried:
    """A predictor on training articles that it was not fitted on.

    Attributes:
        kind: As `[model]` of case.toml calls it; the network is mixed with the two others.
        over: The strongest of the other reference predictors.
        gain: Over that one, clustered by article.
        shows: Share of draws of such judged splits, 0 to 1, on which the gain is seen in each.
    """

    kind: str
    over: str
    gain: Interval
    shows: float


def chosen_of(tried: Sequence[Tried]) -> Tried:
    """Return the first that shows often enough; else the first that shows as often as not.

    The first of all where none does: a mixture is never worse than what it is made of.
    """
    often = (one for least in (POWER, EVEN) for one in tried if one.shows >= least)
    return next(often, tried[0])


def warranted(train: Windows, judged: Mapping[str, Windows]) -> dict[str, Warranted]:
    """Fit the reference predictors and score them by split.

    Empty where there is too little, or rows are no numbers: that is for checks of the data to say.

    Args:
        judged: Windows of in_dist and ood.
    """
    splits = {name: _some(windows) for name, windows in judged.items()}
    if not len(train) or min(_articles(windows) for windows in splits.values()) < MIN_CLUSTERS:
        return {}
    if not are_numbers(train.dataset):
        return {}
    try:
        fitted = fit_references(train)
    except np.linalg.LinAlgError:
        return {}
    cosines = {name: score_references(fitted, windows) for name, windows in splits.items()}
    if not all(np.isfinite(values).all() for one in cosines.values() for values in one.values()):
        return {}
    return {name: _of(one, splits[name].codes, name) for name, one in cosines.items()}


def _some(windows: Windows) -> Windows:
    return windows.take(evenly_spaced(len(windows), SCORED_WINDOWS))


def _articles(windows: Windows) -> int:
    return len(np.unique(windows.codes))


def are_numbers(dataset: DataSet) -> bool:
    """Tell whether numbers of rows, evenly spaced, are finite: NaN of float16 widens to some."""
    return bool(np.isfinite(dataset.gather(evenly_spaced(len(dataset), SCORED_WINDOWS))).all())


def _of(
    cosines: Mapping[str, NDArray[np.float64]], articles: NDArray[np.int64], split: str
) -> Warranted:
    means = {name: float(values.mean()) for name, values in cosines.items()}
    ordered = dict(sorted(means.items(), key=lambda item: item[1]))
    best = cosines[list(ordered)[-1]]
    return Warranted(ordered, cluster_interval(best, articles, seed=seed_from("warranted", split)))


def fits_profile(found: Mapping[str, Warranted], profile: str = "minimum") -> bool:
    """Tell whether a profile's floors are of these data's scale: all reached, and not all idle."""
    above: list[float] = [
        one.interval.mean - PROFILES[profile][split] for split, one in found.items()
    ]
    return 0 <= min(above) <= MARGINS


def proposed_delta(found: Mapping[str, Warranted]) -> tuple[float, float]:
    """Return the range of OOD minus in-dist around what the strongest references have.

    It ends where a floor below that difference would be idle.
    """
    delta = found["ood"].interval.mean - found["in_dist"].interval.mean
    return round(delta - MARGINS, 2), round(delta + MARGINS, 2)


def last_row_distance(windows: Windows) -> float:
    """Return the mean Euclidean distance of targets from the row before them: 0 and more."""
    some = _some(windows)
    rows = some.dataset.gather(np.stack([some.targets - 1, some.targets])).astype(np.float64)
    return float(lengths(rows[1] - rows[0]).mean())
