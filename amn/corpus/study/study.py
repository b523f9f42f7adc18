"""A study: a region with what takes time to find out, found once for all who ask.

Letters: A articles, D numbers in a vector.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from amn.corpus.study.clusters import mean_vectors, near_duplicate_clusters
from amn.corpus.study.kinds import article_words, kinds_of
from amn.corpus.study.scores import CONTEXT, Judged, fit_on, held_out_windows, judge_on
from amn.evaluation.statistics import Interval, cluster_interval, seed_from

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from amn.corpus.study.region import Region
    from amn.data.windows import Windows
    from amn.evaluation.reference import References


@dataclass(frozen=True)
class Study:
    """A region with what takes time to find out, found once.

    Attributes:
        seed: Of every sample.
        context: Rows that a window reads.
    """

    region: Region
    context: int = CONTEXT
    seed: int = 0

    @cached_property
    def kinds(self) -> tuple[NDArray[np.object_] | None, str]:
        """The kind of each article and what it was told from."""
        return kinds_of(self.region, seed=self.seed)

    @cached_property
    def words(self) -> NDArray[np.float64] | None:
        """(A,) words of each article."""
        return article_words(self.region)

    @cached_property
    def means(self) -> NDArray[np.float32]:
        """(A, D) mean vector of each article."""
        return mean_vectors(self.region)

    @cached_property
    def clusters(self) -> NDArray[np.int64]:
        """(A,) cluster of near-duplicates."""
        return near_duplicate_clusters(self.region, self.means)

    @cached_property
    def fitted(self) -> References:
        """Reference predictors of the articles that are not held out; ArgumentError if none."""
        return fit_on(self.region, context=self.context, seed=self.seed)

    @cached_property
    def held_out(self) -> Windows:
        """The windows that reference predictors are judged on; ArgumentError if none."""
        return held_out_windows(self.region, context=self.context, seed=self.seed)

    @cached_property
    def judged(self) -> Judged:
        """The reference predictors on the held-out windows; ArgumentError if there are none."""
        return judge_on(self.fitted, self.held_out)

    def interval(self, values: NDArray[np.floating], articles: NDArray[np.int64]) -> Interval:
        """Return a mean and its interval, clustered by article."""
        return cluster_interval(values, articles, seed=seed_from("describe", str(self.seed)))
