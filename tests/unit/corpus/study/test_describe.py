from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from amn.corpus.study.describe import describe
from amn.corpus.study.study import Study
from amn.evaluation.distribution import BINS, distribution

if TYPE_CHECKING:
    from collections.abc import Callable

    from amn.corpus.study.region import Region

TITLES = ["List of a", *(f"title {k}" for k in range(59))]


@pytest.fixture
def study(region: Callable[..., Region]) -> Study:
    lengths = [1, *range(8, 67)]
    columns = {"title": TITLES, "n_chars": [300] * 60}
    return Study(region(lengths, columns=columns), context=3)


def test_the_description_adds_up(study: Study) -> None:
    found = describe(study)

    assert found.kinds is not None
    assert (found.rows, found.articles) == (1 + sum(range(8, 67)), 60)
    assert sum(kind.articles for kind in found.kinds) == 60
    assert sum(kind.rows for kind in found.kinds) == found.rows
    assert sum(block.articles for block in found.blocks) == 60
    assert sum(found.article_rows.counts) == 60
    assert found.coherence.n == found.rows - 60
    assert found.article_coherence.n == 59
    assert found.windows == sum(n - 3 for n in range(8, 67))
    assert found.articles_with_windows == 59


def test_the_same_seed_describes_alike(study: Study) -> None:
    assert describe(study) == describe(Study(study.region, context=3))


def test_coherence_has_an_interval_around_its_mean(study: Study) -> None:
    found = describe(study)

    assert found.coherence_interval is not None
    assert found.coherence_interval.mean == pytest.approx(found.coherence.mean)
    assert found.coherence_interval.low < found.coherence.mean < found.coherence_interval.high


def test_without_windows_the_note_says_why_there_are_no_references(
    region: Callable[..., Region],
) -> None:
    found = describe(Study(region([2] * 12)))

    assert found.references == {}
    assert found.references_note.startswith("toy: expected articles of 6 consecutive rows")


def test_articles_of_one_row_have_no_coherence(region: Callable[..., Region]) -> None:
    found = describe(Study(region([1] * 12)))

    assert found.coherence_interval is None
    assert found.coherence.n == 0
    assert np.isnan(found.blocks[0].coherence)


def test_a_distribution_loses_no_value_outside_its_bins() -> None:
    found = distribution(np.array([-1.0, 0.5, 2.0, np.nan]), "cosine")

    assert (found.n, sum(found.counts)) == (3, 3)
    assert (found.counts[0], found.counts[-1]) == (1, 1)
    assert len(found.counts) == len(BINS["cosine"]) - 1
