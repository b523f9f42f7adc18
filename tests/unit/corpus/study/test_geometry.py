from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from amn.corpus.study.clusters import mean_vectors
from amn.corpus.study.geometry import lag_means, measure_geometry
from tests.strategies import unit_rows

if TYPE_CHECKING:
    from collections.abc import Callable

    from amn.corpus.study.region import Region


def measured(part: Region, rows: int = 1000) -> tuple[float, float, float, float, float]:
    g = measure_geometry(part, mean_vectors(part), rows=rows, articles=100, seed=0)
    return g.random_pair, g.mean_length, g.rank, g.diversity, g.nearest


def test_random_pairs_are_all_pairs_of_different_articles(region: Callable[..., Region]) -> None:
    rows = unit_rows(9, dim=8, dtype=np.float32)
    ids = np.repeat([0, 1, 2], [2, 3, 4])
    alike = rows @ rows.T

    pair, *_ = measured(region([2, 3, 4], rows))

    assert pair == pytest.approx(alike[ids[:, None] != ids].mean(), abs=1e-6)


def test_articles_with_nothing_in_common_are_all_diverse(region: Callable[..., Region]) -> None:
    pair, length, rank, diversity, nearest = measured(region([1] * 8, np.eye(8)))

    assert pair == 0
    assert length == pytest.approx(1 / np.sqrt(8))
    assert rank == pytest.approx(7)
    assert diversity == pytest.approx(8)
    assert nearest == 0


def test_equal_articles_are_as_diverse_as_one(region: Callable[..., Region]) -> None:
    _, length, _, diversity, nearest = measured(region([1] * 8, np.tile(np.eye(8)[0], (8, 1))))

    assert (length, nearest) == (1, 1)
    assert diversity == pytest.approx(1)


def test_samples_are_as_large_as_asked_and_the_same_twice(region: Callable[..., Region]) -> None:
    part = region([5] * 20)
    means = mean_vectors(part)

    once, twice = (measure_geometry(part, means, rows=30, articles=7, seed=3) for _ in range(2))

    assert (once.sampled_rows, once.sampled_articles) == (30, 7)
    assert once == twice


def test_lags_reach_as_far_as_articles_do(region: Callable[..., Region]) -> None:
    part = region([4, 2])
    rows = part.dataset.gather(part.rows)

    found = dict(lag_means(part, seed=0))

    assert list(found) == [1, 2, 3]
    assert found[3] == pytest.approx(float(rows[0] @ rows[3]), abs=1e-6)
