"""Spaces in which train itself has no mean, no distance or no direction: no split is accused."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from amn.case.limits import DataConfig
from amn.checks import data_copies, split_space
from amn.data.articles import ArticleSample
from amn.data.vectors import unit_rows

N_ROWS = 12
SIZES = {"train": 90, "in_dist": 16, "ood": 40}


def drawn(seed: int, *, dim: int, mean: float = 0.0) -> dict[str, ArticleSample]:
    """Splits of articles of one kind: a subject each, rows that drift and could run backwards."""
    rng, n = np.random.default_rng(seed), sum(SIZES.values())
    drift = rng.standard_normal((n, N_ROWS, dim))
    for row in range(1, N_ROWS):
        drift[:, row] = 0.7 * drift[:, row - 1] + 0.714 * drift[:, row]
    subject = rng.standard_normal((n, 1, dim))
    scales = (1 + np.arange(dim)) ** -0.4
    rows = unit_rows(((subject + drift + mean) * scales).reshape(-1, dim).astype(np.float32))
    whole = ArticleSample(rows, np.arange(n) * N_ROWS, np.arange(n))
    ends = np.cumsum(list(SIZES.values()))
    return {
        name: whole.take((np.arange(n) >= end - size) & (np.arange(n) < end))
        for (name, size), end in zip(SIZES.items(), ends, strict=True)
    }


@pytest.mark.parametrize("dim", [24, 300])
def test_no_split_of_a_space_without_a_common_direction_is_accused(dim: int) -> None:
    for seed in range(12):
        mains = drawn(seed, dim=dim)

        direction = split_space.check_mean_direction(mains, DataConfig())
        separable = split_space.check_separable(mains, DataConfig())
        reading = split_space.check_split_direction(mains)

        assert [f for m in (direction, separable, reading) for f in m.findings] == [], seed
        assert direction.value == "no mean to tell"
        assert reading.value == "no direction to tell"
        assert max(separable.number, 0) < 1


def test_where_there_is_a_common_direction_a_split_that_is_turned_is_named() -> None:
    mains = drawn(0, dim=24, mean=1.0)
    ood = mains["ood"]
    mains["ood"] = ArticleSample(-ood.vectors, ood.starts, ood.articles)

    (finding,) = split_space.check_mean_direction(mains, DataConfig()).findings

    assert finding.where == "ood"
    assert "got -" in finding.message


def test_a_split_that_is_another_cloud_is_named_beyond_chance() -> None:
    mains = drawn(1, dim=24)
    ood = mains["ood"]
    mains["ood"] = ArticleSample(
        unit_rows(ood.vectors + 3 * np.eye(24, dtype=np.float32)[5]), ood.starts, ood.articles
    )

    measured = split_space.check_separable(mains, DataConfig())

    assert [f.where for f in measured.findings] == ["ood"]
    assert f"got at least {measured.number:.1f} times" in measured.findings[0].message


@pytest.mark.parametrize("usual", [0.02, 0.3, 0.9])
def test_copies_are_told_from_neighbours_that_are_near_by_chance(usual: float) -> None:
    # Distances grow from 0 as a chi-square of four does; half a per cent and more are copies.
    distances = usual * np.random.default_rng(0).gamma(2.0, 0.5, 6000)
    copied = np.concatenate([distances, np.full(120, 1e-5)])

    def excess(found: Any) -> int:
        return data_copies.excess_within(found, data_copies.copy_distance(found))

    assert excess(distances) <= 0.005 * len(distances)
    assert 110 <= excess(copied) <= 135
