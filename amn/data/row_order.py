"""The order of the rows of an article: what it is worth, where it begins, which way it runs.

Scores are held against permutations inside the article, or against the other articles of the set.
No number here was measured on another corpus.

Letters: A articles, n rows, D numbers in a vector, F folds, P pairs of rows.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from amn.data.articles import FOLDS, TINY, shrunk
from amn.data.vectors import unit_rows

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from amn.data.articles import ArticleSample

    Factor = tuple[NDArray[Any], NDArray[Any]]  # of `scipy.linalg.lu_factor`


@dataclass(frozen=True)
class RowOrder:
    """How much the order of its rows is worth in each article.

    Cosines are of rows without their article's mean.

    Attributes:
        scores: (A,) standard deviations that the sum of neighbours' cosines is above its mean over
            all permutations of the article's rows; 0 where permutations change nothing.
        fading: (A,) as `scores`, of the sum over all pairs of the cosine by the distance of the two
            rows: what fades slowly is seen at more than one step.
        pairs: Neighbours in all.
    """

    scores: NDArray[np.float64]
    fading: NDArray[np.float64]
    pairs: int


def row_order(sample: ArticleSample) -> RowOrder:
    """Measure the order of rows along their main directions, exactly over all permutations."""
    unit = unit_rows(sample.main.centred)
    n = sample.counts.astype(np.float64)
    whole = sample.sums(unit)
    own = sample.sums(np.vecdot(unit, unit))
    sums = np.vecdot(whole, whole) - own
    rows = np.vecdot(unit, whole[sample.owner].astype(np.float32)) - np.vecdot(unit, unit)
    chains = sample.sums(rows.astype(np.float64) ** 2)
    sizes, size = np.unique(sample.counts, return_inverse=True)
    steps = [np.abs(np.subtract.outer(np.arange(k), np.arange(k))) for k in sizes]
    beside = [(step == 1) / 2 for step in steps]  # half of each of two ordered pairs
    fading = [np.where(step > 0, 1 / np.maximum(step, 1), 0.0) for step in steps]
    squares, faded = np.array(
        [
            _squares_and_sum(unit[start : start + len(fading[k])], fading[k])
            for start, k in zip(sample.starts, size, strict=True)
        ]
    ).reshape(-1, 2).T  # fmt: skip
    cosines = np.stack([sums, squares, chains])
    of_beside, of_fading = (
        np.array([*map(_matrix_sums, matrices)]).reshape(-1, 3)[size].T
        for matrices in (beside, fading)
    )
    found = sample.sums(np.nan_to_num(_near(unit, sample)))
    return RowOrder(
        scores=_over_permutations(found, cosines, of_beside, n),
        fading=_over_permutations(faded, cosines, of_fading, n),
        pairs=int((sample.counts - 1).sum()),
    )


def _over_permutations(
    found: NDArray[np.float64],
    values: NDArray[np.float64],
    weights: NDArray[np.float64],
    n: NDArray[np.float64],
) -> NDArray[np.float64]:
    """Return weighted sums over pairs of rows in deviations over all permutations: (A,).

    Exactly (Mantel 1967), from the sums of both matrices and of their products over ordered pairs,
    chains of three rows and pairs of pairs. 0 where permutations change nothing.

    Args:
        found: (A,) sum of weight by value, over ordered pairs of different rows.
        values: (3, A), see `_matrix_sums`.
        weights: (3, A) likewise.
        n: (A,) rows, four or more.
    """
    pairs = n * (n - 1)
    ours, theirs = (
        (squares, chains - squares, sums**2 - 4 * chains + 2 * squares)
        for sums, squares, chains in (values, weights)
    )
    counts = (pairs / 2, pairs * (n - 2) / 4, pairs * (n - 2) * (n - 3))
    moment = sum(a * b / count for a, b, count in zip(ours, theirs, counts, strict=True))
    mean = values[0] * weights[0] / pairs
    return _in_deviations(found - mean, np.sqrt(np.maximum(moment - mean**2, 0.0)))


def _in_deviations(
    values: NDArray[np.float64], deviation: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return values in their standard deviations, 0 where these are none: (A,)."""
    is_told = deviation > TINY**0.5
    return np.where(is_told, values / np.where(is_told, deviation, 1.0), 0.0)


def _matrix_sums(matrix: NDArray[np.float64]) -> tuple[float, float, float]:
    """Return the sums of a matrix, of its squares and of its squared row sums."""
    rows = matrix.sum(axis=0)
    return float(rows.sum()), float(np.vdot(matrix, matrix)), float(np.vdot(rows, rows))


def _squares_and_sum(
    unit: NDArray[np.float32], weights: NDArray[np.float64]
) -> tuple[float, float]:
    """Return the sum of squared and that of weighted cosines of all ordered pairs of rows."""
    products = (unit @ unit.T).astype(np.float64)
    np.fill_diagonal(products, 0.0)
    return float(np.vdot(products, products)), float(np.vdot(products, weights))


def likeness(sample: ArticleSample) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the cosine of each row with the next one of its article, and the mean over all pairs.

    Returns:
        (n,), NaN for the last row of each article; and (A,).
    """
    unit = unit_rows(sample.vectors)
    whole, n = sample.sums(unit), sample.counts
    return _near(unit, sample), (np.vecdot(whole, whole) - n) / (n * (n - 1))


def _near(unit: NDArray[np.float32], sample: ArticleSample) -> NDArray[np.float64]:
    """Return the cosine of each row with the next one, NaN for the last of an article: (n,).

    Args:
        unit: (n, D) rows in place of the sample's.
    """
    near = np.full(len(unit), np.nan)
    near[:-1] = np.vecdot(unit[:-1], unit[1:])
    near[sample.starts + sample.counts - 1] = np.nan
    return near


def usual_fall(near: NDArray[np.float64], overall: NDArray[np.float64]) -> float:
    """Return the mean cosine of neighbours minus that of any two rows of an article.

    Infinity of no articles.

    Args:
        near: (n,) of `likeness`.
        overall: (A,) likewise.
    """
    return float(np.nanmean(near)) - float(overall.mean()) if len(overall) else np.inf


def order_scores(sample: ArticleSample, order: RowOrder) -> NDArray[np.float64]:
    """Score how much the order of its rows is worth in each article: (A,).

    About 0 in a random order, with a deviation of 1: from how likeness fades with distance, and
    from where first rows are.

    Args:
        order: Of `sample`.
    """
    return np.asarray((order.fading + opening_scores(sample.main)) / np.sqrt(2))


def opening_scores(sample: ArticleSample) -> NDArray[np.float64]:
    """Score how far each article's rows lie as the places that they have say: (A,).

    In standard deviations over all permutations of its rows: the covariance of 1 / (1 + place),
    which tells first rows from others, with what tells it best in the other folds: rows without
    their article's mean, and how near each is to the middle of the others. 0 where permutations
    change nothing.
    """
    others = unit_rows(sample.sums(sample.vectors)[sample.owner] - sample.vectors)
    nearness = np.vecdot(sample.vectors, others.astype(np.float32))
    rows = replace(sample, vectors=np.column_stack([sample.vectors, nearness]))
    centred, curve = rows.centred, 1.0 / (1 + rows.place)
    curve -= (rows.sums(curve) / rows.counts)[rows.owner]
    told = np.zeros(len(centred))
    for fold, factor in enumerate(_factors(rows)):
        mine = (rows.folds == fold)[rows.owner]
        told[mine] = _told(centred, np.where(mine, 0.0, curve), factor)[mine]
    products, of_told, of_curve = (rows.sums(x) for x in (told * curve, told**2, curve**2))
    return _in_deviations(products, np.sqrt(of_told * of_curve / (rows.counts - 1)))


ROUNDS = 2


def direction_scores(sample: ArticleSample) -> NDArray[np.float64]:
    """Score how much each article runs from its beginning to its end: (A,), median 1.

    Reversing an article turns the sign of its score. Three features, fitted on the other folds: the
    covariance of place with what tells place best, the same of the ends alone, and how much nearer
    to the middle of the article its first row is than its last. What runs backwards in the first
    round is turned round before the second is fitted.
    """
    n_articles = len(sample.starts)
    if n_articles < FOLDS:
        return np.ones(n_articles)
    n, place = sample.counts[sample.owner], sample.place
    along = (place - (n - 1) / 2) / (n - 1)
    ends = (place == n - 1) - (place == 0).astype(np.float64)
    lengths = [np.sqrt(sample.sums(odd**2)) for odd in (along, ends)]
    features = np.column_stack([np.zeros((n_articles, 2)), lead_scores(sample)])
    turn, factors, centred = np.ones(n_articles), _factors(sample), sample.centred
    for _ in range(ROUNDS):
        for fold, factor in enumerate(factors):
            mine = sample.folds == fold
            others = np.where(mine, 0.0, turn)[sample.owner]
            for k, odd in enumerate((along, ends)):
                told = _told(centred, odd * others, factor)
                held = sample.sums(told * odd) / lengths[k]
                features[mine, k] = held[mine] / max(float(np.abs(held[~mine]).mean()), TINY)
        turned = features * turn[:, None]
        mean, spread = turned.mean(axis=0), np.cov(turned.T) + TINY * np.eye(3)
        scores = features @ np.linalg.solve(spread, mean)
        turn = np.where(scores < 0, -1.0, 1.0)
    return scores / max(float(np.median(scores)), TINY)


TURNED = 5  # one article of so many is reversed, to see what that does
MOST_TOLD = 200  # articles: half of the distance is then known within 0.1


def direction_told(sample: ArticleSample) -> float:
    """Return how far from the middle articles' direction lies, in standard deviations: about 0 up.

    A fifth of the articles is reversed; it is half the distance between the scores of both groups.
    Text that reads alike in both directions has about 0.
    """
    sample = sample.thinned(MOST_TOLD)
    turned = np.arange(len(sample.starts)) % TURNED == 0
    if not turned.any() or turned.all():
        return 0.0
    last = (sample.starts + sample.counts - 1)[sample.owner]
    rows = np.arange(len(sample.vectors))
    back = np.where(turned[sample.owner], last - sample.place, rows)
    scores = direction_scores(replace(sample, vectors=sample.vectors[back]))
    spread = np.sqrt((scores[turned].var() + scores[~turned].var()) / 2)
    return float((scores[~turned].mean() - scores[turned].mean()) / max(float(spread), TINY) / 2)


def lead_scores(sample: ArticleSample) -> NDArray[np.float64]:
    """Return how much nearer to the middle of its article its first row is than its last: (A,)."""
    first, last = sample.vectors[sample.starts], sample.vectors[sample.starts + sample.counts - 1]
    middle = unit_rows(sample.sums(sample.vectors) - first - last)
    return np.asarray(np.vecdot((first - last).astype(np.float64), middle), np.float64)


def _factors(sample: ArticleSample) -> list[Factor]:
    """Return the covariance of rows within the articles of all folds but one, factored: F."""
    from scipy.linalg import lu_factor  # noqa: PLC0415 - takes 0.25 s to load

    return [lu_factor(shrunk(within)) for within in sample.within_other_folds()]


def _told(
    centred: NDArray[np.float32], values: NDArray[np.float64], factor: Factor
) -> NDArray[np.float32]:
    """Return what rows tell of values by the linear discriminant of their space: (n,).

    Args:
        centred: (n, D) rows without the mean of their article.
        values: (n,) 0 on average over an article, and where it is not fitted on.
        factor: Of the covariance of rows within articles.
    """
    from scipy.linalg import lu_solve  # noqa: PLC0415 - takes 0.25 s to load

    target = values.astype(np.float32) @ centred
    return np.asarray(centred @ lu_solve(factor, target.astype(np.float64)).astype(np.float32))
