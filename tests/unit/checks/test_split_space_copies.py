from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from amn.checks import split_space as split_copies
from amn.checks.split_space import check_near_articles
from amn.verdict import Severity

if TYPE_CHECKING:
    import pytest


def again(corpus: Any, *articles: int) -> Any:
    """Add articles a second time under ids from 101 on, with a little noise on every row."""
    rng = np.random.default_rng(0)
    for article in articles:
        rows = corpus.rows(article)
        corpus = corpus.add(100 + article, copy_of=article)
        noise = rng.standard_normal((len(rows), corpus.vectors.shape[1]))
        corpus.vectors[-len(rows) :] += 0.01 * noise.astype(np.float32)
    return corpus


def test_articles_that_are_there_again_with_noise_are_named(
    corpus: Any, write: Any, split_evidence: Any
) -> None:
    measured = split_evidence(write(again(corpus, 1, 2, 3, 4))).call(check_near_articles)

    (finding,) = measured.findings
    assert finding.severity is None
    assert "(8): 1, 2, 3, 4" in finding.message
    assert finding.message.endswith("the first of them like 101")
    assert measured.number > split_copies.NEAR_SHARE


def test_articles_of_their_own_are_not(corpus: Any, write: Any, split_evidence: Any) -> None:
    measured = split_evidence(write(corpus)).call(check_near_articles)

    assert (measured.value, measured.findings) == ("0.00%", [])


def test_a_few_near_copies_are_a_warning(
    corpus: Any, write: Any, split_evidence: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(split_copies, "NEAR_SHARE", 0.5)

    (finding,) = split_evidence(write(again(corpus, 1))).call(check_near_articles).findings

    assert finding.severity is Severity.WARNING
    assert "(2): 1, 101" in finding.message


def test_a_sample_of_articles_is_looked_for_among_all(
    corpus: Any, write: Any, split_evidence: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(split_copies, "MOST_QUERIED", 2)  # the first article and the last

    (finding,) = split_evidence(write(again(corpus, 1, 2))).call(check_near_articles).findings

    assert "got 100.00% of 2 (2): 1, 102, the first of them like 101" in finding.message
