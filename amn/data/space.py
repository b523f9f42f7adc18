"""Whether two sets of vectors lie in the same space: directions of variance, means, and chance.

Letters: n rows, D numbers in a vector, K directions, A articles, B permutations.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

DIRECTIONS_FRACTION = (
    12  # 64 of 768: a random rotation captures 1/12 of the variance, whatever D is
)
PERMUTATIONS = 999


def principal_directions(
    vectors: NDArray[np.float32], n_directions: int | None = None
) -> NDArray[np.float32]:
    """Return the directions of most variance: (D, K) orthonormal columns.

    Args:
        vectors: (n, D) finite rows.
        n_directions: K, at most D; None takes D / 12.
    """
    from scipy.linalg import eigh  # noqa: PLC0415 - takes 0.25 s to load

    dim = vectors.shape[1]
    n_directions = n_directions or max(1, dim // DIRECTIONS_FRACTION)
    centred = vectors - vectors.mean(axis=0, dtype=np.float64).astype(np.float32)
    covariance = (centred.T @ centred).astype(np.float64)
    top = (dim - n_directions, dim - 1)
    return np.asarray(eigh(covariance, subset_by_index=top)[1], np.float32)


def variance_parts(
    vectors: NDArray[np.float32], directions: NDArray[np.float32]
) -> NDArray[np.float64]:
    """Return each row's squared distance from the mean, along `directions` and in all: (n, 2)."""
    centred = vectors - vectors.mean(axis=0, dtype=np.float64).astype(np.float32)
    along = centred @ directions
    return np.column_stack([np.vecdot(along, along), np.vecdot(centred, centred)]).astype(
        np.float64
    )


def captured_share(parts: NDArray[np.float64]) -> float:
    """Return the share of variance that `variance_parts` found along the directions, 0 to 1."""
    along, total = parts.sum(axis=0)
    return float(along / total) if total > 0 else 0.0


def by_article(
    values: NDArray[np.floating], article_ids: NDArray[np.int64], *, mean: bool = False
) -> NDArray[np.float64]:
    """Return the sum (or mean) of the rows of each article: (A, C) float64, ids ascending.

    Args:
        values: (n, C).
        article_ids: (n,) int64, in any order.
    """
    order = np.argsort(article_ids, kind="stable")
    _, starts, counts = np.unique(article_ids[order], return_index=True, return_counts=True)
    sums = np.add.reduceat(values[order], starts, axis=0, dtype=np.float64)
    return sums / counts[:, None] if mean else sums


def share_p_value(
    left: NDArray[np.float64], right: NDArray[np.float64], rng: np.random.Generator
) -> float:
    """Return how often chance alone gives `right` a captured share as low as it has.

    Whole articles are exchanged between the two sides; p = (k + 1) / (B + 1).

    Args:
        left: (A, 2) `variance_parts` summed by article.
        right: (A', 2) likewise.
    """
    pooled = np.concatenate([left, right])
    observed = captured_share(right)
    draws = _choices(len(pooled), len(right), rng) @ pooled  # (B, 2)
    lower = np.count_nonzero(draws[:, 0] <= observed * draws[:, 1])
    return float(lower + 1) / (PERMUTATIONS + 1)


def mean_drift(
    left: NDArray[np.float64], right: NDArray[np.float64], rng: np.random.Generator
) -> tuple[float, float]:
    """Return how far apart two means are: (effect, z).

    Effect is the distance in units of an article's typical distance from its side's mean: 0 and up.
    z is the distance in standard deviations of what exchanging whole articles gives by chance.

    Args:
        left: (A, D) mean vector of each article.
        right: (A', D) likewise.
    """
    centres = left.mean(axis=0), right.mean(axis=0)
    distance = float(np.linalg.norm(centres[1] - centres[0]))
    offsets = np.concatenate([left - centres[0], right - centres[1]])
    spread = float(np.sqrt(np.mean(np.vecdot(offsets, offsets))))
    pooled = np.concatenate([left, right])
    pooled = pooled - pooled.mean(axis=0)
    # With a pooled mean of zero the two means differ by the right one's, scaled.
    rights = _choices(len(pooled), len(right), rng) @ pooled / len(right)
    chance = np.linalg.norm(rights, axis=1) * len(pooled) / len(left)
    noise = float(chance.std(ddof=1))
    z = (distance - float(chance.mean())) / noise if noise > 0 else 0.0
    return (distance / spread if spread > 0 else 0.0), z


def _choices(n: int, chosen: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """Return B random choices of `chosen` among n, as (B, n) zeros and ones."""
    labels = np.zeros((PERMUTATIONS, n))
    labels[:, :chosen] = 1.0
    return np.asarray(rng.permuted(labels, axis=1))
