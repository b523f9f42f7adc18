"""Whether the articles of a data set fall into two groups that do not share one vector space.

Letters: A articles, K rows of each, D numbers in a vector, n rows.

Articles are split in two in every way that two encoders would show: by which of them are alike at
all, and along the direction in which their means differ most. The split that shares least decides.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from amn.data.dataset import run_starts
from amn.data.sampling import evenly_spaced, unit_vectors
from amn.data.unit import cosine_rows, unit_rows

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from amn.data.dataset import DataSet

MOST_ARTICLES = 256  # the shared part moves by 0.02 with others
ROWS = 8  # of an article, from its first to its last
COMPARED = slice(None, None, 3)  # of these rows: pairs of articles are many enough
FEWEST_OF_GROUP = 8
FLAT = 1.25  # times what a random rotation leaves: below, no direction is a main one
ROUNDS = 20  # of exchanging articles: it settles after five or so


@dataclass(frozen=True)
class Groups:
    """Two groups of articles.

    Attributes:
        first: (A,) bool, whether an article is in the first one.
        shared: Of the variance along common directions, the part that both have in common: 1 where
            they spread alike, 0 where one is no nearer to the other than after a random rotation.
        mean_cosine: Of the mean vectors of both.
        gap: Share of the variance along the direction that parts them best which lies between
            them, 0 to 1: 0.64 where articles are one normal cloud, 1 for two points.
    """

    first: NDArray[np.bool_]
    shared: float
    mean_cosine: float
    gap: float


@dataclass(frozen=True)
class ArticleSample:
    """Some rows of some articles, spread evenly over each.

    Attributes:
        vectors: (A, K, D) float32 unit rows.
        articles: (A,) int64 ids.
    """

    vectors: NDArray[np.float32]
    articles: NDArray[np.int64]


def sample_articles(dataset: DataSet) -> ArticleSample:
    """Return rows of articles that have `ROWS` of them or more."""
    starts = run_starts(dataset.article_ids)
    sizes = np.diff(np.append(starts, len(dataset)))
    long = np.flatnonzero(sizes >= ROWS)
    if not len(long):
        return ArticleSample(np.empty((0, ROWS, dataset.dim), np.float32), np.empty(0, np.int64))
    chosen = long[evenly_spaced(len(long), MOST_ARTICLES)]
    steps = np.arange(ROWS) * (sizes[chosen, None] - 1) // (ROWS - 1)
    rows = starts[chosen, None] + steps
    vectors = unit_vectors(dataset, rows.ravel()).reshape(*rows.shape, dataset.dim)
    return ArticleSample(vectors, dataset.article_ids[starts[chosen]])


def find_groups(vectors: NDArray[np.float32]) -> list[Groups]:
    """Return the ways to part articles in two, each with what the groups have in common.

    Args:
        vectors: (A, K, D) unit rows.
    """
    means = vectors.mean(axis=1)
    found = [_along_main_direction(means), *((side, 0.0) for side in _by_likeness(means))]
    return [
        Groups(side, _shared(vectors, side), _mean_cosine(vectors, side), gap)
        for side, gap in found
        if min(np.count_nonzero(side), np.count_nonzero(~side)) >= FEWEST_OF_GROUP
    ]


def _by_likeness(means: NDArray[np.float32]) -> Iterator[NDArray[np.bool_]]:
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


def _along_main_direction(means: NDArray[np.float32]) -> tuple[NDArray[np.bool_], float]:
    """Cut articles where two clouds lie furthest apart along the direction of most variance.

    The cut of most variance between groups (Otsu 1979, "A threshold selection method from
    gray-level histograms").

    Args:
        means: (A, D) mean vector of each article.

    Returns:
        (A,) bool, and the share of the variance that is between the groups.
    """
    centred = (means - means.mean(axis=0)).astype(np.float64)
    values, vectors = np.linalg.eigh(centred @ centred.T)
    along = vectors[:, -1] * np.sqrt(max(values[-1], 0.0))
    order = np.argsort(along, kind="stable")
    n, sums = len(along), np.cumsum(along[order])[:-1]
    left = np.arange(1, n)
    between = (sums / left - (along.sum() - sums) / (n - left)) ** 2 * left * (n - left) / n**2
    cut = int(between.argmax())
    side = np.zeros(n, np.bool_)
    side[order[: cut + 1]] = True
    return side, float(between[cut] / max(along.var(), np.finfo(float).tiny))


def _shared(vectors: NDArray[np.float32], side: NDArray[np.bool_]) -> float:
    """Return what two groups' directions of variance have in common, see `Groups`.

    The mean squared product of centred rows is the trace of the product of two covariances (the RV
    coefficient: Robert & Escoufier 1976). Rows of one article are never compared with each other,
    and what a random rotation would leave, the product of the traces over D, is taken off. 1 where
    variance is the same in all directions: a rotation changes nothing then.
    """
    dim = vectors.shape[-1]
    halves = []
    for mine in (side, ~side):
        some = vectors[mine][:, COMPARED]
        two = [half.reshape(-1, dim) for half in (some[::2], some[1::2])]
        halves.append([half - half.mean(axis=0) for half in two])
    traces = [float(np.mean([np.vecdot(h, h).mean() for h in two])) for two in halves]
    chance = traces[0] * traces[1] / dim
    own = float(np.sqrt(_product(*halves[0]) * _product(*halves[1])))
    cross = float(np.mean([_product(a, b) for a in halves[0] for b in halves[1]]))
    return (cross - chance) / (own - chance) if own > FLAT * chance else 1.0


def _product(left: NDArray[np.float32], right: NDArray[np.float32]) -> float:
    """Return the mean squared product of all pairs of rows of two sets."""
    products = left @ right.T
    return float(np.vdot(products, products) / products.size)


def _mean_cosine(vectors: NDArray[np.float32], side: NDArray[np.bool_]) -> float:
    """Return the cosine of the mean vectors of two groups, 0 where one of them is zero."""
    left, right = (vectors[mine].mean(axis=(0, 1), dtype=np.float64) for mine in (side, ~side))
    return float(np.nan_to_num(cosine_rows(left, right)))
