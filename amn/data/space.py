"""Whether two sets of vectors lie in the same space: directions of variance, means, and chance.

Letters: n rows, D numbers in a vector, K directions, A articles, B permutations.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from amn.data.minorities import correlation_of_logs, principal_axes
from amn.data.sampling import evenly_spaced
from amn.data.vectors import cosine_rows, unit_rows

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from amn.data.articles import ArticleSample
    from amn.data.dataset import DataSet


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


SAMPLED_ROWS = 512  # a column that is stuck in a tenth of the rows is in about 51 of them
FEWEST_ROWS = 64


def most_frequent(dataset: DataSet) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the share of rows that have a column's most frequent number, and its deviation.

    Of evenly spaced rows, byte for byte.

    Returns:
        (D,) 0 to 1 and (D,) standard deviation; both empty where there are too few rows to tell.
    """
    rows = evenly_spaced(len(dataset), SAMPLED_ROWS)
    if len(rows) < FEWEST_ROWS:
        return np.empty(0), np.empty(0)
    stored = dataset.gather(rows)
    codes = np.sort(stored.view(f"u{stored.itemsize}"), axis=0)
    longest = np.ones(codes.shape[1], np.int64)
    run = np.ones(codes.shape[1], np.int64)
    for same in codes[1:] == codes[:-1]:
        run = np.where(same, run + 1, 1)
        np.maximum(longest, run, out=longest)
    with np.errstate(over="ignore", invalid="ignore"):  # such rows are D001's to report
        return longest / len(rows), stored.std(axis=0, dtype=np.float64)


FEWEST_OF_GROUP = 8
ROUNDS = 20  # of exchanging articles: it settles after five or so


@dataclass(frozen=True)
class Groups:
    """Two groups of articles.

    Attributes:
        first: (A,) bool, whether an article is in the first one.
        mean_cosine: Of the mean vectors of both.
        gap: Share of the variance along the direction that parts them best which lies between
            them, 0 to 1: 0.64 where articles are one normal cloud, 1 for two points.
    """

    first: NDArray[np.bool_]
    mean_cosine: float
    gap: float


def find_groups(sample: ArticleSample) -> list[Groups]:
    """Return the ways to part articles in two, of `FEWEST_OF_GROUP` and more each."""
    means = sample.means
    found = [_along_main_direction(means), *((side, 0.0) for side in _by_likeness(means))]
    return [
        Groups(side, _mean_cosine(means, side), gap)
        for side, gap in found
        if min(np.count_nonzero(side), np.count_nonzero(~side)) >= FEWEST_OF_GROUP
    ]


def main_cut(sample: ArticleSample) -> NDArray[np.bool_]:
    """Return the articles of one of the two groups that part best: (A,) bool."""
    return _along_main_direction(sample.means)[0]


def shared_space(sample: ArticleSample, first: NDArray[np.bool_]) -> float:
    """Return how alike the directions are in which two groups' rows vary: about 1, 0 if turned.

    The correlation of log variances of one group's rows within their articles, along the principal
    directions of the other's, with the other's own; the mean of both ways.

    Args:
        first: (A,) which articles are in the first group.
    """
    covariances = [sample.within(mine) for mine in (first, ~first)]
    return float(np.mean([_likeness(*pair) for pair in (covariances, covariances[::-1])]))


def _likeness(one: NDArray[np.float64], other: NDArray[np.float64]) -> float:
    """Return the correlation of one covariance's log variances with the other's eigenvalues."""
    values, directions = principal_axes(other)
    variances = np.vecdot(directions.T.astype(np.float64), (one @ directions).T)
    return float(correlation_of_logs(np.maximum(variances, 0)[None], values)[0])


def _by_likeness(means: NDArray[np.float64]) -> Iterator[NDArray[np.bool_]]:
    """Yield splits of articles into groups that are alike among themselves, of either sign.

    The leading eigenvectors of the modularity (Newman 2006, "Modularity and community structure in
    networks") of squared cosines; then each article goes to the group it has more links with than
    the links of both let expect.

    Args:
        means: (A, D) mean vector of each article.
    """
    unit = unit_rows(means)
    links = (unit @ unit.T).astype(np.float64) ** 2
    np.fill_diagonal(links, 0.0)
    degrees = links.sum(axis=1)
    modularity = links - np.outer(degrees, degrees) / max(degrees.sum(), np.finfo(float).tiny)
    vectors = np.linalg.eigh(modularity)[1]
    for leading in (-1, -2, -3):
        side = vectors[:, leading] > 0
        for _ in range(ROUNDS):
            both = np.column_stack([side, ~side]).astype(np.float64)
            volumes = np.maximum(degrees @ both, np.finfo(float).tiny)
            now = np.subtract(*(links @ both / volumes).T) > 0
            if (now == side).all():
                break
            side = now
        yield side


def _along_main_direction(means: NDArray[np.float64]) -> tuple[NDArray[np.bool_], float]:
    """Cut articles where two clouds lie furthest apart along the direction of most variance.

    The cut of most variance between groups (Otsu 1979, "A threshold selection method from
    gray-level histograms").

    Args:
        means: (A, D) mean vector of each article.

    Returns:
        (A,) bool, and the share of the variance that is between the groups.
    """
    from scipy.linalg import eigh  # noqa: PLC0415 - takes 0.25 s to load

    centred = (means - means.mean(axis=0)).astype(np.float64)
    n = len(centred)
    values, vectors = eigh(centred @ centred.T, subset_by_index=(n - 1, n - 1))
    along = vectors[:, 0] * np.sqrt(max(values[0], 0.0))
    order = np.argsort(along, kind="stable")
    sums = np.cumsum(along[order])[:-1]
    left = np.arange(1, n)
    between = (sums / left - (along.sum() - sums) / (n - left)) ** 2 * left * (n - left) / n**2
    cut = int(between.argmax())
    side = np.zeros(n, np.bool_)
    side[order[: cut + 1]] = True
    return side, float(between[cut] / max(along.var(), np.finfo(float).tiny))


def _mean_cosine(means: NDArray[np.float64], side: NDArray[np.bool_]) -> float:
    """Return the cosine of the mean vectors of two groups, 0 where one of them is zero."""
    left, right = (means[mine].mean(axis=0) for mine in (side, ~side))
    return float(np.nan_to_num(cosine_rows(left, right)))
