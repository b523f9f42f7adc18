"""D: whether everything is said once: no copy beside its chunk, no overlap, no article twice."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from amn.checks import broken
from amn.checks.check import check, listed, some_ids
from amn.checks.profiled import by_place, rows_share
from amn.data.coherence import follows, mean_by_lag
from amn.data.repeats import Matches, article_overlaps, identical_rows, repeated_rows
from amn.data.scan import FAR_LAG
from amn.data.vectors import ROUNDED_TWICE
from amn.errors import DoesNotApplyError
from amn.verdict import Finding, Measured, Severity, count_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from amn.case.limits import DataConfig
    from amn.checks.broken.copies import CaseCopy
    from amn.data.dataset import DataSet
    from amn.data.scan import Scanned
    from amn.verdict import Statistic

# Copies are this much nearer than neighbours usually are. Where these are a cosine of 0.6 apart, as
# in wiki-mini, it is 0.99.
COPY_SHARE = 1 / 40
FEWEST_COPIED = 3  # articles: one may be a table that repeats itself

REPEATED_SHARE = 0.5
REPEATED_ROWS = 3
REPEATED_TOTAL = 0.01  # measured: 0.09 % on mini and core, 0.14 % tail: boilerplate


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
    articles = copy.dataset().articles
    broken.rows.add_again(copy, articles[[5 % len(articles)]])


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
