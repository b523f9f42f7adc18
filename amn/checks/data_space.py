"""D: whether all rows of a data set are of one encoder."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from amn.checks import broken
from amn.checks.check import check, some_ids
from amn.data.space import find_groups
from amn.verdict import Finding, Measured, Severity

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from amn.checks.broken.copies import CaseCopy
    from amn.data.dataset import DataSet
    from amn.data.space import ArticleSample, Groups

FEWEST_ARTICLES = 32
# Of any two groups of articles on wiki-mini 0.60, core 0.64, 45 articles of core 0.52; where a half
# of the articles is rotated at random 0.00, a third 0.03.
LEAST_SHARED = 0.25
# Between the two clouds that part best: wiki-mini 0.74, core 0.77, 120 of core 0.82; signs turned
# in a third 0.87, an offset of length 0.3 in a half 0.87 and of 0.6 0.99.
MOST_GAP = 0.85
OPPOSITE = -0.5  # cosine of their mean vectors; signs turned: -0.9


def two_encoders(copy: CaseCopy) -> None:
    """Half of the articles have another encoder.

    The rows of every other article of each split are rotated at random.
    """
    dataset, vectors = copy.dataset(), copy.vectors().astype(np.float64)
    some = np.concatenate([split.articles[::2] for split in copy.splits().values()])
    mine = dataset.is_in(some)
    rng = np.random.default_rng(0)
    vectors[mine] = vectors[mine] @ np.linalg.qr(rng.standard_normal((dataset.dim,) * 2))[0]
    broken.rows.rewrite_vectors(copy, vectors)


@check(
    "D015",
    "one_space",
    needs=["D003", "D001", "D002", "D004", "D005"],
    broken_by=[two_encoders],
)
def check_one_space(
    data_sets: tuple[DataSet, ...], article_samples: tuple[ArticleSample, ...]
) -> Measured:
    """Any two groups of articles share at least a quarter of their directions of variance.

    Their mean vectors are not opposite. Articles in two clouds with a gap are a warning.

    Why: Where two encoders, or two orders of dimensions, made some articles each, every split holds
    both: splits agree with each other, and the predictor learns half a task twice.
    Fix: Encode all articles with one encoder, pooling, prefix and dimension order: amn data build
    """
    findings: list[Finding] = []
    lowest = np.inf
    figures: list[str] = []
    for dataset, sample in zip(data_sets, article_samples, strict=True):
        where, articles = dataset.path.name, sample.articles
        groups = find_groups(sample.vectors) if len(articles) >= FEWEST_ARTICLES else []
        if not groups:
            message = f"expected {FEWEST_ARTICLES} articles to see groups, got {len(articles)}"
            findings.append(Finding(where, message, severity=Severity.NOTICE))
            continue
        apart = min(groups, key=lambda found: found.shared)
        clouds = max(groups, key=lambda found: found.gap)
        lowest = min(lowest, apart.shared)
        figures.append(f"{apart.shared:.3f} (gap {clouds.gap:.2f})")
        findings += _findings(where, articles, apart, clouds)
    return Measured(
        ", ".join(figures) or "too few articles",
        f">= {LEAST_SHARED}",
        findings,
        detail="of the directions of two groups of articles in common, at least",
        number=lowest if np.isfinite(lowest) else None,
    )


def _findings(
    where: str, articles: NDArray[np.int64], apart: Groups, clouds: Groups
) -> list[Finding]:
    """Return what sets groups of a data set's articles apart."""
    fix = "encode all articles with one encoder, pooling, prefix and dimension order"
    if not apart.shared >= LEAST_SHARED:
        message = (
            f"expected any two groups of articles to share {LEAST_SHARED} of their directions of "
            f"variance, got {apart.shared:.3f}: two encoders; {_members(articles, apart)}"
        )
        return [Finding(where, message, fix)]
    if clouds.gap <= MOST_GAP:
        return []
    is_opposite = clouds.mean_cosine < OPPOSITE
    message = (
        f"expected articles in one cloud, with a gap of at most {MOST_GAP}, got {clouds.gap:.2f} "
        f"and mean vectors of cosine {clouds.mean_cosine:.2f}: "
        f"{'signs turned' if is_opposite else 'another pooling, prefix or source'}; "
        f"{_members(articles, clouds)}"
    )
    return [Finding(where, message, fix, None if is_opposite else Severity.WARNING)]


def _members(articles: NDArray[np.int64], groups: Groups) -> str:
    """Name the articles of the smaller of two groups."""
    first = groups.first
    fewer = first if 2 * np.count_nonzero(first) <= len(first) else ~first
    return (
        f"of {len(articles)} articles, {np.count_nonzero(fewer)} are apart: "
        f"{some_ids(articles[fewer])}"
    )
