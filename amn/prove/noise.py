"""How far two trainings of one recipe differ on one split, estimated from seeds of one recipe.

A window's cosine is its article's text, plus what the seed does everywhere, plus what the seed does
to that article. The text is on both sides of a paired comparison and cancels; the other two are the
noise that a gate has to live with.

Shapes: S seeds, G articles.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.special import chdtri, ndtri

from amn.errors import ArgumentError
from amn.evaluation.noninferiority import POWER
from amn.evaluation.statistics import MIN_CLUSTERS, ClusterTable, moments_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

FEWEST_SEEDS = 2
SEED_CONFIDENCE = 0.9  # of the upper limit of the seeds' spread: five seeds can look too alike


@dataclass(frozen=True, eq=False)
class Noise:
    """The noise of one split.

    Attributes:
        mean: Cosine, over windows and seeds.
        score_se: Standard error of `mean`, clustered by article: what another draw of articles
            would change. Large beside the rest, and gone from a paired comparison.
        seed_sd: Standard deviation of the mean from seed to seed.
        seed_sd_high: Its one-sided 90 % upper limit: what the simulation takes for the truth.
        sizes: (G,) windows of each article.
        wobble: (S, G) what each seed does to the sum of each article beyond what it does
            everywhere, scaled to the spread of seeds that were not seen.
    """

    split: str
    mean: float
    score_se: float
    effective_articles: float
    seed_sd: float
    seed_sd_high: float
    sizes: NDArray[np.float64]
    wobble: NDArray[np.float64]

    @property
    def seeds(self) -> int:
        """How many seeds it was estimated from."""
        return len(self.wobble)

    @property
    def articles(self) -> int:
        """How many articles the split has."""
        return len(self.sizes)

    def comparison_se(self, candidate_seeds: int, golden_seeds: int, scatter: float = 0.0) -> float:
        """Return the standard error of candidate minus golden.

        Args:
            scatter: Standard deviation between articles of what the change itself does.
        """
        n, g = self.sizes.sum(), self.articles
        by_seed = 1 / candidate_seeds + 1 / golden_seeds
        articles = float((self.wobble**2).mean(axis=0).sum()) * by_seed
        articles += scatter**2 * float(self.sizes @ self.sizes)
        return math.sqrt(self.seed_sd**2 * by_seed + articles * g / (g - 1) / float(n) ** 2)

    def detectable(
        self, candidate_seeds: int, golden_seeds: int, alpha: float, scatter: float = 0.0
    ) -> float:
        """Return the smallest true drop that is told from none with 80 % power."""
        z = float(ndtri(1 - alpha) + ndtri(POWER))
        return z * self.comparison_se(candidate_seeds, golden_seeds, scatter)


def noise_of(split: str, table: ClusterTable) -> Noise:
    """Estimate the noise of a split.

    Args:
        table: Sums by article of two or more seeds of one recipe.

    Raises:
        ArgumentError: If there are fewer than 2 seeds or 8 articles.
    """
    n_seeds = len(table.sides[0])
    if n_seeds < FEWEST_SEEDS:
        raise ArgumentError(
            f"{split}: expected at least {FEWEST_SEEDS} seeds to see their noise, got {n_seeds}. "
            "Fix: --seeds 5"
        )
    if len(table.sizes) < MIN_CLUSTERS:
        raise ArgumentError(
            f"{split}: expected at least {MIN_CLUSTERS} articles, got {len(table.sizes)}: fewer "
            f"decide nothing. Fix: more articles in split.{split}"
        )
    sums, n = table.sides[0], table.sizes.sum()
    means = sums.sum(axis=1, keepdims=True) / n  # (S, 1)
    beyond = sums - means * table.sizes
    beyond = (beyond - beyond.mean(axis=0)) * math.sqrt(n_seeds / (n_seeds - 1))
    seed_sd = float(np.std(means, ddof=1))
    high = math.sqrt((n_seeds - 1) / float(chdtri(n_seeds - 1, SEED_CONFIDENCE)))
    score = moments_of(ClusterTable(table.labels, table.sizes, (table.combined[None],)))
    return Noise(
        split=split,
        mean=score.mean,
        score_se=score.se,
        effective_articles=table.effective_clusters,
        seed_sd=seed_sd,
        seed_sd_high=high * seed_sd,
        sizes=table.sizes,
        wobble=beyond,
    )
