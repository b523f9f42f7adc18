from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from amn.data import repeats as near
from amn.data.repeats import MOST_MATCHES, near_rows
from amn.data.vectors import unit_rows

if TYPE_CHECKING:
    from numpy.typing import NDArray

COSINE = 0.99
DIM = 12


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"LEAF_ROWS": 8, "READ_ROWS": 5, "QUERY_BLOCK": 7, "WIDTH_ROWS": 6}.items():
        monkeypatch.setattr(near, name, value)


def directions(rng: np.random.Generator, n_rows: int, spread: float) -> NDArray[np.float32]:
    """Return unit rows; with a small spread they crowd around one direction."""
    rows = np.eye(DIM)[0] + spread * rng.standard_normal((n_rows, DIM))
    return unit_rows(rows.astype(np.float32))


def pairs_of(left: NDArray[np.float32], right: NDArray[np.float32]) -> list[list[int]]:
    found = near_rows(left, right.__getitem__, len(right), COSINE)
    pairs = np.column_stack([found.left, found.right])
    return [[int(a), int(b)] for a, b in pairs[np.lexsort(pairs.T[::-1])]]


@given(
    seed=st.integers(0, 2**32),
    n_left=st.integers(1, 40),
    n_right=st.integers(1, 60),
    copies=st.integers(0, 30),
    spread=st.sampled_from([0.2, 1.0, 10.0]),
    n_directions=st.sampled_from([(1,), (3,), (32,), (1, 3, 32)]),
)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_near_rows_are_those_of_an_exhaustive_search(
    seed: int, n_left: int, n_right: int, copies: int, spread: float, n_directions: tuple[int, ...]
) -> None:
    rng = np.random.default_rng(seed)
    left, right = directions(rng, n_left, spread), directions(rng, n_right, spread)
    for row in range(min(copies, n_left, n_right)):
        right[row] = left[row] + 0.03 * rng.standard_normal(DIM)
    unit_rows(right, out=right)
    cosines = left.astype(np.float64) @ right.T.astype(np.float64)
    hits = cosines >= COSINE

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(near, "DIRECTIONS", n_directions)
        found = pairs_of(left, right)

    assert len(found) == len({tuple(pair) for pair in found})
    assert all(cosines[a, b] >= COSINE - 1e-6 for a, b in found)
    few = (hits.sum(axis=1) <= MOST_MATCHES) & (np.abs(cosines - COSINE) > 1e-6).all(axis=1)
    exact = np.argwhere(hits & few[:, None]).tolist()
    assert [pair for pair in found if few[pair[0]]] == exact


def test_rows_that_are_all_alike_end_and_each_has_matches() -> None:
    rows = np.repeat(directions(np.random.default_rng(0), 1, 1.0), 100, axis=0)

    found = pairs_of(rows, rows)

    assert {a for a, _ in found} == set(range(100))
    assert len(found) <= 100 * 100


def test_a_pair_on_both_sides_of_every_cut_is_found() -> None:
    right = directions(np.random.default_rng(1), 64, 10.0)
    left = right.copy()
    left[:, :2] += 0.03  # towards another side of the medians

    assert [pair for pair in pairs_of(unit_rows(left), right) if pair[0] == pair[1]] == [
        [n, n] for n in range(64)
    ]


@pytest.mark.parametrize(("n_left", "n_right"), [(0, 5), (5, 0), (0, 0)])
def test_nothing_is_near_where_there_is_nothing(n_left: int, n_right: int) -> None:
    rng = np.random.default_rng(2)

    assert pairs_of(directions(rng, n_left, 1.0), directions(rng, n_right, 1.0)) == []


def test_two_searches_find_the_same_in_the_same_order() -> None:
    left, right = (directions(np.random.default_rng(seed), 50, 0.05) for seed in (3, 4))

    one, two = (near_rows(left, right.__getitem__, 50, COSINE) for _ in range(2))

    assert len(one) > 0
    np.testing.assert_array_equal(one.left, two.left)
    np.testing.assert_array_equal(one.right, two.right)


@pytest.mark.parametrize("rank", [8, 512])
def test_rows_that_differ_in_all_directions_are_told_apart_along_more_of_them(rank: int) -> None:
    rng = np.random.default_rng(5)
    rows = rng.standard_normal((3000, rank)) @ rng.standard_normal((rank, 512)) / np.sqrt(rank)
    rows = unit_rows(rows.astype(np.float32))

    basis = near._directions(rows, rows.__getitem__, len(rows), 2 * (1 - 0.97))

    assert (basis.shape[1] > near.DIRECTIONS[0]) == (rank > near.DIRECTIONS[0])


def test_a_row_that_is_near_many_is_paired_with_some_of_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(near, "LEAF_ROWS", 2048)
    rows = directions(np.random.default_rng(0), 1 + MOST_MATCHES, 10.0)
    many, others = np.repeat(rows[:1], 50, axis=0), rows[1:]

    found = near_rows(rows, np.vstack([many, others]).__getitem__, 50 + len(others), COSINE)

    assert np.bincount(found.left).tolist() == [MOST_MATCHES, *[1] * len(others)]
