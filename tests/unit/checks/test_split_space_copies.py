from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from amn.checks.split_space import check_near_articles
from amn.verdict import Severity


def again(corpus: Any, *articles: int) -> Any:
    """Add articles a second time under ids from 101 on, with a little noise on every row."""
    rng = np.random.default_rng(0)
    for article in articles:
        rows = corpus.rows(article)
        corpus = corpus.add(100 + article, copy_of=article)
        noise = rng.standard_normal((len(rows), corpus.vectors.shape[1]))
        corpus.vectors[-len(rows) :] += 0.01 * noise.astype(np.float32)
    return corpus


def test_evaluated_articles_that_are_there_again_with_noise_are_named(
    corpus: Any, write: Any, split_evidence: Any
) -> None:
    measured = split_evidence(write(again(corpus, 41, 42, 53))).call(check_near_articles)

    (finding,) = [f for f in measured.findings if f.severity is None]
    assert finding.where == "in_dist"
    assert "got 16.67% of 12 (2): 41, 42, the first of them like 141" in finding.message
    assert measured.number == pytest.approx(1 / 6)


def test_articles_of_their_own_are_not(corpus: Any, write: Any, split_evidence: Any) -> None:
    measured = split_evidence(write(corpus)).call(check_near_articles)

    assert (measured.value, measured.findings) == ("0.00%, 0.00%", [])


def test_a_single_near_copy_is_a_warning(corpus: Any, write: Any, split_evidence: Any) -> None:
    (finding,) = split_evidence(write(again(corpus, 53))).call(check_near_articles).findings

    assert finding.severity is Severity.WARNING
    assert finding.where == "ood"
    assert "(1): 53" in finding.message


def test_a_copy_among_training_articles_is_not_a_leak(
    corpus: Any, write: Any, split_evidence: Any
) -> None:
    assert split_evidence(write(again(corpus, 1))).call(check_near_articles).findings == []
