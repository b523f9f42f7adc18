"""D: whether the rows of an article are in the order of the text."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from amn.checks import broken
from amn.checks.check import check, some_ids
from amn.checks.profiled import by_place, over_articles, share_of
from amn.data.articles import FEWEST_OF_ARTICLE, article_means, middle_and_spread, z_of_mean
from amn.data.minorities import find_below
from amn.data.row_order import likeness, order_scores, usual_fall
from amn.errors import DoesNotApplyError
from amn.verdict import Finding, Measured, Severity

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from amn.case.limits import DataConfig
    from amn.checks.broken.copies import CaseCopy
    from amn.data.articles import ArticleSample
    from amn.data.dataset import DataSet
    from amn.data.ids import Ids
    from amn.data.row_order import RowOrder
    from amn.verdict import Statistic

FEWEST_ARTICLES = 8
FEWEST_PAIRS = 200  # neighbours in all: text in order gives them a z of 6 in every space tried
STRETCH = 20  # articles that follow each other
FEW_TO_BREAK = 120  # articles: of fewer, what is broken in some is within the spread of all
UNLIKELIER = 10_000_000  # times: what tells order is fitted on what is broken, too
SPREAD = ", too spread to tell"  # beside a number that says nothing
SURE = 4.0  # standard deviations between what is usual here and a limit, to tell them apart


PERIODS = range(2, 13)  # rows
BLOCKED_BY_CHANCE = 1 / 10_000  # of one period, by Student's t: of all eleven once in 900 sets
FEWEST_BLOCKED = 16  # articles: the spread of fewer is not known
UNORDERED = 0.0  # z that half of the articles in a random order are below, in the profile
ALONE = 0.3  # of chance by likeness alone, where both together reach their limit
FEWEST_LONG = 12  # rows of an article: of fewer the score has no room above its median


def shuffled_articles(copy: CaseCopy) -> None:
    """Rows are shuffled inside articles.

    Keys and digests are right.
    """
    if (copy.sample().counts - 1).sum() < FEWEST_PAIRS:
        raise DoesNotApplyError(f"expected {FEWEST_PAIRS} neighbours")
    broken.rows.shuffle_rows(copy)


@check(
    "D007",
    "row_order",
    needs=["D003", "D001", "D002", "D004", "D005"],
    broken_by=[shuffled_articles],
)
def check_row_order(
    data_sets: tuple[DataSet, ...],
    article_orders: tuple[RowOrder, ...],
    data_limits: DataConfig,
) -> Measured:
    """Neighbouring rows of an article are more alike than its rows in a random order.

    In standard deviations over all permutations inside the articles, summed over articles: z above
    3.1, which one of a thousand random orders reaches.

    Why: Ids can be right while vectors are in another order; then the task has no answer, and looks
    like a bad model.
    Fix: Sort the export by (article, chunk), not by insertion, and import it again: amn data import
    SOURCE FOLDER
    """
    findings: list[Finding] = []
    found: list[float] = []
    for dataset, order in zip(data_sets, article_orders, strict=True):
        where, n = dataset.path.name, len(order.scores)
        z = float(order.scores.sum() / np.sqrt(max(n, 1)))
        found.append(z)
        if z > data_limits.row_order:
            continue
        if order.pairs < FEWEST_PAIRS:
            message = (
                f"expected {FEWEST_PAIRS} neighbours in articles of {FEWEST_OF_ARTICLE} rows and "
                f"more to see the order of the text, got {order.pairs} in {n} articles"
            )
            findings.append(Finding(where, message, "use a larger data set", Severity.INCONCLUSIVE))
            continue
        message = (
            "expected neighbours more alike than rows of a random order by more than "
            f"{data_limits.row_order} standard deviations, got {z:.1f} over {n:,} articles: rows "
            "are not in the order of the text"
        )
        findings.append(Finding(where, message, SORT))
    return Measured(
        ", ".join(f"{z:.1f}" for z in found),
        f"> {data_limits.row_order}",
        findings,
        detail="z of neighbours' cosines against permutations inside the article",
        number=min(found, default=None),
        profile=by_place(
            "row_order",
            data_sets,
            zip(data_sets, (over_articles(o.scores) for o in article_orders), strict=True),
        ),
    )


SORT = "sort the export by (article, chunk), not by insertion: amn data import"


def blocks_shuffled(copy: CaseCopy) -> None:
    """Blocks of five rows run from the last one to the first."""
    dataset = copy.dataset()
    counts = np.bincount(dataset.codes)
    place = np.arange(len(dataset)) - np.repeat(np.cumsum(counts) - counts, counts)
    is_whole = place < np.repeat(counts // 5 * 5, counts)
    n, n_long = np.count_nonzero(counts >= FEWEST_OF_ARTICLE), np.count_nonzero(counts >= 10)  # noqa: PLR2004 - two blocks
    if n_long < max(FEW_TO_BREAK, 0.9 * n):
        raise DoesNotApplyError(f"expected articles of two blocks, got {n_long} of {n}")
    broken.rows.sort_rows(copy, np.where(is_whole, -(place // 5), 1))


@check("D016", "row_blocks", needs=["D007"], broken_by=[blocks_shuffled])
def check_row_blocks(
    data_sets: tuple[DataSet, ...],
    article_samples: tuple[ArticleSample, ...],
    data_limits: DataConfig,
) -> Measured:
    """The likeness of neighbours does not fall at every second, third … twelfth row.

    By at most half of what it falls from neighbours to any two rows of an article: nearer to 0, as
    in running text, where no period is special, than to 1, as where two passages meet.

    Why: A parallel export that writes blocks in the order in which they were done keeps most
    neighbours; windows then reach into other passages.
    Fix: Sort the export by (article, chunk), and import it again: amn data import SOURCE FOLDER
    """
    findings: list[Finding] = []
    shares: list[float] = []
    for dataset, sample in zip(data_sets, article_samples, strict=True):
        share, p, period = _worst_period(sample)
        shares.append(share)
        if share <= data_limits.blocks:
            continue
        message = (
            f"expected neighbours as alike at every place, within {data_limits.blocks:.0%} of the "
            f"fall to any two rows of an article, got {share:.0%} less at every row {period} (p "
            f"{p:.1g}): blocks of {period} rows are in another order"
        )
        findings.append(Finding(dataset.path.name, message, SORT))
    value = ", ".join(f"{share:.2f}" for share in shares)
    limit = f"<= {data_limits.blocks}"
    return Measured(value, limit, findings, number=max(shares, default=None))


def _worst_period(sample: ArticleSample) -> tuple[float, float, int]:
    """Return the surest fall at one period, in shares of the usual fall, its p, and the period.

    Each place is held against those beside it but the first, since articles begin with rows that
    are more alike. Rows are as they are: around its article's mean, a row in the middle of a short
    article is less like the next one than at either end.
    """
    from scipy.special import stdtr  # noqa: PLC0415 - loads scipy

    worst = (0.0, BLOCKED_BY_CHANCE, 0)
    if len(sample.starts) < FEWEST_BLOCKED:
        return worst
    near, overall = likeness(sample.main)
    usual = usual_fall(near, overall)
    place = sample.place
    beside = np.where(place == 0, np.nan, near)
    before, after = np.r_[np.nan, beside[:-1]], np.r_[beside[1:], np.nan]  # NaN across articles
    both = (before + after) / 2
    beside = np.where(np.isnan(before), after, np.where(np.isnan(after), before, both))
    for period in PERIODS:
        at_border = place % period == period - 1
        falls = article_means(np.where(at_border, beside - near, np.nan), sample)
        falls = falls[~np.isnan(falls)]
        if len(falls) >= FEWEST_BLOCKED and usual > 0:
            p = float(stdtr(len(falls) - 1, -z_of_mean(falls)))
            if p < worst[1]:
                worst = (float(falls.mean()) / usual, p, period)
    return worst


def stretch_shuffled(
    copy: CaseCopy,
    article_samples: tuple[ArticleSample, ...],
    article_orders: tuple[RowOrder, ...],
) -> None:
    """Rows are shuffled in thirty articles that follow each other."""
    articles = copy.dataset().articles
    broken.rows.require_articles(len(articles), FEW_TO_BREAK)
    mine = np.isin(article_samples[0].articles, a_stretch(articles))
    random = np.random.default_rng(0).standard_normal(len(mine))  # what a random order has
    _, usual, spread = _stretches(np.where(mine, random, article_orders[0].scores))
    if usual - copy.config.data.order_stretch < 1.5 * SURE * spread:
        raise DoesNotApplyError("expected stretches that are more alike in their order")
    broken.rows.shuffle_rows(copy, a_stretch(articles))


@check("D017", "order_stretch", needs=["D007"], broken_by=[stretch_shuffled])
def check_order_stretch(
    data_sets: tuple[DataSet, ...],
    article_samples: tuple[ArticleSample, ...],
    article_orders: tuple[RowOrder, ...],
    data_limits: DataConfig,
) -> Measured:
    """Rows are in order in every stretch of 20 articles.

    z as in D007, over those 20 alone: above 1.6, which one of twenty random orders reaches. Where
    the set's own stretches spread so widely that this is within four of their standard deviations,
    it says nothing.

    Why: One worker, one file or one day of an export can be in another order than the rest.
    Fix: Sort the export by (article, chunk), and import it again: amn data import SOURCE FOLDER
    """
    findings: list[Finding] = []
    lowest: list[float] = []
    is_told = True
    for dataset, sample, order in zip(data_sets, article_samples, article_orders, strict=True):
        stretches, usual, spread = _stretches(order.scores)
        if not len(stretches):
            continue
        first = int(stretches.argmin())
        lowest.append(float(stretches[first]))
        limit = data_limits.order_stretch
        if stretches[first] > limit:
            continue
        if usual - limit < SURE * spread:
            is_told = False
            continue
        message = (
            f"expected a z above {limit} in every {STRETCH} articles, got {stretches[first]:.1f}: "
            "their rows are not in the order of the text"
        )
        last = sample.articles[first + STRETCH - 1]
        place = f"{dataset.path.name}: articles {sample.articles[first]} to {last}"
        findings.append(Finding(place, message, SORT))
    value = ", ".join(f"{z:.1f}" for z in lowest) or "too few articles"
    value += "" if is_told else SPREAD
    number = min(lowest, default=None)
    return Measured(value, f"> {data_limits.order_stretch}", findings, number=number)


def _stretches(scores: NDArray[np.float64]) -> tuple[NDArray[np.float64], float, float]:
    """Return z of every stretch of articles, their median and their spread."""
    stretches = moving_sums(scores, STRETCH) / np.sqrt(STRETCH)
    return stretches, *middle_and_spread(stretches)


def a_stretch(articles: Ids) -> Ids:
    """Return thirty articles that follow each other, to be broken: every stretch has some left."""
    first = len(articles) // 4
    return articles[first : first + 3 * STRETCH // 2]


def moving_sums(values: NDArray[np.float64], n: int) -> NDArray[np.float64]:
    """Return the sum of every n values that follow each other, none where there are fewer."""
    sums = np.concatenate([[0.0], np.cumsum(values)])
    return np.asarray(sums[n:] - sums[:-n]) if len(values) >= n else np.empty(0)


def fifth_shuffled(
    copy: CaseCopy,
    article_samples: tuple[ArticleSample, ...],
    article_orders: tuple[RowOrder, ...],
) -> None:
    """Rows are shuffled in a fifth of the articles, here and there."""
    articles = copy.dataset().articles
    broken.rows.require_articles(len(articles), FEW_TO_BREAK)
    long = article_samples[0].counts >= FEWEST_LONG
    scores = order_scores(article_samples[0], article_orders[0])[long]
    random = np.random.default_rng(0).standard_normal(len(scores[::5]))
    scores[::5] = random  # what a random order has
    if find_below(scores, mirrored=False).chance > copy.config.data.unordered / UNLIKELIER:
        raise DoesNotApplyError("expected more articles that show in which order they are")
    broken.rows.shuffle_rows(copy, articles[::5])


@check(
    "D018",
    "unordered_articles",
    severity=Severity.INCONCLUSIVE,
    needs=["D007"],
    broken_by=[fifth_shuffled],
)
def check_unordered_articles(
    data_sets: tuple[DataSet, ...],
    article_samples: tuple[ArticleSample, ...],
    article_orders: tuple[RowOrder, ...],
    data_limits: DataConfig,
) -> Measured:
    """No more articles are without order than the spread of the set's own articles explains.

    How likeness fades with distance, and where first rows are, in articles of 12 rows and more: in
    a random order 0 on average, with a deviation of 1 over all permutations. Articles that low are
    held against those as far above the middle: chance, which has both alike, has at most one time
    in a thousand what speaks as much for a tenth without order. Likeness alone has to speak for it,
    too: an article that lacks its beginning can be in order.

    Why: A second worker or a second source that shuffles is seen in no mean over all articles.
    Fix: Compare the texts of the named articles with their chunk_index; sort and import again
    """
    chances: list[float] = []
    findings: list[Finding] = []
    shares: list[tuple[DataSet, Statistic]] = []
    for dataset, sample, order in zip(data_sets, article_samples, article_orders, strict=True):
        long = sample.counts >= FEWEST_LONG
        shares.append((dataset, share_of(order.scores[long] < UNORDERED)))
        below = find_below(order_scores(sample, order)[long], mirrored=False)
        by_likeness = find_below(order.fading[long], mirrored=False).chance
        chance = max(below.chance, by_likeness * data_limits.unordered / ALONE)
        chances.append(chance)
        if chance >= data_limits.unordered:
            continue
        articles = sample.articles[long]
        message = (
            "expected no more articles whose order says nothing than chance has "
            f"{_times(data_limits.unordered)}, got {len(below.articles)} of {len(articles):,} (p "
            f"{chance:.1e}): rows of some are not in the order of the text, among them most "
            f"of {some_ids(articles[below.articles])}"
        )
        findings.append(Finding(dataset.path.name, message, SORT))
    value = ", ".join(f"p {chance:.2g}" for chance in chances)
    limit = f">= {data_limits.unordered:g}"
    number, profile = min(chances, default=None), by_place("unordered_articles", data_sets, shares)
    return Measured(value, limit, findings, number=number, profile=profile)


def _times(chance: float) -> str:
    """Return `once in 1,000`."""
    return f"once in {1 / chance:,.0f}" if chance > 0 else "never"
