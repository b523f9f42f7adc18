from __future__ import annotations

import numpy as np
import pytest

from amn.data.space import find_groups

DIM = 32


def articles(n: int, seed: int = 0) -> np.ndarray[tuple[int, int, int], np.dtype[np.float32]]:
    rng = np.random.default_rng(seed)
    scales = 0.85 ** np.arange(DIM)
    vectors = (rng.standard_normal((n, 1, DIM)) + rng.standard_normal((n, 8, DIM))) * scales
    return (vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)).astype(np.float32)


@pytest.mark.parametrize("seed", range(4))
def test_articles_of_one_space_share_most_of_it(seed: int) -> None:
    assert min(groups.shared for groups in find_groups(articles(96, seed))) > 0.4


def test_a_rotated_group_is_found_article_by_article() -> None:
    vectors = articles(96)
    rotated = np.arange(96) % 3 == 0
    rotation = np.linalg.qr(np.random.default_rng(1).standard_normal((DIM, DIM)))[0]
    vectors[rotated] = vectors[rotated] @ rotation.astype(np.float32)

    worst = min(find_groups(vectors), key=lambda groups: groups.shared)

    assert worst.shared < 0.25
    assert max((worst.first == rotated).mean(), (worst.first != rotated).mean()) > 0.9


def test_two_points_leave_a_gap_of_one() -> None:
    vectors = np.zeros((40, 8, DIM), np.float32)
    vectors[:20, :, 0] = vectors[20:, :, 1] = 1

    assert max(groups.gap for groups in find_groups(vectors)) == pytest.approx(1)
