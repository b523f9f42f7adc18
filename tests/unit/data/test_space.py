from __future__ import annotations

import numpy as np
import pytest

from amn.data.articles import ArticleSample
from amn.data.space import find_groups, shared_space

DIM = 32


def sample(vectors: np.ndarray[tuple[int, int, int], np.dtype[np.float32]]) -> ArticleSample:
    n, rows, dim = vectors.shape
    return ArticleSample(vectors.reshape(-1, dim), np.arange(n) * rows, np.arange(n))


def articles(n: int, seed: int = 0) -> np.ndarray[tuple[int, int, int], np.dtype[np.float32]]:
    rng = np.random.default_rng(seed)
    scales = 0.85 ** np.arange(DIM)
    vectors = (rng.standard_normal((n, 1, DIM)) + rng.standard_normal((n, 8, DIM))) * scales
    return (vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)).astype(np.float32)


@pytest.mark.parametrize("seed", range(4))
def test_groups_of_articles_of_one_space_vary_alike(seed: int) -> None:
    clean = sample(articles(96, seed))

    assert min(shared_space(clean, groups.first) for groups in find_groups(clean)) > 0.8


def test_a_rotated_group_is_found_article_by_article() -> None:
    vectors = articles(96)
    rotated = np.arange(96) % 3 == 0
    rotation = np.linalg.qr(np.random.default_rng(1).standard_normal((DIM, DIM)))[0]
    vectors[rotated] = vectors[rotated] @ rotation.astype(np.float32)
    mixed = sample(vectors)

    worst = min(find_groups(mixed), key=lambda groups: shared_space(mixed, groups.first))

    assert shared_space(mixed, worst.first) < 0.3
    assert max((worst.first == rotated).mean(), (worst.first != rotated).mean()) > 0.9


def test_two_points_leave_a_gap_of_one() -> None:
    vectors = np.zeros((40, 8, DIM), np.float32)
    vectors[:20, :, 0] = vectors[20:, :, 1] = 1

    assert max(groups.gap for groups in find_groups(sample(vectors))) == pytest.approx(1)
