"""S: whether articles are near-copies of others of their data set, whatever split they are in."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from amn.checks.check import check
from amn.checks.listing import some_ids
from amn.data.dataset import run_starts
from amn.data.near import near_rows
from amn.data.sampling import evenly_spaced, unit_vectors
from amn.data.unit import unit_rows
from amn.findings import Finding, Measured, Severity

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from amn.checks.broken.copies import CaseCopy
    from amn.data.dataset import DataSet
    from amn.data.splits import Split

MOST_QUERIED = 1024  # articles, each looked for among all: 2 % are then known within 0.5 %
# Rows of an article that are compared with the same rows of others. Pairs of articles of which
# the first and one of the second are within 0.92: none on wiki-mini and core.
FIRST_ROW = 3
OTHER_ROWS = (1, 5)
NEAR_COSINE = 0.95
NEAR_SHARE = 0.02


def near_articles(copy: CaseCopy) -> None:
    """A tenth of the articles is there twice."""
    dataset, vectors = copy.dataset(), copy.vectors().astype(np.float64)
    some = dataset.articles[::10]
    mine = np.flatnonzero(np.isin(dataset.article_ids, some))
    noise = np.random.default_rng(0).standard_normal((len(mine), dataset.dim))
    again = vectors[mine] + 0.1 * noise / np.sqrt(dataset.dim)
    ids = np.concatenate(
        [dataset.article_ids, dataset.article_ids[mine] + 1 + dataset.articles[-1]]
    )
    both = unit_rows(np.concatenate([vectors, again]))
    lists = {name: split.articles for name, split in copy.splits().items()}
    copy.rebuild(both, ids, np.concatenate([dataset.chunk_index, dataset.chunk_index[mine]]))
    copy.set_splits(**lists)


@check("S010", "near_articles", needs=["D003", "D001"], broken_by=[near_articles])
def check_near_articles(splits: dict[str, Split]) -> Measured:
    """Few articles are near-copies of another one of their data set.

    At most 2 % have their row 3, and their row 1 or 5, within cosine 0.95 of those of another one.

    Why: Another crawl of the same text under other ids weighs double, and can be in train and OOD
    at once.
    Fix: Keep one of each pair: amn data filter SOURCE FOLDER --rules near-duplicates
    """
    findings: list[Finding] = []
    shares: list[float] = []
    for dataset in {id(split.dataset): split.dataset for split in splits.values()}.values():
        articles, twins, n_queried = _find_twins(dataset)
        shares.append(len(articles) / max(n_queried, 1))
        if not len(articles):
            continue
        compared = f"{FIRST_ROW} and {' or '.join(map(str, OTHER_ROWS))}"
        message = (
            f"expected at most {NEAR_SHARE:.0%} of articles with rows {compared} within "
            f"{NEAR_COSINE} of those of another one, got "
            f"{shares[-1]:.2%} of {n_queried:,} ({len(articles):,}): {some_ids(articles)}, "
            f"the first of them like {twins[0]}"
        )
        severity = None if shares[-1] > NEAR_SHARE else Severity.WARNING
        fix = "keep one of each pair: amn data filter --rules near-duplicates"
        findings.append(Finding(dataset.path.name, message, fix, severity))
    value = ", ".join(f"{share:.2%}" for share in shares)
    return Measured(value, f"<= {NEAR_SHARE:.0%} of articles", findings, number=max(shares))


def _find_twins(dataset: DataSet) -> tuple[NDArray[np.int64], NDArray[np.int64], int]:
    """Return articles that are nearly another one, one such of each, and of how many it was asked.

    Ids ascend. Of a million rows this reads every article's first row and a few more.
    """
    starts = run_starts(dataset.article_ids)
    lengths = np.diff(np.append(starts, len(dataset)))
    starts = starts[lengths > max(FIRST_ROW, *OTHER_ROWS)]
    queried = evenly_spaced(len(starts), MOST_QUERIED) if len(starts) else np.empty(0, np.int64)

    def read(positions: NDArray[np.int64]) -> NDArray[np.float32]:
        return unit_vectors(dataset, starts[positions] + FIRST_ROW)

    found = near_rows(read(queried), read, len(starts), NEAR_COSINE)
    found = found.take(queried[found.left] != found.right)
    left, right = starts[queried[found.left]], starts[found.right]
    is_near = np.zeros(len(found), np.bool_)
    for row in OTHER_ROWS:
        ours, theirs = unit_vectors(dataset, left + row), unit_vectors(dataset, right + row)
        is_near |= np.vecdot(ours, theirs) >= NEAR_COSINE
    ids = dataset.article_ids
    articles, at = np.unique(ids[left[is_near]], return_index=True)
    return articles, ids[right[is_near]][at], len(queried)
