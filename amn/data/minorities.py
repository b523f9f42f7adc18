"""Articles of another kind than the others of their data set: turned, rounded, joined, reordered.

A score says how much an article is like the others, which it is held against; the articles whose
score is low beside the spread of all are named. No number here was measured on another corpus.

Letters: A articles, n rows, D numbers in a vector, F folds.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from amn.data.articles import FOLDS, SHRINKAGE, TINY, ArticleSample, middle_and_spread, shrunk
from amn.data.sampling import evenly_spaced

if TYPE_CHECKING:
    from numpy.typing import NDArray

LIKELY = 0.1  # of the articles: the share of others for which the test is made
FEWEST_SCORES = 8  # whose middle and spread are fitted
SHARES = (0.001, 0.5)  # of others, least and most of the fit
STEPS = 50  # of the fit


class Below(NamedTuple):
    """Articles whose scores may be those of the other kind.

    Attributes:
        articles: (a,) positions of as many as the fit expects of it, the lowest score first.
        chance: Most that chance has of scores that speak as much for such articles, 0 … 1.
    """

    articles: NDArray[np.int64]
    chance: float


def find_below(scores: NDArray[np.float64], *, mirrored: bool) -> Below:
    """Find articles of another kind among scores that are symmetric around their middle without.

    Middle and spread are those of a normal distribution, fitted in a mixture with the other kind's
    (expectation maximisation, Dempster et al. 1977). Where all scores are of one kind and
    symmetric, whatever their distribution, each lies below the middle or as far above it with even
    chances. The likelihood of the sides where they are with `LIKELY` of the other kind, over that
    of even chances, is then 1 on average, and E or more at most once in E times: an e-value (Vovk &
    Wang 2021).

    Args:
        scores: (A,), 0 in the middle between both kinds if `mirrored`, else for the other kind.
        mirrored: Whether the other kind has the articles' own scores with the other sign, as
            opposed to a mean of 0 and a standard deviation of 1.
    """
    from scipy.special import expit  # noqa: PLC0415 - loads scipy

    if len(scores) < FEWEST_SCORES:
        return Below(np.empty(0, np.int64), 1.0)
    (middle, spread), share = middle_and_spread(scores), LIKELY
    spread = max(spread, TINY)

    def logs(values: NDArray[np.float64], share: float) -> list[NDArray[np.float64]]:
        """Return log densities of the articles' own kind and of the other one, times shares."""
        other = (-middle, spread) if mirrored else (0.0, 1.0)
        kinds = ((1 - share, middle, spread), (share, *other))
        return [math.log(part / s) - ((values - at) / s) ** 2 / 2 for part, at, s in kinds]

    for _ in range(STEPS):
        own, others = logs(scores, share)
        is_own = expit(own - others)
        n_own = float(is_own.sum())
        share = min(max(1 - n_own / len(scores), SHARES[0]), SHARES[1])
        middle = float((is_own * scores).sum()) / n_own
        spread = max(math.sqrt(float((is_own * (scores - middle) ** 2).sum()) / n_own), TINY)
    n = max(1, round(float((1 - is_own).sum())))  # as many as the fit expects
    here, there = (np.logaddexp(*logs(values, LIKELY)) for values in (scores, 2 * middle - scores))
    log_e = float((np.log(2) + here - np.logaddexp(here, there)).sum())
    chance = float(np.exp(-max(log_e, 0.0))) if middle > 0 else 1.0
    return Below(np.argsort(scores, kind="stable")[:n], chance)


@dataclass(frozen=True)
class Minority:
    """Articles whose score is on the far side of a cut.

    Attributes:
        is_apart: (A,) bool.
        separation: Distance of the other articles' median from the cut, in standard deviations of
            their lower tail: what tells a group apart from a long tail.
    """

    is_apart: NDArray[np.bool_]
    separation: float


TAILS = ((0.02, 2.054), (0.05, 1.645), (0.1, 1.282))  # quantile, and where a normal one has it
QUARTILES = 1.349  # standard deviations between those of a normal distribution


def minority_below(scores: NDArray[np.float64], cut: float) -> Minority:
    """Return the articles whose score is below a cut, and how far the others are from it.

    The spread of the lower tail is the widest that its 2, 5 or 10 % quantile implies, and at least
    that of all articles by their quartiles: a tail that the cut takes off looks short.

    Args:
        scores: (A,), at least one.
    """
    is_apart = scores < cut
    others = scores[~is_apart]
    if not len(others):
        return Minority(is_apart, 0.0)
    median = float(np.median(others))
    low, high = np.quantile(scores, (0.25, 0.75))
    tails = ((median - float(np.quantile(others, q))) / z for q, z in TAILS)
    spread = max(*tails, float(high - low) / QUARTILES)
    return Minority(is_apart, (median - cut) / max(spread, TINY))


ROUNDS = 2  # the second without what the first found least like the others
KEPT = 7 / 8  # of the articles are fitted on in the second round
MOST_FITTED = 1000  # articles
LEAST_LIKE = 1 / 4  # of them are left out of the fit, as many as may be a minority
MOST_TURNED = 128  # articles, to know where turned ones are
ROWS_TO_COMPARE = 6000  # in all, in D directions: their cost grows with its square
LEAST_TO_COMPARE = 8  # of each article, all the same


@lru_cache(maxsize=2)  # a check's sample, and the broken copy of it
def space_scores(sample: ArticleSample) -> NDArray[np.float64]:
    """Score how much each article lies in the space of the others: (A,), 1 typical, 0 turned.

    Two features, fitted on the other folds: the correlation of log variances within the article,
    along their principal directions, with theirs; and where its mean vector is along theirs. The
    linear discriminant between the articles and the same articles turned at random weighs the two
    (Fisher 1936). Left out of the fit are those which the first feature along the main directions
    finds least like the others: they hide from a whitened mean.
    """
    if not len(sample.starts):
        return np.ones(0)
    first = _space_features(sample.main, np.ones(len(sample.starts), np.bool_), turned=False)[0]
    kept = np.zeros(len(first), np.bool_)
    kept[evenly_spaced(len(first), MOST_FITTED)] = True
    kept &= first[:, 0] >= np.quantile(first[:, 0], LEAST_LIKE)
    few = sample.shortened(max(LEAST_TO_COMPARE, ROWS_TO_COMPARE // len(sample.starts)))
    own, turned = _space_features(few, kept, turned=True)
    return _discriminant(own, turned) if len(turned) else np.ones(len(own))


def _space_features(
    sample: ArticleSample, kept: NDArray[np.bool_], *, turned: bool
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return features of articles, fitted on those of the other folds that are kept.

    Args:
        kept: (A,).
        turned: Whether to return those of some articles that were turned at random, too.

    Returns:
        (A, 2), and (T, 2) of the turned ones; ones and none where a fold has no others.
    """
    dim, n_articles = sample.vectors.shape[1], len(sample.starts)
    own, others_turned = np.ones((n_articles, 2)), []
    rng = np.random.default_rng(0)
    for fold, within in enumerate(sample.within_other_folds(kept)):
        mine = sample.folds == fold
        others = kept & ~mine
        if not others.any() or not mine.any():
            return np.ones((n_articles, 2)), np.empty((0, 2))
        values, directions = principal_axes(within)
        mean = direction_of_mean(sample, others, within) if turned else np.zeros(dim)
        part = sample.take(mine)
        own[mine] = _features(part, values, directions, mean)
        if turned:
            some = part.thinned(MOST_TURNED // FOLDS)
            order, signs = rng.permutation(dim), rng.choice(np.array([-1, 1], np.float32), dim)
            some = replace(some, vectors=some.vectors[:, order] * signs)
            others_turned.append(_features(some, values, directions, mean))
    return own, np.concatenate(others_turned or [np.empty((0, 2))])


def _features(
    part: ArticleSample,
    values: NDArray[np.float64],
    directions: NDArray[np.float32],
    mean: NDArray[np.float64],
) -> NDArray[np.float64]:
    """Return the two features of each article: (A, 2)."""
    variances = part.sums(np.square(part.centred @ directions)) / (part.counts - 1)[:, None]
    correlations = correlation_of_logs(variances, values)
    return np.column_stack([correlations, part.means @ mean])


def _discriminant(own: NDArray[np.float64], other: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the linear discriminant of `own` against `other`, 1 at its median, 0 at theirs: (A,).

    Args:
        own: (A, C) features.
        other: (A, C) likewise.
    """
    middle, far = np.median(own, axis=0), np.median(other, axis=0)
    spread = np.cov(_trimmed(own, middle).T) + np.cov(_trimmed(other, far).T)
    weights = np.linalg.solve(spread + TINY * np.eye(len(spread)), middle - far)
    length = float((middle - far) @ weights)
    return np.asarray((own - far) @ weights / length if length > TINY else np.ones(len(own)))


def _trimmed(values: NDArray[np.float64], middle: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the rows without the eighth that is furthest from the middle in any column."""
    scale = np.maximum(np.median(np.abs(values - middle), axis=0), TINY)
    far = np.abs((values - middle) / scale).max(axis=1)
    return np.asarray(values[far <= np.quantile(far, KEPT)])


def sign_scores(sample: ArticleSample) -> NDArray[np.float64]:
    """Score each article's mean along the mean of the others: (A,), about 1; -1 if turned.

    Along the direction in which the other folds' mean stands out most from their own spread. 0 for
    all where articles of other folds are not along it: they have no mean in common.
    """
    n_articles = len(sample.starts)
    kept, scores = np.ones(n_articles, np.bool_), np.ones(n_articles)
    for _ in range(ROUNDS):
        found = np.ones(n_articles)
        for fold, within in enumerate(sample.within_other_folds(kept)):
            mine = sample.folds == fold
            others = kept & ~mine
            if not others.any() or not mine.any():
                return scores
            found[mine] = sample.means[mine] @ direction_of_mean(sample, others, within)
        if kept.all() and _z_of_median(found) < COMMON_Z:
            return np.zeros(n_articles)
        scores = found
        kept = scores >= np.quantile(scores, 1 - KEPT)
    return scores


COMMON_Z = 3.1  # standard errors that chance alone has once in a thousand


def _z_of_median(values: NDArray[np.float64]) -> float:
    """Return the median in its standard errors, of a normal distribution as wide."""
    middle, spread = middle_and_spread(values)
    return middle / max(spread * float(np.sqrt(np.pi / 2 / len(values))), TINY)


def direction_of_mean(
    sample: ArticleSample, among: NDArray[np.bool_], within: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return the direction in which articles' common mean stands out most: (D,), 1 along it.

    Args:
        among: (A,) the articles to take.
        within: (D, D) the covariance of their rows within articles.
    """
    means = sample.means[among]
    centre = means.mean(axis=0)
    spread = (means - centre).T @ (means - centre) / len(means) + within
    weights = np.linalg.solve(shrunk(spread), centre)
    return np.asarray(weights / max(float(centre @ weights), TINY), np.float64)


def principal_axes(
    covariance: NDArray[np.float64],
) -> tuple[NDArray[np.float64], NDArray[np.float32]]:
    """Return eigenvalues, ascending, and eigenvectors in columns, in single precision.

    Args:
        covariance: (D, D) symmetric.
    """
    from scipy.linalg import eigh  # noqa: PLC0415 - takes 0.25 s to load

    values, directions = eigh(covariance.astype(np.float32), driver="evd")
    return values.astype(np.float64), np.asarray(directions, np.float32)


def correlation_of_logs(
    variances: NDArray[np.float64], values: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return the correlation of log variances with log eigenvalues, a row each: (A,).

    Args:
        variances: (A, D) along the eigenvectors.
        values: (D,) eigenvalues.
    """
    floor = max(SHRINKAGE * float(np.maximum(values, 0).mean()), TINY)
    found, wanted = np.log(variances + floor), np.log(np.maximum(values, 0) + floor)
    found = found - found.mean(axis=1, keepdims=True)
    wanted = wanted - wanted.mean()
    norms = np.sqrt(np.vecdot(found, found) * np.vdot(wanted, wanted))
    return np.asarray((found @ wanted) / np.maximum(norms, TINY), np.float64)


GRID_ROWS = 4  # of an article


def grid_scores(sample: ArticleSample) -> NDArray[np.float64]:
    """Count the different numbers in a row of each article, over the set's median: (A,).

    The median over a few rows of the article; numbers as float16.
    """
    place = np.arange(GRID_ROWS) * (sample.counts[:, None] - 1) // (GRID_ROWS - 1)
    rows = sample.vectors[(sample.starts[:, None] + place).ravel()].astype(np.float16)
    rows.sort(axis=1)
    distinct = np.count_nonzero(np.diff(rows, axis=1), axis=1) + 1
    counts = np.median(distinct.reshape(place.shape), axis=1)
    return np.asarray(counts / max(float(np.median(counts)), 1.0), np.float64)


JOINT_DIRECTIONS = 64  # of the main ones
EDGE = 3  # rows that either part of an article must have


def joint_scores(sample: ArticleSample) -> NDArray[np.float64]:
    """Score how much better two articles explain each article than one: (A,).

    The largest log-likelihood ratio over all places to cut, over the square root of its rows, under
    a Gaussian model of articles and of rows in them (two-covariance PLDA, Brümmer & de Villiers
    2010), along the first main directions. 0 where it is too short to cut.
    """
    sample = sample.along(sample.basis[:, -JOINT_DIRECTIONS:])
    within = shrunk(sample.within())
    offsets = sample.means - sample.means.mean(axis=0)
    between = offsets.T @ offsets / len(offsets) - within * float(np.mean(1 / sample.counts))
    inverse = np.linalg.inv(np.linalg.cholesky(within))
    values, vectors = np.linalg.eigh(inverse @ between @ inverse.T)
    values = np.maximum(values, TINY**0.5)
    basis = (inverse.T @ vectors).astype(np.float32)
    along = (sample.vectors - sample.vectors.mean(axis=0)) @ basis
    found = np.zeros(len(sample.starts))
    for article, (start, n) in enumerate(zip(sample.starts, sample.counts, strict=True)):
        if n >= 2 * EDGE:
            sums = np.cumsum(along[start : start + n], axis=0, dtype=np.float64)
            left = np.arange(EDGE, n - EDGE + 1)[:, None]
            first = sums[left[:, 0] - 1]
            ratio = _log_marginal(first, left, values)
            ratio = ratio + _log_marginal(sums[-1] - first, n - left, values)
            whole = _log_marginal(sums[-1:], np.array([[n]]), values)
            found[article] = float((ratio - whole).max()) / np.sqrt(n)
    return found


def _log_marginal(
    sums: NDArray[np.float64], counts: NDArray[np.int64], values: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return what one article explains of rows with these sums: (P,), up to a constant."""
    scale = 1 + counts * values
    return np.asarray((values * sums**2 / scale - np.log(scale)).sum(axis=1) / 2, np.float64)
