"""How the vectors of a region lie: alike by chance, spread over directions, diverse.

All of it is measured on samples drawn evenly over articles. Ranks grow with the sample: compare
two regions on samples of one size.

Letters: n sampled rows, A articles, D numbers in a vector.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from amn.data.coherence import follows
from amn.data.sampling import sample_rows, unit_vectors
from amn.evaluation.metrics import effective_rank

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from amn.corpus.study.region import Region

SAMPLE_ROWS = 4000
SAMPLE_ARTICLES = 1000
LAGS = tuple(range(1, 11))
LAG_PAIRS = 5000  # of each lag: other pairs move a mean by up to 0.008 on wiki/core


@dataclass(frozen=True)
class Geometry:
    """How a sample of vectors lies.

    Attributes:
        sampled_rows: n.
        sampled_articles: Articles whose mean vectors diversity was taken of.
        random_pair: Mean cosine of two rows of different articles; NaN with a single article.
        mean_length: Length of the mean vector, 0 to 1: 0 when directions cancel, as in a ball.
        rank: Effective rank around the mean, 1 to D.
        diversity: Vendi score (Friedman and Dieng, 2023) of articles: as many articles that have
            nothing in common would be as diverse.
        nearest: Mean cosine of an article's mean vector with the nearest other's, of the sampled.
    """

    sampled_rows: int
    sampled_articles: int
    random_pair: float
    mean_length: float
    rank: float
    diversity: float
    nearest: float


def measure_geometry(
    region: Region, means: NDArray[np.float32], *, rows: int, articles: int, seed: int
) -> Geometry:
    """Measure a region on a sample.

    Args:
        means: (A, D) mean vectors of its articles, of unit length.
        rows: Most rows to sample.
        articles: Most articles to sample.
    """
    rng = np.random.default_rng(seed)
    sampled = sample_rows(region.rows, region.dataset.codes, rows, rng)
    vectors = unit_vectors(region.dataset, sampled)
    chosen = np.sort(rng.permutation(len(means))[:articles])
    return Geometry(
        sampled_rows=len(sampled),
        sampled_articles=len(chosen),
        random_pair=_random_pair(vectors, region.dataset.codes[sampled]),
        mean_length=float(np.linalg.norm(vectors.mean(axis=0, dtype=np.float64))),
        rank=effective_rank(vectors),
        **_diversity(means[chosen]),
    )


def _random_pair(vectors: NDArray[np.float32], ids: NDArray[np.int64]) -> float:
    """Return the mean cosine of rows of different articles.

    Sums over pairs are squares of sums: |sum of all|^2 holds every pair, |sum of an article|^2 its
    own, which are left out.

    Args:
        vectors: (n, D) unit rows.
        ids: (n,) their articles, ascending.
    """
    starts = np.flatnonzero(np.concatenate([[True], ids[1:] != ids[:-1]]))
    sums = np.add.reduceat(vectors, starts, axis=0, dtype=np.float64)
    counts = np.diff(np.append(starts, len(ids)))
    total = sums.sum(axis=0)
    n_pairs = len(ids) ** 2 - int((counts**2).sum())
    return float(total @ total - np.vecdot(sums, sums).sum()) / n_pairs if n_pairs else np.nan


def _diversity(means: NDArray[np.float32]) -> dict[str, float]:
    """Return the Vendi score of articles, and how near the nearest other is.

    Args:
        means: (A, D) unit rows.
    """
    alike = np.asarray(means @ means.T, np.float64)
    shares = np.linalg.eigvalsh(alike / len(means))
    shares = shares[shares > 0]
    np.fill_diagonal(alike, -np.inf)
    nearest = float(alike.max(axis=1).mean()) if len(means) > 1 else np.nan
    return {"diversity": float(np.exp(-(shares * np.log(shares)).sum())), "nearest": nearest}


def lag_means(region: Region, *, seed: int) -> tuple[tuple[int, float], ...]:
    """Return (lag, mean cosine of rows so many chunks apart) for the lags that articles have."""
    rng = np.random.default_rng(seed)
    dataset = region.dataset
    found: list[tuple[int, float]] = []
    for lag in LAGS:
        if lag >= len(dataset):
            break
        rows = region.rows[follows(dataset, lag)[region.rows]]
        rows = np.sort(rng.permutation(rows)[:LAG_PAIRS])
        if len(rows):
            left, right = unit_vectors(dataset, rows), unit_vectors(dataset, rows + lag)
            found.append((lag, float(np.vecdot(left, right).mean(dtype=np.float64))))
    return tuple(found)
