"""What kinds of pages a region holds: lists, disambiguation pages, series, stubs, articles.

Where the data set's builder saw markup or text, its `kind` column says so. Elsewhere titles,
lengths and vectors tell, and a disambiguation page whose title does not say so counts as a stub.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from amn.corpus.kinds import STUB_WORDS
from amn.data.chunk_table import kinds_by_title
from amn.data.sampling import unit_vectors
from amn.data.vectors import unit_rows

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from amn.corpus.study.region import Region

KINDS = ("article", "list", "disambiguation", "redirect", "series", "stub")  # as amn.corpus says
CHARS_PER_WORD = 6.2  # English prose, the space counted; the texts of wiki/core: 6.18
# A stub is one of a series when the openings of so many other stubs are this alike. wiki/core,
# where 556 pages share their opening sentence but for names and numbers with two others: 65 % of
# the 367 pages found are among them, most others are ships, stations and species of one template;
# 57 % of the 556 are not found, and none of 960 long articles is.
SERIES_COSINE = 0.55  # of openings around their mean
SERIES_OTHERS = 5
SERIES_REFERENCES = 8192  # stubs that all are compared with: time grows with stubs, not squared
SERIES_BLOCK = 2048


def article_words(region: Region) -> NDArray[np.float64] | None:
    """Return words by article, (A,), from its characters; None where lengths are not known."""
    chars = region.sums("n_chars")
    return None if chars is None else chars / CHARS_PER_WORD


def kinds_of(region: Region, *, seed: int) -> tuple[NDArray[np.object_] | None, str]:
    """Return the kind of each article, (A,) of `KINDS`, and what it was told from.

    Args:
        seed: Chooses the stubs that others are compared with, where there are too many.

    Returns:
        Kinds and `kind column`, or `kind column, openings` where its builder looked for no series;
        kinds and `titles, lengths, openings`; None and `nothing` when the
        chunk table has none of these columns.
    """
    declared = region.first_values("kind")
    if declared is not None:
        stages = region.dataset.manifest.stages
        if all(stage.settings.get("series", True) for stage in stages):
            return declared, "kind column"
        declared[in_series(region, declared == "stub", seed=seed)] = "series"
        return declared, "kind column, openings"
    words, titles = article_words(region), region.first_values("title")
    if words is None and titles is None:
        return None, "nothing"
    kinds = np.full(len(region), "article", object)
    used = []
    if words is not None:
        kinds[words < STUB_WORDS] = "stub"
        kinds[in_series(region, kinds == "stub", seed=seed)] = "series"
        used = ["lengths", "openings"]
    if titles is not None:
        by_title = kinds_by_title(titles)
        kinds = np.where(by_title == "", kinds, by_title)
        used.insert(0, "titles")
    return kinds, ", ".join(used)


def in_series(region: Region, is_stub: NDArray[np.bool_], *, seed: int) -> NDArray[np.bool_]:
    """Tell which stubs are one of a series: pages of one template, as machines write them.

    Args:
        is_stub: (A,) bool.

    Returns:
        (A,) bool.
    """
    result = np.zeros(len(region), np.bool_)
    stubs = np.flatnonzero(is_stub)
    if len(stubs) <= SERIES_OTHERS:
        return result
    rng = np.random.default_rng(seed)
    chosen = np.sort(rng.permutation(stubs)[:SERIES_REFERENCES])
    references = unit_vectors(region.dataset, region.first[chosen])
    centre = references.mean(axis=0)
    references = _around(references, centre)
    for start in range(0, len(stubs), SERIES_BLOCK):
        block = stubs[start : start + SERIES_BLOCK]
        openings = _around(unit_vectors(region.dataset, region.first[block]), centre)
        alike = (openings @ references.T >= SERIES_COSINE).sum(axis=1)
        result[block] = alike - np.isin(block, chosen) >= SERIES_OTHERS
    return result


def _around(rows: NDArray[np.float32], centre: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the directions of rows from a centre: (n, D) of unit length."""
    return unit_rows(rows - centre)
