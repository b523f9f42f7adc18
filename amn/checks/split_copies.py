"""S: whether evaluated articles are there again: row by row in train, or near one another."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from amn.case.config import EVALUATED
from amn.checks import broken
from amn.checks.check import check, listed, some_ids
from amn.checks.profiled import pooled, share_of
from amn.data.coherence import follows
from amn.data.dataset import run_starts
from amn.data.repeats import Matches, Overlaps, article_overlaps, identical_rows, near_rows
from amn.data.sampling import evenly_spaced, sample_rows, unit_vectors
from amn.data.scan import scan_rows
from amn.data.vectors import ROUNDED_TWICE
from amn.errors import DoesNotApplyError
from amn.verdict import Finding, Measured, Severity

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from amn.case.limits import DataConfig
    from amn.checks.broken.copies import CaseCopy
    from amn.data.dataset import DataSet
    from amn.data.ids import Ids
    from amn.data.scan import RowScan
    from amn.data.splits import Split
    from amn.verdict import Statistic

# Boilerplate repeats: of all pairs of articles of core and of wiki-mini, none shares more than 2
# rows, identical or near; 0.13 % of core's rows are near a row of another article.
LEAKED_SHARE = 0.2
LEAKED_ROWS = 3
FEWEST_LEAKED = 5  # rows in all: in a small split one repeated heading is no leak
# Of the distance of neighbours in train, 1 - cosine: 0.0025 on wiki-mini.
NEAR_DISTANCE = 1 / 160
# 8,192 rows against 810,000 training rows take 6 s of CPU time; wiki-mini is compared whole.
MOST_QUERIES = 4096
MOST_TRAINING = 1_000_000


def copied_article(copy: CaseCopy) -> None:
    """OOD has a copy of a training article."""
    _add_to_ood(copy)


def _add_to_ood(copy: CaseCopy, length: float = 0.0) -> None:
    """Append the longest training article to OOD under a new id.

    Args:
        length: Of what is added to each unit row.
    """
    dataset, splits = copy.dataset(), copy.splits()
    in_train = np.isin(dataset.articles, splits["train"].articles)
    longest = np.argmax(np.where(in_train, np.bincount(dataset.codes), 0))
    copy.set_splits()  # they stay as they are
    changed = partial(_moved, length=length) if length else None
    new = broken.rows.add_again(copy, dataset.articles[[longest]], changed)
    copy.set_splits(ood=np.append(splits["ood"].articles, new))


def _moved(rows: NDArray[np.float64], length: float) -> NDArray[np.float64]:
    """Return rows (n, D) with a random vector of about this length added to each."""
    noise = np.random.default_rng(0).standard_normal(rows.shape)
    return np.asarray(rows + length / np.sqrt(rows.shape[1]) * noise)


@check("S003", "identical_vectors", needs=["D003"], broken_by=[copied_article])
def check_identical_vectors(
    splits: dict[str, Split], scans: dict[str, RowScan], data_limits: DataConfig
) -> Measured:
    """No evaluated article has the vectors of an article of another split.

    It may not have a fifth of its rows, and 3 or more, byte for byte in one such article; at most
    0.5 % of evaluated rows are training rows.

    Why: The same text under another id leaks past every comparison of ids.
    Fix: Drop one of the two articles, or put both into train: split in case.toml
    """
    findings: list[Finding] = []
    profile: dict[str, Statistic] = {}
    repeated = evaluated = 0
    of_splits, of_articles = [0.0], [0.0]
    for name, other in (("in_dist", "train"), ("ood", "train"), ("ood", "in_dist")):
        left, right = splits[name], splits[other]
        ours, theirs = left.dataset.manifest.dtype, right.dataset.manifest.dtype
        if ours != theirs:
            message = (
                f"expected {theirs} as in {other}, got {ours}: "
                "their bytes cannot be compared, S004 compares the vectors"
            )
            findings.append(Finding(f"{name} and {other}", message, severity=Severity.WARNING))
            continue
        rows, other_rows = left.rows, right.rows
        matches = identical_rows(scans[name].hashes[rows], scans[other].hashes[other_rows])
        left_ids, right_ids = left.dataset.article_ids, right.dataset.article_ids
        overlaps = article_overlaps(matches, left_ids[rows], right_ids[other_rows])
        findings += _leaks(name, other, overlaps, "byte-identical to")
        of_articles.append(overlaps.at_least(LEAKED_SHARE, LEAKED_ROWS).largest)
        if other == "train":
            findings += _leaked_rows(left, rows, matches, "byte-identical to", data_limits.leaked)
            n = len(np.unique(matches.left))
            repeated, evaluated = repeated + n, evaluated + len(rows)
            of_splits.append(n / max(len(rows), 1))
            profile[name] = _leaked_share(left_ids[rows], matches)
    return Measured(
        f"{repeated:,} of {evaluated:,} evaluated rows are in train"
        + _shares(findings, of_splits, of_articles),
        f"<= {data_limits.leaked:.1%}, < {LEAKED_SHARE:.0%} of an article",
        findings,
        number=float(repeated),
        profile={"identical_vectors": profile},
    )


def _leaked_share(articles: Ids, matches: Matches) -> Statistic:
    """Return the share of rows, each of an article, that train has too."""
    sizes = np.unique(articles, return_inverse=True, return_counts=True)
    leaked = np.bincount(sizes[1][np.unique(matches.left)], minlength=len(sizes[0]))
    return pooled(leaked, sizes[2])


def near_copy(copy: CaseCopy) -> None:
    """OOD has a near-copy of a training article."""
    dataset = copy.dataset()
    near = 1 - near_distance(scan_rows(dataset), dataset, copy.splits()["train"]) / 2
    _add_to_ood(copy, length=float(np.sqrt(1 / near**2 - 1)))


def near_distance(scan: RowScan, dataset: DataSet, train: Split) -> float:
    """Return the distance, 1 - cosine, within which two rows are near-copies of each other."""
    pairs = follows(dataset, 1) & dataset.is_in(train.articles)
    usual = float(np.median(1 - scan.adjacent[pairs].astype(np.float64))) if pairs.any() else 0.0
    return max(NEAR_DISTANCE * usual, ROUNDED_TWICE)


@check("S004", "near_duplicates", needs=["D003", "D001", "S005"], broken_by=[near_copy])
def check_near_duplicates(
    splits: dict[str, Split], scans: dict[str, RowScan], data_limits: DataConfig
) -> Measured:
    """No evaluated article has near-copies of the vectors of a training article.

    It may not have a fifth of its rows, and 3 or more, 160 times nearer to those of one such
    article, in 1 - cosine, than neighbours are in train, beside those up to twice as far: where
    articles have a form in common, more of them are. At most 0.5 % of evaluated rows are that near
    a training row.

    Why: Another crawl or another rounding of the same text leaks past a comparison of bytes.
    Fix: Drop one of the two articles, or put both into train: split in case.toml
    """
    rng = np.random.default_rng(4)
    train = splits["train"]
    train_rows = sample_rows(train.rows, train.dataset.codes, MOST_TRAINING, rng)
    rows: dict[str, NDArray[np.int64]] = {}
    for name in EVALUATED:
        codes = splits[name].dataset.codes
        rows[name] = sample_rows(splits[name].rows, codes, MOST_QUERIES, rng)
    queries = np.concatenate([unit_vectors(splits[n].dataset, r) for n, r in rows.items()])

    def read(positions: NDArray[np.int64]) -> NDArray[np.float32]:
        return unit_vectors(train.dataset, train_rows[positions])

    near = near_distance(scans["train"], train.dataset, train)
    cosine = 1 - near
    matches, further = _by_distance(
        near_rows(queries, read, len(train_rows), 1 - 2 * near), queries, read, near
    )
    findings: list[Finding] = []
    profile: dict[str, Statistic] = {}
    start = 0
    of_splits, of_articles = [0.0], [0.0]
    for name, looked_at in rows.items():
        split = splits[name]
        mine, beyond = (_of_rows(some, start, len(looked_at)) for some in (matches, further))
        start += len(looked_at)
        left_ids = split.dataset.article_ids[looked_at]
        right_ids = train.dataset.article_ids[train_rows]
        overlaps = article_overlaps(mine, left_ids, right_ids)
        overlaps = overlaps.beside(article_overlaps(beyond, left_ids, right_ids))
        profile[name] = _leaked_share(left_ids, mine)
        of_splits.append(len(np.unique(mine.left)) / max(len(looked_at), 1))
        of_articles.append(overlaps.at_least(LEAKED_SHARE, LEAKED_ROWS).largest)
        kind = f"within cosine {cosine:.4f} of"
        findings += _leaks(name, "train", overlaps, kind)
        findings += _leaked_rows(split, looked_at, mine, kind, data_limits.leaked)
    repeated = len(np.unique(matches.left))
    return Measured(
        f"{repeated:,} of {len(queries):,} evaluated rows are near a training row"
        + _shares(findings, of_splits, of_articles),
        f"<= {data_limits.leaked:.1%}, < {LEAKED_SHARE:.0%} of an article",
        findings,
        detail=f"cosine >= {cosine:.4f} with any of {len(train_rows):,} training rows",
        number=float(repeated),
        profile={"near_duplicates": profile},
    )


def _by_distance(
    matches: Matches,
    left: NDArray[np.float32],
    read: Callable[[NDArray[np.int64]], NDArray[np.float32]],
    near: float,
) -> tuple[Matches, Matches]:
    """Return the pairs whose 1 - cosine is at most `near`, and the others."""
    some = np.array_split(np.arange(len(matches)), len(matches) // MOST_QUERIES + 1)
    cosines = [np.vecdot(left[matches.left[k]], read(matches.right[k])) for k in some]
    is_near = 1 - np.concatenate(cosines).astype(np.float64) <= near
    return matches.take(is_near), matches.take(~is_near)


def _of_rows(matches: Matches, start: int, n: int) -> Matches:
    """Return the pairs of n rows on the left, counted from the first of them."""
    mine = matches.take((matches.left >= start) & (matches.left < start + n))
    return Matches(mine.left - start, mine.right)


def _leaks(name: str, other: str, overlaps: Overlaps, kind: str) -> list[Finding]:
    """Name articles that share too much with one article of another split."""
    leaks = overlaps.at_least(LEAKED_SHARE, LEAKED_ROWS)
    first = np.sort(
        np.unique(leaks.left, return_index=True)[1]
    )  # each article with its worst match

    def describe(pair: int) -> Finding:
        return Finding(
            f"{name}: article {leaks.left[pair]}",
            f"expected vectors that {other} does not have, got {leaks.shared[pair]} of "
            f"{leaks.sizes[pair]} rows {kind} rows of article {leaks.right[pair]} of {other}",
            f"drop one of the two articles, or put both into {other} in case.toml",
        )

    return listed(first, describe, name)


def _shares(findings: list[Finding], of_splits: list[float], of_articles: list[float]) -> str:
    """Return the largest shares of a split, and of an article, where there is a finding."""
    split, article = max(of_splits), max(of_articles)
    said = f", {split:.2%} of a split" if split and findings else ""
    return said + (f", {article:.0%} of an article" if article and findings else "")


def _leaked_rows(
    split: Split, rows: NDArray[np.int64], matches: Matches, kind: str, most: float
) -> list[Finding]:
    """Object to too many rows in all that train has too."""
    leaked = rows[np.unique(matches.left)]
    if len(leaked) <= max(most * len(rows), FEWEST_LEAKED):
        return []
    articles = split.dataset.articles[np.unique(split.dataset.codes[leaked])]
    message = (
        f"expected at most {most:.1%} of rows {kind} training rows, got "
        f"{len(leaked) / len(rows):.2%} ({len(leaked):,} of {len(rows):,}) in articles "
        f"{some_ids(articles)}"
    )
    return [Finding(split.name, message, "drop repeated text, then: amn data import")]


MOST_QUERIED = 1024  # articles, each looked for among all: 2 % are then known within 0.5 %
# Rows of an article that are compared with the same rows of others.
FIRST_ROW = 3
OTHER_ROWS = (1, 5)
# Of the distance of the same row in any two articles: 0.025 on wiki-mini, where none of core's or
# mini's articles has a first and one of the second rows within 0.08.
TWIN_DISTANCE = 1 / 40
FEWEST_TWINS = 2  # one alone is a warning


def near_articles(copy: CaseCopy) -> None:
    """A tenth of the articles is there twice, half as far from itself as is near."""
    dataset = copy.dataset()
    some = dataset.articles[::10]
    some = some[np.bincount(dataset.codes)[::10] > max(FIRST_ROW, *OTHER_ROWS)]
    twins = max(int(np.isin(some, copy.splits()[name].articles).sum()) for name in EVALUATED)
    if twins < FEWEST_TWINS:
        raise DoesNotApplyError(f"expected more evaluated articles than {twins} of ten")
    starts = run_starts(dataset.codes)
    usual = _usual_distance(unit_vectors(dataset, starts[evenly_spaced(len(starts), MOST_QUERIED)]))
    copy.set_splits()  # they stay as they are
    broken.rows.add_again(copy, some, partial(_moved, length=np.sqrt(TWIN_DISTANCE * usual)))


@check("S010", "near_articles", needs=["D003", "D001"], broken_by=[near_articles])
def check_near_articles(splits: dict[str, Split], data_limits: DataConfig) -> Measured:
    """Few evaluated articles are near-copies of another one of their data set.

    At most 2 % of them have their row 3, and their row 1 or 5, forty times nearer to those of
    another one, in 1 - cosine, than any two articles of the set are in the median, beside those up
    to twice as far: where articles are near by chance, more of them are. Fewer are a warning.

    Why: Another crawl of the same text under other ids weighs double, and can be in train and OOD
    at once.
    Fix: Keep one of each pair: amn data filter SOURCE FOLDER --rules near-duplicates
    """
    findings: list[Finding] = []
    shares: list[float] = []
    profile: dict[str, Statistic] = {}
    for name in EVALUATED:
        split = splits[name]
        articles, twins, n_queried, n_chance = _find_twins(split.dataset, split.articles)
        shares.append(max(len(articles) - n_chance, 0) / max(n_queried, 1))
        profile[name] = share_of(np.arange(n_queried) < len(articles))
        if not len(articles):
            continue
        compared = f"{FIRST_ROW} and {' or '.join(map(str, OTHER_ROWS))}"
        message = (
            f"expected at most {data_limits.near_articles:.0%} of articles with rows {compared} "
            f"near those of another one, got {shares[-1]:.2%} of {n_queried:,} "
            f"({len(articles):,}): {some_ids(articles)}, the first of them like {twins[0]}"
        )
        is_many = shares[-1] > data_limits.near_articles and len(articles) > 1
        fix = "keep one of each pair: amn data filter --rules near-duplicates"
        findings.append(Finding(name, message, fix, None if is_many else Severity.WARNING))
    value = ", ".join(f"{share:.2%}" for share in shares)
    limit = f"<= {data_limits.near_articles:.0%} of evaluated articles"
    named = {"near_articles": profile}
    return Measured(value, limit, findings, number=max(shares), profile=named)


def _usual_distance(rows: NDArray[np.float32]) -> float:
    """Return the median of 1 - cosine of rows of two articles; 0 of no rows.

    Args:
        rows: (n, D) one of an article.
    """
    return 1 - float(np.median(np.vecdot(rows, np.roll(rows, 1, axis=0)))) if len(rows) else 0.0


def _find_twins(dataset: DataSet, among: Ids) -> tuple[Ids, Ids, int, int]:
    """Return articles that are nearly another one, one such of each, and two numbers.

    Of how many it was asked, and how many have another one up to twice as far. Ids ascend. Of a
    million rows this reads a row of every article and a few more.

    Args:
        among: Ids of the articles that are asked for.
    """
    starts = run_starts(dataset.codes)
    lengths = np.diff(np.append(starts, len(dataset)))
    starts = starts[lengths > max(FIRST_ROW, *OTHER_ROWS)]
    asked = np.flatnonzero(dataset.is_in(among)[starts])
    queried = asked[evenly_spaced(len(asked), MOST_QUERIED)] if len(asked) else asked

    def read(positions: NDArray[np.int64]) -> NDArray[np.float32]:
        return unit_vectors(dataset, starts[positions] + FIRST_ROW)

    rows = read(queried)
    some = read(evenly_spaced(len(starts), MOST_QUERIED)) if len(starts) else rows
    near = TWIN_DISTANCE * _usual_distance(some)
    found = near_rows(rows, read, len(starts), 1 - 2 * near)
    found = found.take(queried[found.left] != found.right)
    left, right = starts[queried[found.left]], starts[found.right]
    first, *others = (
        1 - np.vecdot(unit_vectors(dataset, left + row), unit_vectors(dataset, right + row))
        for row in (FIRST_ROW, *OTHER_ROWS)
    )
    distances = np.maximum(first, np.minimum(*others))
    is_near, codes = distances <= near, dataset.codes
    found_codes, at = np.unique(codes[left[is_near]], return_index=True)
    further = np.unique(codes[left[distances <= 2 * near]])
    twins = codes[right[is_near]][at]
    n_chance = len(further) - len(found_codes)
    return dataset.articles[found_codes], dataset.articles[twins], len(queried), n_chance
