"""The reference predictors on a region: fitted on some articles, judged on others.

Which articles are held out follows from their ids alone, so that they are the same in every data
set that has them: a filtered copy and its source are judged on one set.

Letters: N windows, A articles.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from amn.data.ids import as_numbers
from amn.data.sampling import evenly_spaced
from amn.data.windows import Windows, find_windows
from amn.errors import ArgumentError
from amn.evaluation.reference import fit_references, score_references
from amn.evaluation.statistics import Interval, cluster_interval

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from amn.corpus.study.region import Region
    from amn.data.ids import Ids
    from amn.evaluation.reference import References

CONTEXT = 5
HELD_OUT = 0.2  # of the articles
FIT_WINDOWS = 20_000  # evenly spaced; twice as many move ridge by 0.0003 on wiki/core
JUDGED_WINDOWS = 10_000  # likewise; articles, not windows, limit what the mean is worth


@dataclass(frozen=True)
class Judged:
    """Cosines of the reference predictors on the same windows.

    Attributes:
        cosines: name -> (N,) float64.
        codes: (N,) int64 article of each window, see `DataSet`.
    """

    cosines: dict[str, NDArray[np.float64]]
    codes: NDArray[np.int64]

    def interval(self, name: str, *, seed: int) -> Interval:
        """Return one predictor's mean and its interval, clustered by article."""
        return cluster_interval(self.cosines[name], self.codes, seed=seed)


def is_held_out(ids: Ids, *, seed: int) -> NDArray[np.bool_]:
    """Tell which articles are for judging, a fifth of them, by their ids alone: (A,) bool."""
    with np.errstate(over="ignore"):  # splitmix64
        mixed = as_numbers(ids) + np.uint64(seed + 1) * np.uint64(0x9E3779B97F4A7C15)
        mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        mixed ^= mixed >> np.uint64(31)
    return (mixed >> np.uint64(11)).astype(np.float64) / 2**53 < HELD_OUT


def windows_of(region: Region, context: int, most: int | None = None) -> Windows:
    """Return the windows of a region's articles, evenly spaced ones when there are too many."""
    windows = find_windows(region.dataset, context, region.ids)
    if most is None or len(windows) <= most:
        return windows
    return windows.take(evenly_spaced(len(windows), most))


def fit_on(region: Region, *, context: int = CONTEXT, seed: int) -> References:
    """Fit the reference predictors on the articles that are not held out.

    Raises:
        ArgumentError: If they have no window.
    """
    windows = windows_of(region.take(~is_held_out(region.ids, seed=seed)), context, FIT_WINDOWS)
    if not len(windows):
        raise ArgumentError(
            f"{region.label}: expected articles of {context + 1} consecutive rows to fit the "
            "reference predictors on, got none. Fix: a smaller --context"
        )
    return fit_references(windows)


def judge_on(references: References, windows: Windows) -> Judged:
    """Score fitted reference predictors."""
    return Judged(score_references(references, windows), windows.codes)


def held_out_windows(region: Region, *, context: int = CONTEXT, seed: int) -> Windows:
    """Return the windows of a region that reference predictors are judged on.

    Raises:
        ArgumentError: If there is none.
    """
    windows = windows_of(region.take(is_held_out(region.ids, seed=seed)), context, JUDGED_WINDOWS)
    if not len(windows):
        raise ArgumentError(
            f"{region.label}: expected held-out articles of {context + 1} consecutive rows, got "
            "none. Fix: more articles, or a smaller --context"
        )
    return windows
