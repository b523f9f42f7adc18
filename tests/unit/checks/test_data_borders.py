from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from amn.checks import data_borders
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
    def gate(check: Any, vectors: np.ndarray[Any, Any], name: str = "data") -> Any:
        n, rows = vectors.shape[:2]
        ids = np.repeat(np.arange(1, n + 1), rows)
        chunks = np.tile(np.arange(rows, dtype=np.int32), n)
        flat = vectors.reshape(-1, vectors.shape[-1]).astype(np.float32)
        evidence = data_evidence(write(type(corpus)(flat, ids, chunks), name))
        return evidence.call(check)

    return gate


def rolled(vectors: np.ndarray[Any, Any], rows: int) -> np.ndarray[Any, Any]:
    flat = vectors.reshape(-1, vectors.shape[-1])
    return np.roll(flat, rows, axis=0).reshape(vectors.shape)


@pytest.mark.parametrize(
    "check",
    [
        data_borders.check_borders,
        data_borders.check_border_stretch,
        data_borders.check_positions,
        data_borders.check_string_order,
        data_borders.check_lone_rows,
        data_borders.check_reading_direction,
        data_borders.check_reversed_articles,
    ],
)
def test_running_text_passes(gate: Any, check: Any) -> None:
    assert gate(check, running_text()).findings == []


@pytest.mark.parametrize("rows", [1, 2, 12, -1])
def test_that_d014_sees_vectors_shifted_against_their_ids(gate: Any, rows: int) -> None:
    measured = gate(data_borders.check_borders, rolled(running_text(), rows))

    assert measured.number < 3.1
    assert "over 59 borders: vectors are shifted against their ids" in measured.findings[0].message


def test_a_shift_that_begins_in_the_middle_is_named_by_its_articles(gate: Any) -> None:
    vectors = running_text()
    vectors[30:52] = rolled(vectors[30:52], 1)

    (stretch,) = gate(data_borders.check_border_stretch, vectors).findings

    assert "at every 20 borders" in stretch.message
    first, last = (int(word) for word in stretch.where.split() if word.isdigit())
    assert first >= 25
    assert last == first + 19


def test_chunks_that_are_sorted_as_strings_are_seen(gate: Any) -> None:
    order = sorted(range(N_ROWS), key=str)

    measured = gate(data_borders.check_positions, running_text()[:, order])

    assert measured.number >= 3
    assert "after chunks 1, 11, 12, 16" in measured.findings[0].message


@pytest.mark.parametrize("lengths", [[24] * 60, list(range(12, 24)) * 5])
def test_that_d030_sees_a_sort_as_strings_whatever_the_lengths(
    corpus: Any, write: Any, data_evidence: Any, lengths: list[int]
) -> None:
    text = running_text()

    def written(key: Any) -> Any:
        rows = [text[a][sorted(range(n), key=key)] for a, n in enumerate(lengths)]
        ids = np.repeat(np.arange(1, 61), lengths)
        chunks = np.concatenate([np.arange(n, dtype=np.int32) for n in lengths])
        flat = np.concatenate(rows).astype(np.float32)
        data = write(type(corpus)(flat, ids, chunks), f"data-{key.__name__}-{lengths[1]}")
        return data_evidence(data).call(data_borders.check_string_order)

    right, wrong = written(int), written(str)

    assert right.findings == []
    assert right.number > 6
    assert wrong.number < -3.1
    (finding,) = wrong.findings
    assert f"got {-wrong.number:.1f} over 60 articles" in finding.message


def test_a_form_that_every_article_has_passes(gate: Any) -> None:
    vectors = running_text()
    vectors[:, 3:] = rolled(vectors, 20 * N_ROWS)[:, 3:]  # another topic: a second part

    measured = gate(data_borders.check_positions, vectors)

    assert (measured.number, measured.findings) == (1, [])


def test_rows_like_nothing_beside_them_are_counted(gate: Any) -> None:
    vectors, noise = running_text(), np.random.default_rng(1).standard_normal((3 * N_ARTICLES, DIM))
    noise /= np.linalg.norm(noise, axis=1, keepdims=True)
    for k in range(3):
        rows = 2 + (7 * k + np.arange(N_ARTICLES)) % 19
        vectors[np.arange(N_ARTICLES), rows] = noise[k::3]

    (finding,) = gate(data_borders.check_lone_rows, vectors).findings

    assert "expected at most 8.0% of rows" in finding.message
    assert "got 1" in finding.message


def test_articles_from_their_end_to_their_beginning_are_a_warning(gate: Any) -> None:
    measured = gate(data_borders.check_reading_direction, running_text()[:, ::-1])

    assert measured.number < -6
    assert (
        f"got {measured.number:.1f} over 60 articles: are chunks numbered from the end?"
        in measured.findings[0].message
    )


def test_too_few_borders_are_inconclusive(gate: Any) -> None:
    (finding,) = gate(data_borders.check_borders, running_text(8)).findings

    assert finding.severity is Severity.INCONCLUSIVE
    assert finding.message == "expected 8 borders of articles, got 7"
