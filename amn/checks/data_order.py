"""D: the rows of an article among each other: in the order of the text, and each said once."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from amn.checks import broken
from amn.checks.check import check, listed, some_ids
from amn.checks.profiled import by_place, over_articles, rows_share, share_of
from amn.data.articles import FEWEST_OF_ARTICLE, article_means, middle_and_spread, z_of_mean
from amn.data.coherence import follows, mean_by_lag
from amn.data.ids import later_ids
from amn.data.minorities import find_below
from amn.data.repeats import Matches, article_overlaps, identical_rows, repeated_rows
from amn.data.row_order import likeness, order_scores
from amn.data.scan import FAR_LAG
from amn.data.vectors import ROUNDED_TWICE
from amn.errors import DoesNotApplyError
from amn.verdict import Finding, Measured, Severity, count_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from amn.case.limits import DataConfig
    from amn.checks.broken.copies import CaseCopy
    from amn.data.articles import ArticleSample
    from amn.data.dataset import DataSet
    from amn.data.row_order import RowOrder
    from amn.data.scan import Scanned
    from amn.verdict import Statistic

FEWEST_ARTICLES = 8
FEWEST_PAIRS = 200  # neighbours in all: text in order gives them a z of 6 in every space tried
STRETCH = 20  # articles that follow each other
FEW_TO_BREAK = 120  # articles: of fewer, what is broken in some is within the spread of all
UNLIKELIER = 10_000_000  # times: what tells order is fitted on what is broken, too
SURE = 4.0  # standard deviations between what is usual here and a limit, to tell them apart

# Copies are this much nearer than neighbours usually are. Where these are a cosine of 0.6 apart, as
# in wiki-mini, it is 0.99.
COPY_SHARE = 1 / 40
FEWEST_COPIED = 3  # articles: one may be a table that repeats itself

PERIODS = range(2, 13)  # rows
BLOCKED_BY_CHANCE = 1 / 10_000  # of one period, by Student's t: of all eleven once in 900 sets
FEWEST_BLOCKED = 16  # articles: the spread of fewer is not known
UNORDERED = 0.0  # z that half of the articles in a random order are below, in the profile
ALONE = 0.3  # of chance by likeness alone, where both together reach their limit
FEWEST_LONG = 12  # rows of an article: of fewer the score has no room above its median

REPEATED_SHARE = 0.5
REPEATED_ROWS = 3
REPEATED_TOTAL = 0.01  # measured: 0.09 % on mini and core, 0.14 % tail: boilerplate


def shuffled_articles(copy: CaseCopy) -> None:
    """Rows are shuffled inside articles.

    Keys and digests are right.
    """
    if (copy.sample().counts - 1).sum() < FEWEST_PAIRS:
        raise DoesNotApplyError(f"expected {FEWEST_PAIRS} neighbours")
    dataset = copy.dataset()
    noise = np.random.default_rng(0).random(len(dataset))
    rows = np.lexsort((noise, dataset.codes))
    copy.rebuild(dataset.gather(rows), dataset.article_ids, dataset.chunk_index)


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
        pairs = int(np.count_nonzero(~np.isnan(order.near)))
        where, n = dataset.path.name, len(order.scores)
        z = float(order.scores.sum() / np.sqrt(max(n, 1)))
        found.append(z)
        if z > data_limits.row_order:
            continue
        if pairs < FEWEST_PAIRS:
            message = (
                f"expected {FEWEST_PAIRS} neighbours in articles of {FEWEST_OF_ARTICLE} rows and "
                f"more to see the order of the text, got {pairs} in {n} articles"
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
    keys = np.where(is_whole, -(place // 5), 1)
    rows = np.lexsort((place, keys, dataset.codes))
    copy.rebuild(dataset.gather(rows), dataset.article_ids, dataset.chunk_index)


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
    usual = float(np.nanmean(near)) - float(overall.mean())
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


def stretch_shuffled(copy: CaseCopy, article_orders: tuple[RowOrder, ...]) -> None:
    """Rows are shuffled in thirty articles that follow each other."""
    dataset = copy.dataset()
    n = len(dataset.articles)
    if n < FEW_TO_BREAK:
        raise DoesNotApplyError(f"expected {FEW_TO_BREAK} articles, got {n}")
    _, usual, spread = _stretches(article_orders[0])
    if usual - copy.config.data.order_stretch < 2 * SURE * spread:
        raise DoesNotApplyError("expected stretches that are more alike in their order")
    mine = dataset.is_in(dataset.articles[n // 4 : n // 4 + 3 * STRETCH // 2])
    noise = np.where(mine, np.random.default_rng(0).random(len(dataset)), dataset.chunk_index)
    rows = np.lexsort((noise, dataset.codes))
    copy.rebuild(dataset.gather(rows), dataset.article_ids, dataset.chunk_index)


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
    for dataset, sample, order in zip(data_sets, article_samples, article_orders, strict=True):
        stretches, usual, spread = _stretches(order)
        if not len(stretches):
            continue
        first = int(stretches.argmin())
        lowest.append(float(stretches[first]))
        limit = data_limits.order_stretch
        if stretches[first] > limit or usual - limit < SURE * spread:
            continue
        message = (
            f"expected a z above {limit} in every {STRETCH} articles, got {stretches[first]:.1f}: "
            "their rows are not in the order of the text"
        )
        last = sample.articles[first + STRETCH - 1]
        place = f"{dataset.path.name}: articles {sample.articles[first]} to {last}"
        findings.append(Finding(place, message, SORT))
    value = ", ".join(f"{z:.1f}" for z in lowest) or "too few articles"
    number = min(lowest, default=None)
    return Measured(value, f"> {data_limits.order_stretch}", findings, number=number)


def _stretches(order: RowOrder) -> tuple[NDArray[np.float64], float, float]:
    """Return z of every stretch of articles, their median and their spread."""
    stretches = moving_sums(order.scores, STRETCH) / np.sqrt(STRETCH)
    return stretches, *middle_and_spread(stretches)


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
    dataset = copy.dataset()
    if len(dataset.articles) < FEW_TO_BREAK:
        raise DoesNotApplyError(f"expected {FEW_TO_BREAK} articles, got {len(dataset.articles)}")
    long = article_samples[0].counts >= FEWEST_LONG
    scores = order_scores(article_samples[0], article_orders[0])[long]
    random = np.random.default_rng(0).standard_normal(len(scores[::5]))
    scores[::5] = random  # what a random order has
    if find_below(scores, mirrored=False).chance > copy.config.data.unordered / UNLIKELIER:
        raise DoesNotApplyError("expected more articles that show in which order they are")
    mine = dataset.is_in(dataset.articles[::5])
    noise = np.where(mine, np.random.default_rng(0).random(len(dataset)), dataset.chunk_index)
    rows = np.lexsort((noise, dataset.codes))
    copy.rebuild(dataset.gather(rows), dataset.article_ids, dataset.chunk_index)


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


def double_ingestion(copy: CaseCopy) -> None:
    """Each chunk stands beside its own copy."""
    dataset = copy.dataset()
    rows = np.repeat(np.arange(len(dataset)), 2)
    chunks = dataset.chunk_index[rows] * 2 + np.tile([0, 1], len(dataset))
    copy.rebuild(dataset.gather(rows), dataset.article_ids[rows], chunks.astype(np.int32))


def some_doubled(copy: CaseCopy) -> None:
    """Two of a hundred chunks stand beside their copy."""
    dataset = copy.dataset()
    times = np.where(np.arange(len(dataset)) % 50 == 0, 2, 1)
    rows = np.repeat(np.arange(len(dataset)), times)
    first = np.concatenate([[True], np.diff(dataset.codes[rows]) != 0])
    start = np.maximum.accumulate(np.where(first, np.arange(len(rows)), 0))
    chunks = (np.arange(len(rows)) - start).astype(np.int32)
    copy.rebuild(dataset.gather(rows), dataset.article_ids[rows], chunks)


def copy_distance(distances: NDArray[np.float64]) -> float:
    """Return the distance, 1 - cosine, within which two neighbours are copies.

    Of a fortieth of the upper quartile, so that a set half of whose neighbours are copies is one,
    and its halves down to rounding: the one within which most are too many (`excess_within`).

    Args:
        distances: (P,) of neighbours.
    """
    usual = float(np.quantile(distances, 3 / 4)) if len(distances) else 0.0
    scales = [max(COPY_SHARE * usual, ROUNDED_TWICE)]
    while scales[-1] / 2 >= ROUNDED_TWICE:
        scales.append(scales[-1] / 2)
    return max(scales, key=lambda near: excess_within(distances, near))


def excess_within(distances: NDArray[np.float64], near: float) -> int:
    """Return how many more distances are within `near` than between it and twice as far.

    None by chance: a density that does not fall with distance has as many in the next stretch.
    """
    within, twice = (np.count_nonzero(distances <= far) for far in (near, 2 * near))
    return max(2 * int(within) - int(twice), 0)


@check(
    "D008",
    "adjacent_duplicates",
    needs=["D003", "D001", "D002", "D004", "D005"],
    broken_by=[double_ingestion, some_doubled],
)
def check_adjacent_duplicates(scanned: tuple[Scanned, ...], data_limits: DataConfig) -> Measured:
    """Chunks do not sit beside their own copies.

    At most 0.5 % of neighbouring rows are 40 times nearer to each other, in 1 - cosine, than the
    upper quartile of the set's own neighbours, or nearer still, beside those up to twice as far:
    near by chance.

    Why: Text that was ingested twice sits next to its own copy: copying the last vector then scores
    best, and the region looks coherent.
    Fix: Drop the copies and number the chunks again: amn data import
    """
    findings: list[Finding] = []
    shares: list[float] = []
    found: list[tuple[DataSet, Statistic]] = []
    for one in scanned:
        pairs = follows(one.dataset, 1)
        distances = 1 - one.scan.adjacent.astype(np.float64)
        near = copy_distance(distances[pairs])
        copies = np.flatnonzero(pairs & (distances <= near))
        share = excess_within(distances[pairs], near) / max(int(pairs.sum()), 1)
        shares.append(share)
        found.append((one.dataset, rows_share(one.dataset, copies)))
        articles = one.dataset.articles[np.unique(one.dataset.codes[copies])]
        if share <= data_limits.duplicates or len(articles) < FEWEST_COPIED:
            continue
        message = (
            f"expected at most {data_limits.duplicates:.1%} of neighbours with cosine "
            f">= {1 - near:.4f}, got {share:.2%} ({len(copies):,} pairs) in {len(articles):,} "
            f"articles: {some_ids(articles)}; first of each pair: rows {some_ids(copies)}"
        )
        fix = "it was ingested twice: drop the copies and number the chunks again: amn data import"
        findings.append(Finding(one.folder.name, message, fix))
    value = ", ".join(f"{share:.2%}" for share in shares)
    limit = f"<= {data_limits.duplicates:.1%}"
    profile = by_place("adjacent_copies", [one.dataset for one in scanned], found)
    number = max(shares, default=None)
    return Measured(value, limit, findings, number=number, profile=profile)


# Mean cosine of neighbours minus that of rows 2 apart, over the fall from there to 5 apart: 1.0 on
# wiki-mini and core, 1.5 on the original data; each row averaged with a fifth of the next one 2.2,
# with as much of it as of itself 3.7. Over 1 - cosine of neighbours: 0.12, 0.4 and 1.
OVERLAP_LAGS = np.array([1, 2, FAR_LAG])
OVERLAP_FALL = 0.35
OVERLAP_RATIO = 1.8


def overlapping(copy: CaseCopy) -> None:
    """Each row holds half of the next one."""
    dataset, vectors = copy.dataset(), copy.vectors().astype(np.float64)
    has_next = np.flatnonzero(np.diff(dataset.codes) == 0)
    vectors[has_next] += vectors[has_next + 1]
    broken.rows.rewrite_vectors(copy, vectors)
    if not _overlaps(*mean_by_lag(copy.dataset(), OVERLAP_LAGS).tolist()):
        raise DoesNotApplyError("expected rows that are less alike without a part of each other")


def _overlaps(near: float, second: float, far: float) -> bool:
    """Tell whether likeness falls so fast from neighbours on that they have a part in common."""
    fall, usual = near - second, second - far
    return fall > OVERLAP_FALL * (1 - near) and fall > OVERLAP_RATIO * usual


@check(
    "D028",
    "chunk_overlap",
    severity=Severity.WARNING,
    needs=["D007"],
    broken_by=[overlapping],
)
def check_chunk_overlap(data_sets: tuple[DataSet, ...]) -> Measured:
    """Neighbours have nothing in common that rows two apart have not.

    From 1 to 2 rows apart the cosine falls by at most 1.8 times what it falls from there to 5, or
    by less than 35 % of what neighbours are apart. A warning: both were measured on text.

    Why: Chunks that overlap have a part of each other, so that the context holds a part of the
    target.
    Fix: Cut chunks that do not overlap, and encode each by itself: amn data build
    """
    findings: list[Finding] = []
    ratios: list[float] = []
    for dataset in data_sets:
        near, second, far = mean_by_lag(dataset, OVERLAP_LAGS).tolist()
        fall, usual = near - second, second - far
        ratios.append(float(fall / usual) if usual > 0 else 0.0)
        if not _overlaps(near, second, far):
            continue
        message = (
            f"expected neighbours less than {OVERLAP_FALL:.0%} of their distance more alike than "
            f"rows 2 apart, or less than {OVERLAP_RATIO} times what these are above rows {FAR_LAG} "
            f"apart, got {near:.3f}, {second:.3f} and {far:.3f}: each row holds a part of the next "
            "one, so that the context holds a part of the target"
        )
        fix = "cut chunks that do not overlap, and encode each by itself: amn data build"
        findings.append(Finding(dataset.path.name, message, fix))
    value = ", ".join(f"{ratio:.2f}" for ratio in ratios)
    return Measured(value, f"<= {OVERLAP_RATIO}", findings, number=max(ratios, default=None))


def article_again(copy: CaseCopy) -> None:
    """An article is there again under a new id."""
    dataset = copy.dataset()
    mine = dataset.rows_of(dataset.articles[5 % len(dataset.articles)])
    rows = np.concatenate([np.arange(len(dataset)), mine])
    new = np.repeat(later_ids(dataset.articles, 1), len(mine))
    ids = np.concatenate([dataset.article_ids, new])
    copy.rebuild(dataset.gather(rows), ids, dataset.chunk_index[rows])


@check("D010", "repeated_articles", needs=["D003"], broken_by=[article_again])
def check_repeated_articles(scanned: tuple[Scanned, ...]) -> Measured:
    """No article has half of its rows, and 3 or more, byte for byte in one other article.

    More than 1 % of rows that repeat another row are a warning: text has boilerplate.

    Why: An article that is there twice under two ids weighs double, and can be in train and OOD at
    once.
    Fix: Keep one of the two: amn data filter SOURCE FOLDER --rules near-duplicates
    """
    findings: list[Finding] = []
    shares: list[float] = []
    found: list[tuple[DataSet, Statistic]] = []
    n_again, of_articles = 0, [0.0]
    for one in scanned:
        hashes, dataset = one.scan.hashes, one.dataset
        rows = repeated_rows(hashes)
        repeats = np.delete(rows, np.unique(hashes[rows], return_index=True)[1])
        n_repeats = len(repeats)
        shares.append(n_repeats / len(hashes))
        found.append((dataset, rows_share(dataset, repeats)))
        again, share = _repeated_articles(one, rows)
        n_again, findings = n_again + len(again), [*findings, *again]
        of_articles.append(share)
        if shares[-1] > REPEATED_TOTAL:
            articles = dataset.articles[np.unique(dataset.codes[repeats])]
            message = (
                f"expected at most {REPEATED_TOTAL:.0%} of rows to repeat another byte for byte, "
                f"got {shares[-1]:.2%} ({n_repeats:,}) in articles {some_ids(articles)}"
            )
            findings.append(
                Finding(
                    one.folder.name,
                    message,
                    "drop the second copy, then: amn data import",
                    Severity.WARNING,
                )
            )
    value = ", ".join(f"{share:.2%}" for share in shares)
    if n_again:
        value += f"; {count_of(n_again, 'article')} again, {max(of_articles):.0%} of one"
    limit = f"<= {REPEATED_TOTAL:.0%} of rows, < {REPEATED_SHARE:.0%} of an article"
    profile = by_place("repeated_rows", [one.dataset for one in scanned], found)
    number = max(shares, default=None)
    return Measured(value, limit, findings, number=number, profile=profile)


def _repeated_articles(one: Scanned, rows: NDArray[np.int64]) -> tuple[list[Finding], float]:
    """Name articles most of whose rows are rows of one other article, each pair once.

    The largest share of such an article comes with them.

    Args:
        rows: The rows that repeat.
    """
    articles, codes = one.dataset.articles, one.dataset.codes
    pairs_of_rows = identical_rows(one.scan.hashes[rows], one.scan.hashes[rows])
    matches = Matches(rows[pairs_of_rows.left], rows[pairs_of_rows.right])
    matches = matches.take(codes[matches.left] != codes[matches.right])
    if not len(matches):
        return [], 0.0
    pairs = article_overlaps(matches, codes, codes).at_least(REPEATED_SHARE, REPEATED_ROWS)
    keys = np.sort(np.column_stack([pairs.left, pairs.right]), axis=1)
    chosen = np.unique(keys, axis=0, return_index=True)[1]

    def describe(pair: int) -> Finding:
        return Finding(
            f"{one.folder.name}: article {articles[pairs.left[pair]]}",
            f"expected rows of its own, got {pairs.shared[pair]} of {pairs.sizes[pair]} "
            f"byte-identical to rows of article {articles[pairs.right[pair]]}",
            "keep one of the two: amn data filter --rules near-duplicates",
        )

    return listed(np.sort(chosen), describe, one.folder.name), pairs.largest
