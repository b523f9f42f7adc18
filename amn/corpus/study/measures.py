"""What two regions are compared in: means as sums by article, ready for a clustered test.

Letters: A articles, N windows.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from amn.corpus.study.clusters import has_twin
from amn.corpus.study.scores import windows_of
from amn.evaluation.metrics import cosine_rows

if TYPE_CHECKING:
    from collections.abc import Callable

    from amn.corpus.study.study import Study

EASE_WINDOWS = 10_000
BATCH_WINDOWS = 1024

Sums = tuple[NDArray[np.float64], NDArray[np.float64]]  # sums and sizes of each article


def _sums(values: NDArray[Any], sizes: NDArray[Any] | None = None) -> Sums:
    """Return sums and sizes; without sizes a value belongs to the article itself."""
    sums = np.asarray(values, np.float64)
    return sums, np.ones(len(sums)) if sizes is None else np.asarray(sizes, np.float64)


def coherence(study: Study) -> Sums:
    """Sum by article the cosines of neighbouring rows."""
    return _sums(study.region.pair_sums, study.region.n_pairs)


def ease(study: Study) -> Sums:
    """Sum by article the cosine of the context's mean with the target: how easy windows are."""
    region = study.region
    windows = windows_of(region, study.context, EASE_WINDOWS)
    cosines = [np.empty(0)]
    for start in range(0, len(windows), BATCH_WINDOWS):
        rows = windows.gather(slice(start, start + BATCH_WINDOWS))
        cosines.append(cosine_rows(rows[:, :-1].mean(axis=1), rows[:, -1]))
    at = np.searchsorted(region.ids, region.dataset.articles)[windows.codes]
    n = len(region)
    return _sums(np.bincount(at, np.concatenate(cosines), n), np.bincount(at, minlength=n))


def _rows(study: Study) -> Sums | None:
    return _sums(study.region.sizes)


def _words(study: Study) -> Sums | None:
    return None if study.words is None else _sums(study.words)


def _chars(study: Study) -> Sums | None:
    chars = study.region.sums("n_chars")
    return None if chars is None else _sums(chars, study.region.sizes)


def _share_of(*kinds: str) -> Callable[[Study], Sums | None]:
    """Return the measure: share of articles of these kinds."""

    def measure(study: Study) -> Sums | None:
        found = study.kinds[0]
        return None if found is None else _sums(np.isin(found.astype(str), kinds))

    return measure


def _repeats(study: Study) -> Sums | None:
    return _sums(study.region.repeats, study.region.sizes)


def _twins(study: Study) -> Sums | None:
    return _sums(has_twin(study.clusters))


# name, how its numbers are written, and what it is; coherence comes first: it is the question.
MEASURES: tuple[tuple[str, str, Callable[[Study], Sums | None]], ...] = (
    ("coherence", "cosine", coherence),
    ("mean of the context", "cosine", ease),
    ("rows an article", "count", _rows),
    ("words an article", "count", _words),
    ("characters a chunk", "count", _chars),
    ("lists, disambiguation", "share", _share_of("list", "disambiguation")),
    ("series", "share", _share_of("series")),
    ("stubs", "share", _share_of("stub")),
    ("repeated rows", "share", _repeats),
    ("near-duplicate articles", "share", _twins),
)
