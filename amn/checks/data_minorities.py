"""D: whether a few articles are of another kind than the others: turned, rounded, or two in one."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from amn.checks import broken
from amn.checks.check import check
from amn.checks.data_order import SURE
from amn.checks.profiled import by_place, share_of
from amn.data.minorities import (
    grid_scores,
    joint_scores,
    minority_below,
    sign_scores,
    space_scores,
)
from amn.data.vectors import unit_rows
from amn.errors import DoesNotApplyError
from amn.verdict import Finding, Measured, Severity

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from amn.case.limits import DataConfig
    from amn.checks.broken.copies import CaseCopy
    from amn.data.articles import ArticleSample
    from amn.data.dataset import DataSet

FEWEST_OF_SET = 32  # articles, to know how much they differ from each other
FEWEST_APART = 3  # articles: one or two may be odd
SPACE_CUT = 0.35  # 1 is a typical article, 0 one that is turned at random
SIGN_CUT = -0.35  # 1 is a typical article, -1 one whose signs are turned
SIGN_SURE = 3.0
GRID_CUT = -0.1  # log of a tenth fewer or more different numbers in a row than in the median row
JOINT_CUT = 4.5  # of what lies between the median and the 85 % quantile of the set's articles
FEWEST_JOINED = 3  # articles of two topics are written by people, too


def _named(
    apart: list[tuple[DataSet, ArticleSample, NDArray[np.bool_], float]],
    data_sets: tuple[DataSet, ...],
    name: str,
    limit: float,
    fewest: int,
    what: str,
    fix: str,
) -> Measured:
    """Name the articles of every data set that are apart, where they are more than the limit.

    Args:
        apart: Data set, its articles, which of them are apart, and the score of the furthest.
        name: Of the share of these articles, in the profile.
        limit: Most of them, as a share of all.
        what: What a typical article has, and what they have instead, with the score.
    """
    findings: list[Finding] = []
    counts: list[str] = []
    shares: list[float] = []
    for dataset, sample, is_apart, worst in apart:
        n, total = int(np.count_nonzero(is_apart)), len(is_apart)
        counts.append(f"{n} of {total:,} articles")
        shares.append(n / max(total, 1))
        if n < fewest or n <= limit * total:
            continue
        message = (
            f"expected at most {limit:.1%} of articles {what.format(worst)}, got {n} of {total:,}: "
            f"{', '.join(map(str, sample.articles[is_apart]))}"
        )
        findings.append(Finding(dataset.path.name, message, fix))
    value = ", ".join(counts) or "too few articles"
    number = max(shares, default=None)
    profile = by_place(name, data_sets, ((d, share_of(is_apart)) for d, _, is_apart, _ in apart))
    return Measured(value, f"<= {limit:.1%}", findings, number=number, profile=profile)


def _apart(
    data_sets: tuple[DataSet, ...],
    samples: tuple[ArticleSample, ...],
    score: Callable[[ArticleSample], NDArray[np.float64]],
    cut: float,
    sure: float = SURE,
) -> list[tuple[DataSet, ArticleSample, NDArray[np.bool_], float]]:
    """Return which articles score below a cut; none where the set's own tail reaches so far."""
    found = []
    for dataset, sample in zip(data_sets, samples, strict=True):
        if len(sample.starts) < FEWEST_OF_SET:
            continue
        scores = score(sample)
        minority = minority_below(scores, cut)
        is_told = minority.separation >= sure and np.mean(minority.is_apart) <= MOST_APART
        found.append((dataset, sample, minority.is_apart & is_told, float(scores.min())))
    return found


MOST_APART = 0.25  # of the articles: more are no minority, and D015 looks at groups


def _require_told(
    sample: ArticleSample,
    score: Callable[[ArticleSample], NDArray[np.float64]],
    cut: float,
    sure: float = SURE,
) -> None:
    """Raise DoesNotApplyError where articles differ too much for a minority to be seen."""
    broken.rows.require_articles(len(sample.starts), FEWEST_OF_SET)
    separation = minority_below(score(sample), cut).separation
    if separation < 2 * sure:  # the defect takes some of it
        raise DoesNotApplyError(
            f"expected articles whose own spread is {sure} standard deviations from the cut, got "
            f"{separation:.1f}"
        )


def minority_rotated(copy: CaseCopy, article_samples: tuple[ArticleSample, ...]) -> None:
    """One article of twenty has another encoder."""
    broken.rows.require_columns(copy.dataset().dim)
    _require_told(article_samples[0], space_scores, SPACE_CUT)
    broken.rows.change_some(copy, lambda rows: rows @ broken.rows.rotation(rows.shape[1]))


def minority_permuted(copy: CaseCopy, article_samples: tuple[ArticleSample, ...]) -> None:
    """One article of twenty has its columns in another order."""
    broken.rows.require_columns(copy.dataset().dim)
    _require_told(article_samples[0], space_scores, SPACE_CUT)
    order = np.random.default_rng(1).permutation(copy.dataset().dim)
    broken.rows.change_some(copy, lambda rows: rows[:, order])


@check(
    "D024",
    "article_space",
    needs=["D003", "D001", "D002", "D004", "D005"],
    broken_by=[minority_rotated, minority_permuted],
)
def check_article_space(
    data_sets: tuple[DataSet, ...],
    article_samples: tuple[ArticleSample, ...],
    data_limits: DataConfig,
) -> Measured:
    """At most 2 % of the articles are as if they were turned at random.

    By the directions in which their rows vary and by their mean vector, beside the other articles
    of the set and the same articles turned. Where the set's own spread reaches within four
    standard deviations of the cut, nobody is named.

    Why: Rows of a second encoder or with permuted columns are in every split, so that splits agree.
    Fix: Encode the named articles again: amn data build
    """
    apart = _apart(data_sets, article_samples, space_scores, SPACE_CUT)
    what = f"below {SPACE_CUT} between turned (0) and typical (1), lowest {{:.2f}}"
    fix = "encode these articles with the encoder of the others"
    return _named(apart, data_sets, "article_space", data_limits.apart, FEWEST_APART, what, fix)


def minority_negated(copy: CaseCopy, article_samples: tuple[ArticleSample, ...]) -> None:
    """One article of twenty has its signs turned."""
    if not _signs(article_samples[0]).any():
        raise DoesNotApplyError("expected articles that have a mean in common")
    _require_told(article_samples[0], _signs, SIGN_CUT, SIGN_SURE)
    broken.rows.change_some(copy, np.negative)


@check(
    "D025",
    "article_signs",
    needs=["D003", "D001", "D002", "D004", "D005"],
    broken_by=[minority_negated],
)
def check_article_signs(
    data_sets: tuple[DataSet, ...],
    article_samples: tuple[ArticleSample, ...],
    data_limits: DataConfig,
) -> Measured:
    """At most 2 % of the articles have the signs of the others turned.

    By where their mean vector is along that of the other articles, whitened. Where the set's own
    spread reaches within three standard deviations of the cut, nobody is named.

    Why: An export that turns signs keeps every cosine inside the article, and none across.
    Fix: Encode the named articles again: amn data build
    """
    apart = _apart(data_sets, article_samples, _signs, SIGN_CUT, SIGN_SURE)
    what = f"below {SIGN_CUT} between turned (-1) and typical (1), lowest {{:.2f}}"
    fix = "encode these articles with the encoder of the others"
    return _named(apart, data_sets, "article_signs", data_limits.apart, FEWEST_APART, what, fix)


def _signs(sample: ArticleSample) -> NDArray[np.float64]:
    """Return `sign_scores` along the main directions: (A,)."""
    return sign_scores(sample.main)


def _grid(sample: ArticleSample) -> NDArray[np.float64]:
    """Return minus the absolute logarithm of `grid_scores`: (A,)."""
    return -np.abs(np.log(grid_scores(sample)))


def minority_int8(copy: CaseCopy, article_samples: tuple[ArticleSample, ...]) -> None:
    """One article of twenty is rounded to 8 bits."""
    _require_told(article_samples[0], _grid, GRID_CUT)
    _require_coarser(article_samples[0], 127)
    broken.rows.change_some(copy, lambda rows: broken.rows.quantised(rows, 127))


def minority_int4(copy: CaseCopy, article_samples: tuple[ArticleSample, ...]) -> None:
    """One article of twenty is rounded to 4 bits."""
    _require_told(article_samples[0], _grid, GRID_CUT)
    _require_coarser(article_samples[0], 7)
    broken.rows.change_some(copy, lambda rows: broken.rows.quantised(rows, 7))


def minority_padded(copy: CaseCopy, article_samples: tuple[ArticleSample, ...]) -> None:
    """One article of twenty is cut to three quarters of its columns and padded with zeros."""
    _require_told(article_samples[0], _grid, GRID_CUT)
    kept = np.arange(copy.dataset().dim) < 3 * copy.dataset().dim // 4
    broken.rows.change_some(copy, lambda rows: np.where(kept, rows, 0.0))


MOST_COUNTED = 256  # rows


def _require_coarser(sample: ArticleSample, steps: int) -> None:
    """Raise DoesNotApplyError where rows are so short that most of their numbers still differ."""
    rows = sample.vectors[:MOST_COUNTED]
    coarse = unit_rows(broken.rows.quantised(rows.astype(np.float64), steps))
    found, kept = (np.median([len(np.unique(row)) for row in part]) for part in (rows, coarse))
    if np.log(kept / found) > 2 * GRID_CUT:
        raise DoesNotApplyError(f"expected more columns than the {rows.shape[1]} there are")


@check(
    "D026",
    "article_grid",
    needs=["D003", "D001", "D002", "D004", "D005"],
    broken_by=[minority_int8, minority_int4, minority_padded],
)
def check_article_grid(
    data_sets: tuple[DataSet, ...],
    article_samples: tuple[ArticleSample, ...],
    data_limits: DataConfig,
) -> Measured:
    """At most 2 % of the articles have a tenth fewer or more different numbers in a row than usual.

    Beside the median article of the set. Where the set's own spread reaches within four standard
    deviations of that, nobody is named.

    Why: Rows that were stored in few bits, cut or padded come from another run of the encoder.
    Fix: Encode the named articles again: amn data build
    """
    apart = _apart(data_sets, article_samples, _grid, GRID_CUT)
    what = "with rows of other numbers than the median row, by 10 %, furthest {:.2f} in logarithms"
    fix = "export these articles like the others"
    return _named(apart, data_sets, "article_grid", data_limits.apart, FEWEST_APART, what, fix)


def _joined(sample: ArticleSample) -> NDArray[np.float64]:
    """Return how far an article is above the median of `joint_scores`, turned round: (A,)."""
    scores = joint_scores(sample)
    middle, high = np.quantile(scores, [0.5, 0.85])
    return np.asarray(-(scores - middle) / max(float(high - middle), np.finfo(float).tiny))


JOINED_SEEN = 24  # rows of an article, to see most of those that are joined


def minority_joined(copy: CaseCopy, article_samples: tuple[ArticleSample, ...]) -> None:
    """One article of twenty goes on with the rows of another one."""
    if np.median(article_samples[0].counts) < JOINED_SEEN:
        raise DoesNotApplyError(f"expected articles of {JOINED_SEEN} rows")
    dataset, vectors = copy.dataset(), copy.vectors().astype(np.float64)
    some = broken.rows.some_articles(dataset)
    for article in some:
        mine = dataset.rows_of(article)
        far = np.searchsorted(dataset.articles, article) + len(dataset.articles) // 2
        other = dataset.articles[far % len(dataset.articles)]
        theirs = dataset.rows_of(other)
        n = min(len(mine) // 2, len(theirs))
        vectors[mine[len(mine) - n :]] = vectors[theirs[:n]]
    broken.rows.rewrite_vectors(copy, vectors)
    if np.count_nonzero(_joined(copy.sample()) < -JOINT_CUT) < max(
        FEWEST_JOINED, copy.config.data.apart * len(dataset.articles)
    ):
        raise DoesNotApplyError("expected articles that are more unlike each other")


@check(
    "D027",
    "joined_articles",
    severity=Severity.INCONCLUSIVE,
    needs=["D007"],
    broken_by=[minority_joined],
)
def check_joined_articles(
    data_sets: tuple[DataSet, ...],
    article_samples: tuple[ArticleSample, ...],
    data_limits: DataConfig,
) -> Measured:
    """At most 2 % of the articles are better explained as two articles than as one.

    By more than 4.5 times what lies between the median and the 85 % quantile of the set's own
    articles.

    Why: Two articles under one id give windows whose context is another text than their target.
    Fix: Look where the named articles change their subject; give each part an id of its own
    """
    found = []
    for dataset, sample in zip(data_sets, article_samples, strict=True):
        if len(sample.starts) >= FEWEST_OF_SET:
            scores = _joined(sample)
            found.append((dataset, sample, scores < -JOINT_CUT, float(-scores.min())))
    what = f"above {JOINT_CUT} times the usual spread as two articles, highest {{:.1f}}"
    fix = "look where these articles change their subject: each part needs an id of its own"
    return _named(found, data_sets, "joined_articles", data_limits.apart, FEWEST_JOINED, what, fix)
