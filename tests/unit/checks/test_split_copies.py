from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from amn.checks.split_copies import (
    check_identical_vectors,
    check_near_articles,
    check_near_duplicates,
    near_distance,
)
from amn.verdict import Severity

OOD = range(53, 65)
LEAK_CHECKS = [check_identical_vectors, check_near_duplicates]


@pytest.mark.parametrize("check", LEAK_CHECKS, ids=lambda check: check.__name__)
def test_a_training_article_under_another_id_is_named(
    check: Any, corpus: Any, write: Any, split_evidence: Any
) -> None:
    evidence = split_evidence(write(corpus.add(999, copy_of=3)), ood={"articles": [*OOD, 999]})

    first, *_ = evidence.call(check).findings

    assert first.where == "ood: article 999"
    assert "got 20 of 20 rows" in first.message
    assert first.message.endswith("rows of article 3 of train")


@pytest.mark.parametrize("check", LEAK_CHECKS, ids=lambda check: check.__name__)
def test_a_fifth_of_an_article_is_a_leak(
    check: Any, corpus: Any, write: Any, split_evidence: Any
) -> None:
    corpus.vectors[corpus.rows(60)[:4]] = corpus.vectors[corpus.rows(8)[10:14]]

    (finding,) = split_evidence(write(corpus)).call(check).findings

    assert finding.where == "ood: article 60"
    assert "got 4 of 20 rows" in finding.message


@pytest.mark.parametrize("check", LEAK_CHECKS, ids=lambda check: check.__name__)
def test_two_rows_of_boilerplate_are_no_leak(
    check: Any, corpus: Any, write: Any, split_evidence: Any
) -> None:
    corpus.vectors[corpus.rows(60)[:2]] = corpus.vectors[corpus.rows(8)[10:12]]

    measured = split_evidence(write(corpus)).call(check)

    assert measured.number == 2
    assert measured.findings == []


@pytest.mark.parametrize("check", LEAK_CHECKS, ids=lambda check: check.__name__)
def test_rows_that_leak_here_and_there_are_counted(
    check: Any, corpus: Any, write: Any, split_evidence: Any
) -> None:
    for article in OOD:
        corpus.vectors[corpus.rows(article)[3]] = corpus.vectors[corpus.rows(article - 50)[7]]

    (finding,) = split_evidence(write(corpus)).call(check).findings

    assert "5.00% (12 of 240) in articles 53, 54" in finding.message


def test_an_article_in_both_evaluated_splits_is_named(
    corpus: Any, write: Any, split_evidence: Any
) -> None:
    evidence = split_evidence(write(corpus.add(999, copy_of=45)), ood={"articles": [*OOD, 999]})

    (finding,) = evidence.call(check_identical_vectors).findings

    assert finding.where == "ood: article 999"
    assert finding.message.endswith("rows of article 45 of in_dist")


def test_rows_rounded_another_way_are_near_duplicates_only(
    corpus: Any, write: Any, split_evidence: Any
) -> None:
    copied = corpus.add(999, copy_of=3)
    copied.vectors[-20:] += np.float32(0.004)
    evidence = split_evidence(write(copied), ood={"articles": [*OOD, 999]})

    assert evidence.call(check_identical_vectors).findings == []
    assert evidence.call(check_near_duplicates).findings[0].where == "ood: article 999"


@pytest.mark.parametrize(("further", "leaks"), [(0, 4), (2, 0)])
def test_a_form_that_two_articles_have_is_no_leak_where_as_many_rows_are_a_little_further(
    corpus: Any, write: Any, split_evidence: Any, further: int, leaks: int
) -> None:
    rows, others = corpus.rows(60), corpus.rows(8)
    whole = split_evidence(write(corpus, "clean"))
    train = whole["splits"]["train"]
    near = near_distance(whole["scans"]["train"], train.dataset, train)
    aside = rng_rows(4 + further, 24)
    for k, (row, other) in enumerate(zip(rows[: 4 + further], others, strict=False)):
        distance = near / 2 if k < 4 else 1.5 * near  # 1 - cosine
        to = corpus.vectors[other] / np.linalg.norm(corpus.vectors[other])
        away = aside[k] - (aside[k] @ to) * to
        angle = np.arccos(1 - distance)
        corpus.vectors[row] = np.cos(angle) * to + np.sin(angle) * away / np.linalg.norm(away)

    measured = split_evidence(write(corpus)).call(check_near_duplicates)

    named = [f.message for f in measured.findings if f.where == "ood: article 60"]
    assert [f"got {leaks} of 20 rows" in message for message in named] == [True] * bool(leaks)


def rng_rows(n: int, dim: int) -> Any:
    return np.random.default_rng(5).standard_normal((n, dim))


def test_bytes_of_two_dtypes_are_not_compared_in_silence(
    corpus: Any, write: Any, split_evidence: Any
) -> None:
    other = write(corpus.part(OOD, shift=1000), "other", dtype="float32")
    evidence = split_evidence(write(corpus), other, ood={"dataset": str(other)})

    findings = evidence.call(check_identical_vectors).findings

    assert [f.where for f in findings] == ["ood and train", "ood and in_dist"]
    assert {f.severity for f in findings} == {Severity.WARNING}


def test_leaks_between_data_sets_are_seen(corpus: Any, write: Any, split_evidence: Any) -> None:
    other = write(corpus.part(range(1, 13), shift=1000), "other")
    evidence = split_evidence(write(corpus), other, ood={"dataset": str(other)})

    for check in LEAK_CHECKS:
        assert evidence.call(check).findings[0].where == "ood: article 1001"


def test_an_empty_split_leaks_nothing_and_breaks_nothing(
    corpus: Any, write: Any, split_evidence: Any
) -> None:
    evidence = split_evidence(
        write(corpus), train={"articles": "900-901"}, ood={"articles": "700-701"}
    )

    for check in LEAK_CHECKS:
        assert evidence.call(check).findings == []


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
