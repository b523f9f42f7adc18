"""Articles beside the other articles of their data set: their order, their space, their numbers.

Every score is held against the set's own articles: against permutations inside the article, against
what the articles themselves would give in a turned space, or against the spread over all of them.
No number here was measured on another corpus.

Letters: A articles, n rows, D numbers in a vector, F folds, K directions.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from amn.data.dataset import run_starts
from amn.data.sampling import evenly_spaced, unit_vectors
from amn.data.vectors import unit_rows

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from amn.data.dataset import DataSet
    from amn.data.ids import Ids

MOST_ROWS = 24_000  # 74 MB as float32 at D = 768: of a larger set, fewer rows of an article
SPLIT_ROWS = 8000  # of a split of such a set
MOST_OF_ARTICLE = 48  # consecutive rows from the first on
WHOLE = 1000  # articles: of so many the sample has 24 rows each, or all
FEWEST_OF_ARTICLE = 6  # rows: with fewer an article says little about itself
MAIN = 128  # directions: the cost of all that is fitted grows with their square
ROWS_OF_MAIN = 16  # of which each of them needs so many
ROWS_TO_FIT = 4096  # evenly over a sample: 32 for each main direction
FOLDS = 3  # an article is never measured with what it was fitted on
SHRINKAGE = 0.05  # of the mean eigenvalue, added to each: few rows say little of small directions
WIDE = 64  # numbers in a row: from there on a sum an article is five times as fast as `reduceat`
TINY = 1e-12


@dataclass(frozen=True)
class ArticleSample:
    """The first rows of articles, one article after another.

    Attributes:
        vectors: (n, D) float32 unit rows.
        starts: (A,) int64 position of the first row of each article.
        articles: (A,) ids.
    """

    vectors: NDArray[np.float32]
    starts: NDArray[np.int64]
    articles: Ids

    @cached_property
    def counts(self) -> NDArray[np.int64]:
        """(A,) rows of each article."""
        return np.diff(np.append(self.starts, len(self.vectors)))

    @cached_property
    def owner(self) -> NDArray[np.int64]:
        """(n,) position of the article of each row."""
        return np.repeat(np.arange(len(self.starts)), self.counts)

    @cached_property
    def means(self) -> NDArray[np.float64]:
        """(A, D) mean vector of each article."""
        return self.sums(self.vectors) / self.counts[:, None]

    @property
    def centred(self) -> NDArray[np.float32]:
        """(n, D) rows without the mean of their article: made anew at each call."""
        return self.vectors - self.means.astype(np.float32)[self.owner]

    @cached_property
    def folds(self) -> NDArray[np.int64]:
        """(A,) fold of each article, 0 … F - 1, by turns."""
        return np.arange(len(self.starts)) % FOLDS

    def within(self, among: NDArray[np.bool_] | None = None) -> NDArray[np.float64]:
        """Return the covariance of rows within their articles: (D, D).

        Args:
            among: (A,) the articles to take; None takes all.
        """
        mine = np.ones(len(self.starts), np.bool_) if among is None else among
        return self._scatter(mine) / max(self._freedom(mine), 1)

    def within_other_folds(self, among: NDArray[np.bool_]) -> list[NDArray[np.float64]]:
        """Return the covariance of rows within the articles of all folds but one: F of (D, D).

        Args:
            among: (A,) the articles to take.
        """
        folds = [among & (self.folds == fold) for fold in range(FOLDS)]
        scatters = [self._scatter(mine) for mine in folds]
        total, free = sum(scatters), self._freedom(among)
        return [
            np.asarray((total - scatter) / max(free - self._freedom(mine), 1))
            for mine, scatter in zip(folds, scatters, strict=True)
        ]

    def _scatter(self, mine: NDArray[np.bool_]) -> NDArray[np.float64]:
        """Return the sums of squares and products of rows around their article's mean: (D, D)."""
        rows = self.take(mine).centred
        return np.asarray(rows.T @ rows, np.float64)

    def _freedom(self, mine: NDArray[np.bool_]) -> int:
        return int((self.counts[mine] - 1).sum())

    def sums(self, values: NDArray[np.floating]) -> NDArray[np.float64]:
        """Return sums of rows by article: (A, …) float64."""
        width = math.prod(values.shape[1:])
        if width < WIDE:
            return np.add.reduceat(values, self.starts, axis=0, dtype=np.float64)
        total = np.empty((len(self.starts), *values.shape[1:]))
        ends = self.starts + self.counts
        for own, start, end in zip(total, self.starts, ends, strict=True):
            np.add.reduce(values[start:end], axis=0, dtype=np.float64, out=own)
        return total

    def take(self, chosen: NDArray[np.bool_]) -> ArticleSample:
        """Return some of the articles.

        Args:
            chosen: (A,).
        """
        counts = self.counts[chosen]
        starts = np.cumsum(counts) - counts
        return ArticleSample(self.vectors[chosen[self.owner]], starts, self.articles[chosen])

    def shortened(self, most: int) -> ArticleSample:
        """Return at most so many rows of each article, its first ones."""
        counts = np.minimum(self.counts, most)
        place = np.arange(len(self.vectors)) - self.starts[self.owner]
        return ArticleSample(self.vectors[place < most], np.cumsum(counts) - counts, self.articles)

    def thinned(self, most: int) -> ArticleSample:
        """Return at most so many articles, evenly over the ids."""
        chosen = np.zeros(len(self.starts), np.bool_)
        chosen[evenly_spaced(len(chosen), most)] = True
        return self.take(chosen)

    @cached_property
    def in_space(self) -> NDArray[np.float64]:
        """(A,) how much each lies in the space of the others: see `space_scores`."""
        return space_scores(self)

    @cached_property
    def basis(self) -> NDArray[np.float32]:
        """(D, K) orthonormal: at most `MAIN` directions, those of most of the rows' squares.

        A mean that all rows have is among these directions.
        """
        from scipy.linalg import eigh  # noqa: PLC0415 - takes 0.25 s to load

        dim = self.vectors.shape[1]
        most = min(MAIN, max(len(self.vectors) // ROWS_OF_MAIN, 8))
        if dim <= most:
            return np.eye(dim, dtype=np.float32)
        some = self.vectors[evenly_spaced(len(self.vectors), ROWS_TO_FIT)]
        return np.asarray(eigh(some.T @ some, subset_by_index=(dim - most, dim - 1))[1])

    def along(self, basis: NDArray[np.float32]) -> ArticleSample:
        """Return the same rows along some directions: (n, K).

        Args:
            basis: (D, K) orthonormal.
        """
        return ArticleSample(self.vectors @ basis, self.starts, self.articles)

    @cached_property
    def main(self) -> ArticleSample:
        """The same rows along their main directions."""
        return self.along(self.basis)


def sample_articles(
    dataset: DataSet, among: Ids | None = None, *, most: int = MOST_ROWS
) -> ArticleSample:
    """Return the first rows of articles that have `FEWEST_OF_ARTICLE` of them or more.

    All articles where they fit into `most` rows, with fewer rows each where they must; else
    articles spread evenly over the ids.

    Args:
        among: (m,) ids to choose from; None takes all.
    """
    starts = run_starts(dataset.codes)
    sizes = np.diff(np.append(starts, len(dataset)))
    long = np.flatnonzero(sizes >= FEWEST_OF_ARTICLE)
    if among is not None:
        long = long[dataset.is_in(among)[starts[long]]]
    chosen = long[evenly_spaced(len(long), most // FEWEST_OF_ARTICLE)] if len(long) else long
    cap = np.clip(most // max(len(chosen), 1), FEWEST_OF_ARTICLE, MOST_OF_ARTICLE)
    counts = np.minimum(sizes[chosen], cap)
    first = np.cumsum(counts) - counts
    rows = np.repeat(starts[chosen] - first, counts) + np.arange(int(counts.sum()))
    return ArticleSample(
        unit_vectors(dataset, rows), first, dataset.articles[dataset.codes[starts[chosen]]]
    )


def sample_split(dataset: DataSet, among: Ids, sample: ArticleSample) -> ArticleSample:
    """Return the articles of a split: out of its data set's sample where that left nothing out.

    Of a large data set it holds few articles or few rows of a small split; a sample of its own is
    read then.

    Args:
        among: (m,) ids of the split.
        sample: Of all articles of `dataset`.
    """
    if len(sample.starts) <= WHOLE:
        return sample.take(np.isin(sample.articles, among))
    return sample_articles(dataset, among, most=SPLIT_ROWS)


def shrunk(covariance: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return a covariance (D, D) with `SHRINKAGE` of its mean eigenvalue in every direction."""
    dim = len(covariance)
    added = SHRINKAGE * max(float(np.trace(covariance)) / dim, TINY)
    return np.asarray(covariance + added * np.eye(dim), np.float64)


# The order of rows.


@dataclass(frozen=True)
class RowOrder:
    """How much the order of its rows is worth in each article.

    Cosines are of rows without their article's mean.

    Attributes:
        scores: (A,) standard deviations that the sum of neighbours' cosines is above its mean over
            all permutations of the article's rows; 0 where permutations change nothing.
        near: (n,) cosine of each row with the next one of its article; NaN for the last.
        second: (n,) with the one after that.
        overall: (A,) mean over all pairs of rows of the article.
        fading: (A,) as `scores`, of the sum over all pairs of the cosine by the distance of the two
            rows: what fades slowly is seen at more than one step.
    """

    scores: NDArray[np.float64]
    near: NDArray[np.float64]
    second: NDArray[np.float64]
    overall: NDArray[np.float64]
    fading: NDArray[np.float64]


def row_order(sample: ArticleSample) -> RowOrder:
    """Measure the order of rows along their main directions, exactly over all permutations."""
    unit = unit_rows(sample.main.centred)
    near, second = (_lagged(unit, sample.owner, lag) for lag in (1, 2))
    n = sample.counts.astype(np.float64)
    whole = sample.sums(unit)
    own = sample.sums(np.vecdot(unit, unit)[:, None])[:, 0]
    sums = np.vecdot(whole, whole) - own
    rows = np.vecdot(unit, whole[sample.owner].astype(np.float32)) - np.vecdot(unit, unit)
    chains = sample.sums((rows.astype(np.float64) ** 2)[:, None])[:, 0]
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
    found = sample.sums(np.nan_to_num(near)[:, None])[:, 0]
    return RowOrder(
        scores=_over_permutations(found, cosines, of_beside, n),
        near=near,
        second=second,
        overall=sums / (n * (n - 1)),
        fading=_over_permutations(faded, cosines, of_fading, n),
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
    deviation = np.sqrt(np.maximum(moment - mean**2, 0.0))
    is_told = deviation > TINY**0.5
    return np.where(is_told, (found - mean) / np.where(is_told, deviation, 1.0), 0.0)


def _matrix_sums(matrix: NDArray[np.float64]) -> tuple[float, float, float]:
    """Return the sums of a matrix, of its squares and of its squared row sums."""
    rows = matrix.sum(axis=0)
    return float(rows.sum()), float(np.vdot(matrix, matrix)), float(np.vdot(rows, rows))


def likeness(sample: ArticleSample) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the cosine of each row with the next one of its article, and the mean over all pairs.

    Returns:
        (n,), NaN for the last row of each article; and (A,).
    """
    unit = unit_rows(sample.vectors)
    whole, n = sample.sums(unit), sample.counts
    return _lagged(unit, sample.owner, 1), (np.vecdot(whole, whole) - n) / (n * (n - 1))


def _lagged(
    unit: NDArray[np.float32], owner: NDArray[np.int64], lag: int
) -> NDArray[np.float64]:  # fmt: skip
    """Return the cosine of each row with the one `lag` further, NaN across articles: (n,)."""
    found = np.full(len(unit), np.nan)
    if len(unit) > lag:
        cosines = np.vecdot(unit[:-lag], unit[lag:]).astype(np.float64)
        found[:-lag] = np.where(owner[lag:] == owner[:-lag], cosines, np.nan)
    return found


def _squares_and_sum(
    unit: NDArray[np.float32], weights: NDArray[np.float64]
) -> tuple[float, float]:
    """Return the sum of squared and that of weighted cosines of all ordered pairs of rows."""
    products = (unit @ unit.T).astype(np.float64)
    np.fill_diagonal(products, 0.0)
    return float(np.vdot(products, products)), float(np.vdot(products, weights))


def article_means(values: NDArray[np.float64], sample: ArticleSample) -> NDArray[np.float64]:
    """Return the mean of each article's values that are not NaN, NaN where there is none: (A,)."""
    known = ~np.isnan(values)
    counts = sample.sums(known[:, None].astype(np.float64))[:, 0]
    totals = sample.sums(np.where(known, values, 0.0)[:, None])[:, 0]
    return np.where(counts > 0, totals / np.maximum(counts, 1), np.nan)


def z_of_mean(values: NDArray[np.float64]) -> float:
    """Return the mean of articles' numbers in its standard errors.

    Args:
        values: (A,), two or more.
    """
    error = float(values.std(ddof=1) / np.sqrt(len(values)))
    return float(values.mean()) / max(error, TINY)


# Articles that are not like the others.


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
        mean = _along_mean(sample, others, within) if turned else np.zeros(dim)
        part = sample.take(mine)
        own[mine] = _features(part, values, directions, mean)
        if turned:
            some = part.thinned(MOST_TURNED // FOLDS)
            turn = rng.permutation(dim), rng.choice(np.array([-1, 1], np.float32), dim)
            some = ArticleSample(some.vectors[:, turn[0]] * turn[1], some.starts, some.articles)
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


def _along_mean(
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
            found[mine] = sample.means[mine] @ _along_mean(sample, others, within)
        if kept.all() and _z_of_median(found) < COMMON_Z:
            return np.zeros(n_articles)
        scores = found
        kept = scores >= np.quantile(scores, 1 - KEPT)
    return scores


COMMON_Z = 3.1  # standard errors that chance alone has once in a thousand


def _z_of_median(values: NDArray[np.float64]) -> float:
    """Return the median in its standard errors, which a quarter of other values hardly moves."""
    middle = float(np.median(values))
    spread = 1.4826 * float(np.median(np.abs(values - middle)))  # of a normal distribution
    return middle / max(spread * float(np.sqrt(np.pi / 2 / len(values))), TINY)


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


def opening_scores(sample: ArticleSample) -> NDArray[np.float64]:
    """Score how far each article's rows lie as the places that they have say: (A,).

    In standard deviations over all permutations of its rows: the covariance of 1 / (1 + place),
    which tells first rows from others, with what tells it best in the other folds: rows without
    their article's mean, and how near each is to the middle of the others. 0 where permutations
    change nothing.
    """
    from scipy.linalg import lu_factor  # noqa: PLC0415 - takes 0.25 s to load

    others = unit_rows(sample.sums(sample.vectors)[sample.owner] - sample.vectors)
    nearness = np.vecdot(sample.vectors, others.astype(np.float32))
    rows = ArticleSample(
        np.column_stack([sample.vectors, nearness]), sample.starts, sample.articles
    )
    centred, n_articles = rows.centred, len(rows.starts)
    curve = 1.0 / (1 + np.arange(len(centred)) - rows.starts[rows.owner])
    curve -= (rows.sums(curve[:, None]) / rows.counts[:, None])[rows.owner, 0]
    told = np.zeros(len(centred))
    for fold, within in enumerate(rows.within_other_folds(np.ones(n_articles, np.bool_))):
        mine = (rows.folds == fold)[rows.owner]
        if mine.any() and not mine.all():
            found = _told(centred, np.where(mine, 0.0, curve), lu_factor(shrunk(within)))
            told[mine] = found[mine]
    products = rows.sums(np.column_stack([told * curve, told**2, curve**2]))
    deviation = np.sqrt(products[:, 1] * products[:, 2] / (rows.counts - 1))
    is_told = deviation > TINY**0.5
    return np.where(is_told, products[:, 0] / np.where(is_told, deviation, 1.0), 0.0)


def order_scores(sample: ArticleSample, order: RowOrder) -> NDArray[np.float64]:
    """Score how much the order of its rows is worth in each article: (A,).

    About 0 in a random order, with a deviation of 1: from how likeness fades with distance, and
    from where first rows are.

    Args:
        order: Of `sample`.
    """
    return np.asarray((order.fading + opening_scores(sample.main)) / np.sqrt(2))


def _told(
    centred: NDArray[np.float32],
    values: NDArray[np.float64],
    factor: tuple[NDArray[Any], NDArray[Any]],
) -> NDArray[np.float32]:
    """Return what rows tell of values by the linear discriminant of their space: (n,).

    Args:
        centred: (n, D) rows without the mean of their article.
        values: (n,) 0 on average over an article, and where it is not fitted on.
        factor: Of the covariance of rows within articles, by `scipy.linalg.lu_factor`.
    """
    from scipy.linalg import lu_solve  # noqa: PLC0415 - takes 0.25 s to load

    target = values.astype(np.float32) @ centred
    return np.asarray(centred @ lu_solve(factor, target.astype(np.float64)).astype(np.float32))


def direction_scores(sample: ArticleSample) -> NDArray[np.float64]:
    """Score how much each article runs from its beginning to its end: (A,), median 1.

    Reversing an article turns the sign of its score. Three features, fitted on the other folds: the
    covariance of place with what tells place best, the same of the ends alone, and how much nearer
    to the middle of the article its first row is than its last. What runs backwards in the first
    round is turned round before the second is fitted.
    """
    from scipy.linalg import lu_factor  # noqa: PLC0415 - takes 0.25 s to load

    n_articles = len(sample.starts)
    n = sample.counts[sample.owner]
    place = np.arange(len(sample.vectors)) - sample.starts[sample.owner]
    along = (place - (n - 1) / 2) / (n - 1)
    ends = (place == n - 1) - (place == 0).astype(np.float64)
    lengths = [np.sqrt(sample.sums((odd**2)[:, None])[:, 0]) for odd in (along, ends)]
    turn, scores, centred = np.ones(n_articles), np.ones(n_articles), sample.centred
    withins = sample.within_other_folds(np.ones(n_articles, np.bool_))
    factors = [lu_factor(shrunk(within)) for within in withins]
    for _ in range(ROUNDS):
        features = np.column_stack([np.zeros((n_articles, 2)), lead_scores(sample)])
        for fold in range(FOLDS):
            mine = sample.folds == fold
            if mine.all() or not mine.any():
                return scores
            others = np.where(mine, 0.0, turn)[sample.owner]
            for k, odd in enumerate((along, ends)):
                told = _told(centred, odd * others, factors[fold])
                held = sample.sums((told * odd)[:, None])[:, 0] / lengths[k]
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
    rows = np.arange(len(sample.vectors))
    last = (sample.starts + sample.counts - 1)[sample.owner]
    back = np.where(turned[sample.owner], last - rows + sample.starts[sample.owner], rows)
    scores = direction_scores(ArticleSample(sample.vectors[back], sample.starts, sample.articles))
    spread = np.sqrt((scores[turned].var() + scores[~turned].var()) / 2)
    return float((scores[~turned].mean() - scores[turned].mean()) / max(float(spread), TINY) / 2)


def lead_scores(sample: ArticleSample) -> NDArray[np.float64]:
    """Return how much nearer to the middle of its article its first row is than its last: (A,)."""
    first, last = sample.vectors[sample.starts], sample.vectors[sample.starts + sample.counts - 1]
    middle = unit_rows(sample.sums(sample.vectors) - first - last)
    return np.asarray(np.vecdot((first - last).astype(np.float64), middle), np.float64)


# Splits beside train.


def pooled(*samples: ArticleSample) -> ArticleSample:
    """Return the articles of several samples as one, one sample after another."""
    shifts = np.cumsum([0, *(len(sample.vectors) for sample in samples[:-1])])
    starts = [s.starts + shift for s, shift in zip(samples, shifts, strict=True)]
    return ArticleSample(
        np.concatenate([sample.vectors for sample in samples]),
        np.concatenate(starts),
        np.concatenate([sample.articles for sample in samples]),
    )


def separation(sample: ArticleSample, first: NDArray[np.bool_]) -> tuple[float, float]:
    """Return how far rows of two groups of articles lie apart, d', and its standard error.

    The distance of the two means in standard deviations of rows, 0 and up, along the linear
    discriminant of the other folds' articles. The error is clustered by article. Both 0 where a
    fold has no article of one group.

    Args:
        first: (A,) which articles are in the first group.
    """
    scores = np.zeros(len(sample.vectors))
    order = np.empty(len(first), np.int64)  # folds by turns in each group
    for side in (first, ~first):
        order[side] = np.arange(int(side.sum())) % FOLDS
    for fold in range(FOLDS):
        fitted = order != fold
        if not (fitted & first).any() or not (fitted & ~first).any():
            return 0.0, 0.0
        rows = [sample.vectors[(fitted & side)[sample.owner]] for side in (first, ~first)]
        means = [part.mean(axis=0, dtype=np.float64) for part in rows]
        centred = [part - mean.astype(np.float32) for part, mean in zip(rows, means, strict=True)]
        spread = sum((part.T @ part).astype(np.float64) for part in centred)
        covariance = np.asarray(spread) / sum(map(len, rows))
        weights = np.linalg.solve(shrunk(covariance), means[0] - means[1])
        mine = (order == fold)[sample.owner]
        scores[mine] = (sample.vectors[mine] - np.add(*means) / 2) @ weights
    groups = [scores[side[sample.owner]] for side in (first, ~first)]
    spread_of_scores = max(float(np.sqrt(np.mean([part.var() for part in groups]))), TINY)
    distance = float(groups[0].mean() - groups[1].mean())
    own_mean = np.where(first[sample.owner], groups[0].mean(), groups[1].mean())
    sizes = np.where(first, len(groups[0]), len(groups[1]))
    sums = sample.sums((scores - own_mean)[:, None])[:, 0] / sizes
    error = float(np.sqrt(np.vdot(sums, sums)))
    return max(0.0, distance / spread_of_scores), error / spread_of_scores


def context_scores(
    sample: ArticleSample, context: int, last: int | None = None
) -> NDArray[np.float64]:
    """Return the mean cosine of each row with the mean of the rows before it, by article.

    (A,); NaN where an article has no more than `context` rows.

    Args:
        context: Rows that a row must have before it.
        last: How many of them are averaged; None takes all.
    """
    place = np.arange(len(sample.vectors)) - sample.starts[sample.owner]
    cosines = np.full(len(sample.vectors), np.nan)
    if len(sample.vectors) > context:
        n = context if last is None else last
        sums = sample.vectors[context - n : -n].copy()  # of rows 0 … context - 1, and so on
        for lag in range(1, n):
            sums += sample.vectors[context - n + lag : lag - n]
        targets = sample.vectors[context:]
        products = np.vecdot(sums, targets).astype(np.float64)
        norms = np.vecdot(sums, sums).astype(np.float64) * np.vecdot(targets, targets)
        found = products / np.sqrt(np.maximum(norms, TINY))
        cosines[context:] = np.where(place[context:] >= context, found, np.nan)
    return article_means(cosines, sample)


UNLIKE = 2.0  # times what one row less is worth: between retraining and another width, see below


def likely_scatter(sample: ArticleSample, context: int) -> float:
    """Return the standard deviation over articles that two equal predictors' difference may have.

    Twice that of the means of `context` and of one row fewer, which differ as a retraining does:
    0.012 on wiki-mini, where seeds have 0.0025 and other widths 0.0095. NaN of fewer than two rows
    or articles.
    """
    if context < 2:  # noqa: PLR2004 - there is no mean of fewer rows
        return float("nan")
    gaps = context_scores(sample, context) - context_scores(sample, context, context - 1)
    known = gaps[~np.isnan(gaps)]
    return UNLIKE * float(known.std(ddof=1)) if len(known) > 1 else float("nan")


def along_mean(train: ArticleSample, other: ArticleSample) -> tuple[NDArray[np.float64], ...]:
    """Return where articles' means are along train's: train's own, held out, and the other's.

    1 for train's own mean, -1 for it turned: (A,) and (A',).
    """
    everything = np.ones(len(train.starts), np.bool_)
    return sign_scores(train), np.asarray(
        other.means @ _along_mean(train, everything, train.within())
    )
