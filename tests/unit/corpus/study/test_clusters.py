from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from amn.corpus.study import clusters
from amn.corpus.study.clusters import has_twin, is_spare, mean_vectors, near_duplicate_clusters
from tests.strategies import unit_rows

if TYPE_CHECKING:
    from collections.abc import Callable

    import pytest

    from amn.corpus.study.region import Region


def test_mean_vectors_are_the_same_in_blocks_of_any_size(
    region: Callable[..., Region], monkeypatch: pytest.MonkeyPatch
) -> None:
    part = region([3, 1, 5, 2], articles="0, 2-3")
    expected = [part.dataset.gather(part.rows[part.article_of == k]).mean(axis=0) for k in range(3)]
    whole = mean_vectors(part)
    monkeypatch.setattr(clusters, "BLOCK_ROWS", 4)

    blocks = mean_vectors(part)

    assert np.allclose(whole, [e / np.linalg.norm(e) for e in expected], atol=1e-6)
    assert np.allclose(blocks, whole, atol=1e-7)


def test_near_copies_share_a_cluster_and_their_copies_join_them(
    region: Callable[..., Region],
) -> None:
    rows = unit_rows(12, dim=64, dtype=np.float32)
    rows[3:6] = rows[:3] + 0.01 * unit_rows(3, dim=64, seed=2, dtype=np.float32)
    rows[9:12] = rows[3:6]
    part = region([3, 3, 3, 3], rows / np.linalg.norm(rows, axis=1, keepdims=True))

    found = near_duplicate_clusters(part, mean_vectors(part))

    assert len({found[0], found[1], found[3]}) == 1
    assert found[2] != found[0]
    assert has_twin(found).tolist() == [True, True, False, True]


def test_a_fifth_of_the_rows_byte_for_byte_makes_a_near_duplicate(
    region: Callable[..., Region],
) -> None:
    rows = unit_rows(30, dim=64, dtype=np.float32)
    rows[15:18] = rows[:3]
    three = region([15, 15], rows)
    rows[17] = unit_rows(1, dim=64, seed=9, dtype=np.float32)
    two = region([15, 15], rows)

    assert has_twin(near_duplicate_clusters(three, mean_vectors(three))).all()
    assert not has_twin(near_duplicate_clusters(two, mean_vectors(two))).any()


def test_all_but_the_longest_of_a_cluster_are_spare() -> None:
    found = is_spare(np.array([4, 1, 4, 4, 1]), np.array([2, 3, 9, 9, 3]))

    assert found.tolist() == [True, False, False, True, True]
