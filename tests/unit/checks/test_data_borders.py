from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from amn.checks.data_borders import check_borders
from amn.verdict import Severity

DIM = 256
N_ARTICLES, N_ROWS = 60, 24


def running_text(n_articles: int = N_ARTICLES) -> np.ndarray[Any, Any]:
    """Vectors of articles of one topic each, whose lead is nearest to it: (A, N_ROWS, DIM)."""
    rng = np.random.default_rng(0)
    topics, noise = (rng.standard_normal((n_articles, n, DIM)) for n in (1, N_ROWS))
    for row in range(1, N_ROWS):
        noise[:, row] = 0.5 * noise[:, row - 1] + 0.87 * noise[:, row]
    noise[:, 0] *= 0.5
    vectors = topics + noise
    return vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)


@pytest.fixture
def gate(corpus: Any, write: Any, data_evidence: Any) -> Any:
    def gate(vectors: np.ndarray[Any, Any], name: str = "data") -> Any:
        n, rows = vectors.shape[:2]
        ids = np.repeat(np.arange(1, n + 1), rows)
        chunks = np.tile(np.arange(rows, dtype=np.int32), n)
        flat = vectors.reshape(-1, vectors.shape[-1]).astype(np.float32)
        return data_evidence(write(type(corpus)(flat, ids, chunks), name)).call(check_borders)

    return gate


def rolled(vectors: np.ndarray[Any, Any], rows: int) -> np.ndarray[Any, Any]:
    flat = vectors.reshape(-1, vectors.shape[-1])
    return np.roll(flat, rows, axis=0).reshape(vectors.shape)


def test_running_text_passes(gate: Any) -> None:
    measured = gate(running_text())

    assert measured.findings == []
    assert measured.number > 0.3


@pytest.mark.parametrize("rows", [1, 2, 12, -1])
def test_that_d014_sees_vectors_shifted_against_their_ids(gate: Any, rows: int) -> None:
    measured = gate(rolled(running_text(), rows))

    assert measured.number < 0.03
    assert "over 59 borders: vectors are shifted against their ids" in measured.findings[0].message


def test_a_shift_that_begins_in_the_middle_is_named_by_its_articles(gate: Any) -> None:
    vectors = running_text()
    vectors[30:] = rolled(vectors[30:], 1)

    findings = gate(vectors).findings

    (block,) = [f for f in findings if "at every 20 borders" in f.message]
    first, last = (int(word) for word in block.where.split() if word.isdigit())
    assert first >= 25
    assert last == first + 19


def test_chunks_that_are_sorted_as_strings_are_seen(gate: Any) -> None:
    order = sorted(range(N_ROWS), key=str)

    (finding,) = gate(running_text()[:, order]).findings

    assert finding.severity is None
    assert "after chunks 1, 11, 12, 16" in finding.message


def test_a_form_that_every_article_has_is_a_warning(gate: Any) -> None:
    vectors = running_text()
    vectors[:, 3:] = rolled(vectors, 20 * N_ROWS)[:, 3:]  # another topic: a second part

    findings = gate(vectors).findings

    assert {finding.severity for finding in findings} == {Severity.WARNING}
    assert "after chunks 2" in findings[0].message


def test_rows_like_nothing_beside_them_are_counted(gate: Any) -> None:
    vectors = running_text()
    noise = np.random.default_rng(1).standard_normal((N_ARTICLES, DIM))
    vectors[np.arange(N_ARTICLES), 2 + np.arange(N_ARTICLES) % 19] = noise / np.linalg.norm(
        noise, axis=1, keepdims=True
    )

    (finding,) = gate(vectors).findings

    assert "expected at most 0.5% of rows" in finding.message
    assert "got 4." in finding.message


def test_nine_rows_like_nothing_beside_them_are_no_defect_and_ten_are(gate: Any) -> None:
    vectors, noise = running_text(), np.random.default_rng(1).standard_normal((10, DIM))
    noise /= np.linalg.norm(noise, axis=1, keepdims=True)
    vectors[np.arange(9), 2 + np.arange(9)] = noise[:9]
    nine = gate(vectors)
    vectors[9, 11] = noise[9]

    assert nine.findings == []
    assert "got 0.69% (10)" in gate(vectors, "ten").findings[0].message


def test_articles_from_their_end_to_their_beginning_are_a_warning(gate: Any) -> None:
    (finding,) = gate(running_text()[:, ::-1]).findings

    assert finding.severity is Severity.WARNING
    assert "over 60 articles: are chunks numbered from the end?" in finding.message


def test_too_few_borders_are_inconclusive(gate: Any) -> None:
    (finding,) = gate(running_text(8)).findings

    assert finding.severity is Severity.INCONCLUSIVE
    assert finding.message == "expected 8 borders of articles, got 7"
