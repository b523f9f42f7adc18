from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from amn.checks.data_space import check_one_cloud, check_one_space
from amn.verdict import Severity


def normalise(corpus: Any) -> Any:
    corpus.vectors /= np.linalg.norm(corpus.vectors, axis=1, keepdims=True)
    return corpus


@pytest.mark.parametrize("every", [2])
def test_a_group_of_articles_in_a_rotated_space_is_named(
    corpus: Any, write: Any, data_evidence: Any, every: int
) -> None:
    mine = corpus.ids % every == 0
    dim = corpus.vectors.shape[1]
    rotation = np.linalg.qr(np.random.default_rng(3).standard_normal((dim, dim)))[0]
    corpus.vectors[mine] = corpus.vectors[mine] @ rotation

    measured = data_evidence(write(corpus)).call(check_one_space)

    assert measured.number < 0.3
    (finding,) = measured.findings
    assert finding.severity is None
    assert "two encoders; of 64 articles" in finding.message


def test_turned_signs_of_half_of_the_articles_are_two_clouds(
    corpus: Any, write: Any, data_evidence: Any
) -> None:
    corpus.vectors += 1.5 * np.roll(np.eye(24, dtype=np.float32)[0], 5)
    corpus.vectors[corpus.ids % 2 == 0] *= -1

    (finding,) = data_evidence(write(normalise(corpus))).call(check_one_cloud).findings

    assert "signs turned, or two topics; of 64 articles, 32 are apart" in finding.message


def test_two_clouds_are_a_warning(corpus: Any, write: Any, data_evidence: Any) -> None:
    corpus.vectors[corpus.ids % 2 == 0] += 3 * np.eye(24, dtype=np.float32)[20]

    (finding,) = data_evidence(write(normalise(corpus))).call(check_one_cloud).findings

    assert "another pooling, prefix or source; of 64 articles, 32 are apart" in finding.message


def test_too_few_articles_are_said_to_be(corpus: Any, write: Any, data_evidence: Any) -> None:
    few = type(corpus)(corpus.vectors[:400], corpus.ids[:400], corpus.chunks[:400])

    (finding,) = data_evidence(write(few)).call(check_one_space).findings

    assert finding.severity is Severity.NOTICE
    assert finding.message == "expected 32 articles to see groups, got 20"
