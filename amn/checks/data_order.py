"""D: the rows of an article among each other: in the order of the text, and each said once."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy.special import bdtrc

from amn.checks.listing import listed, some_ids
from amn.checks.registry import implements
from amn.data.coherence import LagCurve, follows, lag_curve, mean_by_lag
from amn.data.repeats import Matches, article_overlaps, identical_rows, repeated_rows
from amn.data.scan import FAR_LAG
from amn.findings import Finding, Measured, Severity

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from amn.checks.evidence.data import DataEvidence, DataPart

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


@implements("D007")
def check_row_order(evidence: DataEvidence) -> Measured:
    """D007: neighbours are more alike than far rows: in the mean, by article, by block."""
    findings: list[Finding] = []
    gains: list[float] = []
    for part in evidence.parts:
        curve = lag_curve(part.dataset, part.scan, least_pairs=LEAST_PAIRS)
        if len(curve.articles) < FEWEST_ARTICLES:
            message = (
                f"expected {FEWEST_ARTICLES} articles of {LEAST_PAIRS + FAR_LAG} consecutive rows "
                f"to see the order of the text, got {len(curve.articles)}"
            )
            fix = "use a larger data set"
            findings.append(Finding(part.folder.name, message, fix, Severity.INCONCLUSIVE))
            continue
        gains.append(float(curve.gains.mean()))
        findings += _order_findings(part, curve)
    value = ", ".join(f"{gain:.4f}" for gain in gains) or "too few articles"
    return Measured(
        value,
        f"> {LEAST_GAIN}",
        findings,
        detail=f"cosine of neighbours - of rows {FAR_LAG} apart, mean over articles",
        number=min(gains, default=None),
    )


def _order_findings(part: DataPart, curve: LagCurve) -> list[Finding]:
    """Return where the order of the rows is worth too little."""
    n = len(curve.articles)
    worst = curve.articles[np.argsort(curve.gains, kind="stable")]
    flat = int(np.count_nonzero(curve.gains < FLAT_GAIN))
    fix = "sort the export by (article, chunk), not by insertion: amn data import"
    where = part.folder.name
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


@implements("D008")
def check_adjacent_duplicates(evidence: DataEvidence) -> Measured:
    """D008: chunks do not sit next to their own copies, and share no text with the next one."""
    findings: list[Finding] = []
    shares: list[float] = []
    for part in evidence.parts:
        pairs = follows(part.dataset, 1)
        copies = np.flatnonzero(pairs & (part.scan.adjacent >= DUPLICATE_COSINE))
        share = len(copies) / max(int(pairs.sum()), 1)
        shares.append(share)
        findings += _overlap(part)
        if share <= DUPLICATE_SHARE:
            continue
        articles = np.unique(part.dataset.article_ids[copies])
        message = (
            f"expected at most {DUPLICATE_SHARE:.1%} of neighbours with cosine "
            f">= {DUPLICATE_COSINE}, got {share:.2%} ({len(copies):,} pairs) in {len(articles):,} "
            f"articles: {some_ids(articles)}; first of each pair: rows {some_ids(copies)}"
        )
        fix = "it was ingested twice: drop the copies and number the chunks again: amn data import"
        findings.append(Finding(part.folder.name, message, fix))
    value = ", ".join(f"{share:.2%}" for share in shares)
    return Measured(value, f"<= {DUPLICATE_SHARE:.1%}", findings, number=max(shares, default=None))


def _overlap(part: DataPart) -> list[Finding]:
    """Return that neighbours have something that rows 2 apart have not: a part of each other."""
    near, second, far = mean_by_lag(part.dataset, OVERLAP_LAGS).tolist()
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
    return [Finding(part.folder.name, message, fix)]


@implements("D010")
def check_repeated_articles(evidence: DataEvidence) -> Measured:
    """D010: no article is there a second time under another id, and few rows repeat at all."""
    findings: list[Finding] = []
    shares: list[float] = []
    for part in evidence.parts:
        hashes, ids = part.scan.hashes, part.dataset.article_ids
        rows = repeated_rows(hashes)
        repeats = np.delete(rows, np.unique(hashes[rows], return_index=True)[1])
        n_repeats = len(repeats)
        shares.append(n_repeats / len(hashes))
        findings += _repeated_articles(part, rows)
        if shares[-1] > REPEATED_TOTAL:
            articles = np.unique(ids[repeats])
            message = (
                f"expected at most {REPEATED_TOTAL:.0%} of rows to repeat another byte for byte, "
                f"got {shares[-1]:.2%} ({n_repeats:,}) in articles {some_ids(articles)}"
            )
            findings.append(
                Finding(part.folder.name, message, "drop the second copy, then: amn data import")
            )
    value = ", ".join(f"{share:.2%}" for share in shares)
    limit = f"<= {REPEATED_TOTAL:.0%} of rows, < {REPEATED_SHARE:.0%} of an article"
    return Measured(value, limit, findings, number=max(shares, default=None))


def _repeated_articles(part: DataPart, rows: NDArray[np.int64]) -> list[Finding]:
    """Name articles most of whose rows are rows of one other article, each pair once.

    Args:
        rows: The rows that repeat.
    """
    ids = part.dataset.article_ids
    pairs_of_rows = identical_rows(part.scan.hashes[rows], part.scan.hashes[rows])
    matches = Matches(rows[pairs_of_rows.left], rows[pairs_of_rows.right])
    matches = matches.take(ids[matches.left] != ids[matches.right])
    if not len(matches):
        return []
    pairs = article_overlaps(matches, ids, ids).at_least(REPEATED_SHARE, REPEATED_ROWS)
    keys = np.sort(np.column_stack([pairs.left, pairs.right]), axis=1)
    chosen = np.unique(keys, axis=0, return_index=True)[1]

    def describe(pair: int) -> Finding:
        return Finding(
            f"{part.folder.name}: article {pairs.left[pair]}",
            f"expected rows of its own, got {pairs.shared[pair]} of {pairs.sizes[pair]} "
            f"byte-identical to rows of article {pairs.right[pair]}",
            "keep one of the two: amn data filter --rules near-duplicates",
        )

    return listed(np.sort(chosen), describe, part.folder.name)
