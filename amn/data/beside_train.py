"""The articles of a split beside those of train: how far apart they lie, how easy they are.

Letters: A articles, n rows, D numbers in a vector.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from amn.data.articles import FOLDS, TINY, ArticleSample, article_means, shrunk
from amn.data.minorities import direction_of_mean, sign_scores

if TYPE_CHECKING:
    from numpy.typing import NDArray


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
    sums = sample.sums(scores - own_mean) / sizes
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
        cosines[context:] = np.where(sample.place[context:] >= context, found, np.nan)
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
        other.means @ direction_of_mean(train, everything, train.within())
    )
