"""D: the rows of an article among each other: in the order of the text, and each said once."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from amn.checks import broken
from amn.checks.check import check, listed, some_ids
from amn.data.coherence import LagCurve, follows, lag_curve, mean_by_lag
from amn.data.ids import later_ids
from amn.data.repeats import Matches, article_overlaps, identical_rows, repeated_rows
from amn.data.scan import FAR_LAG
from amn.verdict import Finding, Measured, Severity

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from amn.checks.broken.copies import CaseCopy
    from amn.data.dataset import DataSet
    from amn.data.scan import Scanned

# Gain of neighbours over rows FAR_LAG apart, mean over articles of 15 rows and more: 0.098 on
# wiki-mini, 0.098 core, 0.091 tail; with the rows of every article shuffled 0.001, 0.000, 0.000.
LEAST_PAIRS = 10  # far pairs an article needs: 15 rows
FEWEST_ARTICLES = 8
LEAST_GAIN = 0.03
# Articles whose gain is below FLAT_GAIN: 1.6 % mini, 2.9 % core, 5.9 % tail; shuffled 72-76 %, so
# shuffling a fifth of the articles gives at least 15 %.
FLAT_GAIN = 0.02
FLAT_SHARE = 0.10
FLAT_USUAL = 0.06
CHANCE = 0.01
# Mean gain of 20 neighbouring articles: lowest of all 1,172 blocks of core 0.070; over articles of
# 10 rows and more 0.056; shuffled, the highest is 0.025.
BLOCK_ARTICLES = 20
BLOCK_GAIN = 0.04

# Mean cosine of neighbours minus that of rows 2 apart, and that over the fall from 2 to 5 apart:
# 0.049 and 1.0 on wiki-mini and core, 0.070 and 1.5 on the original data; each row averaged with a
# fifth of the next one 0.13 and 2.2, with as much of it as of itself 0.20 and 3.7.
OVERLAP_LAGS = np.array([1, 2, FAR_LAG])
OVERLAP_FALL = 0.1
OVERLAP_RATIO = 1.8

DUPLICATE_COSINE = 0.99
DUPLICATE_SHARE = 0.005  # measured: 0 on mini, 0.02 % core, 0.06 % tail

REPEATED_SHARE = 0.5
REPEATED_ROWS = 3
REPEATED_TOTAL = 0.01  # measured: 0.09 % on mini and core, 0.14 % tail: boilerplate


def shuffled_articles(copy: CaseCopy) -> None:
    """Rows are shuffled inside articles.

    Keys and digests are right.
    """
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
def check_row_order(scanned: tuple[Scanned, ...]) -> Measured:
    """Neighbouring rows of an article are more alike than rows 5 apart.

    By more than 0.03 in the mean over articles, in nine of ten articles, and in every stretch of 20
    articles.

    Why: Ids can be right while vectors are in another order; then the task has no answer, and looks
    like a bad model.
    Fix: Sort the export by (article, chunk), not by insertion, and import it again: amn data import
    SOURCE FOLDER
    """
    findings: list[Finding] = []
    gains: list[float] = []
    for one in scanned:
        curve = lag_curve(one.dataset, one.scan, least_pairs=LEAST_PAIRS)
        if len(curve.articles) < FEWEST_ARTICLES:
            message = (
                f"expected {FEWEST_ARTICLES} articles of {LEAST_PAIRS + FAR_LAG} consecutive rows "
                f"to see the order of the text, got {len(curve.articles)}"
            )
            fix = "use a larger data set"
            findings.append(Finding(one.folder.name, message, fix, Severity.INCONCLUSIVE))
            continue
        gains.append(float(curve.gains.mean()))
        findings += _order_findings(one.folder.name, curve)
    value = ", ".join(f"{gain:.4f}" for gain in gains) or "too few articles"
    return Measured(
        value,
        f"> {LEAST_GAIN}",
        findings,
        detail=f"cosine of neighbours - of rows {FAR_LAG} apart, mean over articles",
        number=min(gains, default=None),
    )


def _order_findings(where: str, curve: LagCurve) -> list[Finding]:
    """Return where the order of the rows is worth too little."""
    from scipy.special import bdtrc  # noqa: PLC0415 - loads scipy

    n = len(curve.articles)
    worst = curve.articles[np.argsort(curve.gains, kind="stable")]
    flat = int(np.count_nonzero(curve.gains < FLAT_GAIN))
    fix = "sort the export by (article, chunk), not by insertion: amn data import"
    findings: list[Finding] = []
    mean = float(curve.gains.mean())
    if not mean > LEAST_GAIN:
        message = (
            f"expected neighbours more alike than rows {FAR_LAG} apart by more than {LEAST_GAIN}, "
            f"got {mean:.4f} over {n:,} articles: rows are not in the order of the text; "
            f"flattest articles {some_ids(worst)}"
        )
        findings.append(Finding(where, message, fix))
    if flat > FLAT_SHARE * n and bdtrc(flat - 1, n, FLAT_USUAL) < CHANCE:
        message = (
            f"expected at most {FLAT_SHARE:.0%} of articles below a gain of {FLAT_GAIN}, got "
            f"{flat / n:.1%} ({flat:,} of {n:,}); flattest {some_ids(worst[:flat])}"
        )
        findings.append(Finding(where, message, fix))
    if n >= BLOCK_ARTICLES:
        blocks = np.lib.stride_tricks.sliding_window_view(curve.gains, BLOCK_ARTICLES).mean(axis=1)
        first = int(blocks.argmin())
        if not blocks[first] > BLOCK_GAIN:
            message = (
                f"expected a mean gain above {BLOCK_GAIN} in every {BLOCK_ARTICLES} articles, "
                f"got {blocks[first]:.4f}"
            )
            last = curve.articles[first + BLOCK_ARTICLES - 1]
            place = f"{where}: articles {curve.articles[first]} to {last}"
            findings.append(Finding(place, message, fix))
    return findings


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


def overlapping(copy: CaseCopy) -> None:
    """Each row holds half of the next one."""
    dataset, vectors = copy.dataset(), copy.vectors().astype(np.float64)
    has_next = np.flatnonzero(np.diff(dataset.codes) == 0)
    vectors[has_next] += vectors[has_next + 1]
    broken.rows.rewrite_vectors(copy, vectors)


@check(
    "D008",
    "adjacent_duplicates",
    needs=["D003", "D001", "D002", "D004", "D005"],
    broken_by=[double_ingestion, some_doubled, overlapping],
)
def check_adjacent_duplicates(scanned: tuple[Scanned, ...]) -> Measured:
    """Chunks do not sit beside their own copies, and have no part of each other.

    At most 0.5 % of neighbouring rows have a cosine of 0.99 or more, and the cosine falls from 1 to
    2 rows apart by at most 0.1, or 1.8 times what it falls from there to 5.

    Why: Text that was ingested twice sits next to its own copy: copying the last vector then scores
    best, and the region looks coherent.
    Fix: Drop the copies and number the chunks again: amn data import
    """
    findings: list[Finding] = []
    shares: list[float] = []
    for one in scanned:
        pairs = follows(one.dataset, 1)
        copies = np.flatnonzero(pairs & (one.scan.adjacent >= DUPLICATE_COSINE))
        share = len(copies) / max(int(pairs.sum()), 1)
        shares.append(share)
        findings += _overlap(one.dataset)
        if share <= DUPLICATE_SHARE:
            continue
        articles = one.dataset.articles[np.unique(one.dataset.codes[copies])]
        message = (
            f"expected at most {DUPLICATE_SHARE:.1%} of neighbours with cosine "
            f">= {DUPLICATE_COSINE}, got {share:.2%} ({len(copies):,} pairs) in {len(articles):,} "
            f"articles: {some_ids(articles)}; first of each pair: rows {some_ids(copies)}"
        )
        fix = "it was ingested twice: drop the copies and number the chunks again: amn data import"
        findings.append(Finding(one.folder.name, message, fix))
    value = ", ".join(f"{share:.2%}" for share in shares)
    return Measured(value, f"<= {DUPLICATE_SHARE:.1%}", findings, number=max(shares, default=None))


def _overlap(dataset: DataSet) -> list[Finding]:
    """Return that neighbours have something that rows 2 apart have not: a part of each other."""
    near, second, far = mean_by_lag(dataset, OVERLAP_LAGS).tolist()
    fall, usual = near - second, second - far
    if not (fall > OVERLAP_FALL and fall > OVERLAP_RATIO * usual):
        return []
    message = (
        f"expected neighbours less than {OVERLAP_FALL} more alike than rows 2 apart, or less than "
        f"{OVERLAP_RATIO} times what these are above rows {FAR_LAG} apart, got {near:.3f}, "
        f"{second:.3f} and {far:.3f}: each row holds a part of the next one, so that the context "
        "holds a part of the target"
    )
    fix = "cut chunks that do not overlap, and encode each by itself: amn data build"
    return [Finding(dataset.path.name, message, fix)]


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

    At most 1 % of all rows repeat another row.

    Why: An article that is there twice under two ids weighs double, and can be in train and OOD at
    once.
    Fix: Keep one of the two: amn data filter SOURCE FOLDER --rules near-duplicates
    """
    findings: list[Finding] = []
    shares: list[float] = []
    for one in scanned:
        hashes, dataset = one.scan.hashes, one.dataset
        rows = repeated_rows(hashes)
        repeats = np.delete(rows, np.unique(hashes[rows], return_index=True)[1])
        n_repeats = len(repeats)
        shares.append(n_repeats / len(hashes))
        findings += _repeated_articles(one, rows)
        if shares[-1] > REPEATED_TOTAL:
            articles = dataset.articles[np.unique(dataset.codes[repeats])]
            message = (
                f"expected at most {REPEATED_TOTAL:.0%} of rows to repeat another byte for byte, "
                f"got {shares[-1]:.2%} ({n_repeats:,}) in articles {some_ids(articles)}"
            )
            findings.append(
                Finding(one.folder.name, message, "drop the second copy, then: amn data import")
            )
    value = ", ".join(f"{share:.2%}" for share in shares)
    limit = f"<= {REPEATED_TOTAL:.0%} of rows, < {REPEATED_SHARE:.0%} of an article"
    return Measured(value, limit, findings, number=max(shares, default=None))


def _repeated_articles(one: Scanned, rows: NDArray[np.int64]) -> list[Finding]:
    """Name articles most of whose rows are rows of one other article, each pair once.

    Args:
        rows: The rows that repeat.
    """
    articles, codes = one.dataset.articles, one.dataset.codes
    pairs_of_rows = identical_rows(one.scan.hashes[rows], one.scan.hashes[rows])
    matches = Matches(rows[pairs_of_rows.left], rows[pairs_of_rows.right])
    matches = matches.take(codes[matches.left] != codes[matches.right])
    if not len(matches):
        return []
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

    return listed(np.sort(chosen), describe, one.folder.name)
