from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from amn.data.index import layers, recall
from amn.data.index.build import build_index
from amn.data.index.layers import load_faiss
from amn.data.index.reader import open_index
from amn.data.index.recall import SelfSearch, lower_bound, recall_at, search_rows, self_search
from amn.data.writer import Chunks, write_dataset
from tests.strategies import running_keys

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from amn.data.dataset import DataSet
    from amn.data.index.reader import OpenIndex

ROWS = np.arange(0, 700, 7)


def recalled(
    index: OpenIndex, dataset: DataSet, rows: NDArray[np.int64], k: int
) -> NDArray[np.float64]:
    return recall_at(dataset, search_rows(index, dataset, rows, k + 1), k)


def searched(index: OpenIndex, dataset: DataSet, rows: NDArray[np.int64]) -> SelfSearch:
    return self_search(index, dataset, search_rows(index, dataset, rows, 1))


def test_an_exact_index_has_recall_one(dataset: DataSet) -> None:
    index = open_index(build_index(dataset, "flat"))

    np.testing.assert_array_equal(recalled(index, dataset, ROWS, 10), np.ones(100))
    assert searched(index, dataset, ROWS).hit.all()


@pytest.mark.parametrize("kind", ["sq4", "sq6", "sq8", "flat", "ivf", "hnsw", "pq"])
@pytest.mark.parametrize("n", [1, 11, 700])
def test_answers_are_those_of_faiss(
    dataset: DataSet, kind: str, n: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(layers, "BLOCK_ROWS", 93)
    index = open_index(build_index(dataset, kind))
    scores, found = index.search(dataset.gather(ROWS).astype(np.float32), n)

    answers = search_rows(index, dataset, ROWS, n)

    np.testing.assert_allclose(answers.scores, scores, atol=1e-6)
    tied = np.isclose(np.diff(scores, append=-np.inf), 0, atol=1e-6)
    tied[:, 1:] |= tied[:, :-1]
    np.testing.assert_array_equal(answers.found[~tied], found[~tied])
    assert (np.sort(answers.found) == np.sort(found)).mean() > 0.99


def test_answers_do_not_depend_on_when_a_block_is_scored(
    tmp_path: Path, dataset: DataSet, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids, chunks = running_keys(*[10] * 70)
    twice = dataset.gather(np.arange(700) // 2)  # so that every score is there twice
    keys = Chunks(article_ids=ids, chunk_index=chunks)
    doubled = write_dataset(tmp_path / "doubled", twice, keys, name="doubled")
    monkeypatch.setattr(layers, "BLOCK_ROWS", 9)
    index = open_index(build_index(doubled, "sq4"))
    answers = []
    for run in (map, lambda function, items: iter([function(item) for item in items])):
        monkeypatch.setattr(recall, "in_threads", run)
        answers.append(search_rows(index, doubled, ROWS, 5))

    np.testing.assert_array_equal(answers[0].found, answers[1].found)


def test_codes_that_stand_for_no_number_are_no_answer(dataset: DataSet) -> None:
    index = open_index(build_index(dataset, "sq8"))
    trained = load_faiss().rev_swig_ptr(index.layers.storage.sq.trained.data(), 2 * dataset.dim)
    trained[:] = np.nan

    answers = search_rows(index, dataset, ROWS, 3)

    assert (answers.found == -1).all()


@pytest.mark.parametrize("kind", ["ivf", "hnsw", "pq", "sq4"])
def test_recall_equals_brute_force_in_float64(
    dataset: DataSet, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recall, "BLOCK_ROWS", 93)
    index = open_index(build_index(dataset, kind))
    vectors = dataset.gather(np.arange(700)).astype(np.float64)
    scores = vectors[ROWS] @ vectors.T
    scores[np.arange(100), ROWS] = -np.inf
    wanted = np.argsort(-scores, axis=1)[:, :5]
    _, found = index.search(vectors[ROWS].astype(np.float32), 6)
    expected = [
        len({*w} & {*[i for i in f if i != row][:5]}) / 5
        for w, f, row in zip(wanted, found, ROWS, strict=True)
    ]

    np.testing.assert_array_equal(recalled(index, dataset, ROWS, 5), expected)


def test_more_probes_never_lower_recall(dataset: DataSet) -> None:
    means = []
    for nprobe in (1, 4, 16):
        path = build_index(dataset, "ivf", parameters={"nlist": 16, "nprobe": nprobe})
        means.append(recalled(open_index(path), dataset, ROWS, 10).mean())

    assert means[0] < means[1] < means[2] == 1


def test_equal_vectors_are_ties_and_cost_no_recall(tmp_path: Path) -> None:
    articles, chunks = running_keys(30, 30)
    vectors = np.repeat(np.eye(8, dtype=np.float16)[:4], 15, axis=0)
    table = Chunks(article_ids=articles, chunk_index=chunks)
    data = write_dataset(tmp_path / "data", vectors, table, name="ties")
    index = open_index(build_index(data, "flat"))
    rows = np.arange(60)

    assert (searched(index, data, rows).found != rows).any()
    assert searched(index, data, rows).hit.all()
    np.testing.assert_array_equal(recalled(index, data, rows, 10), np.ones(60))


def test_exchanged_ids_are_no_ties_although_every_score_is_1(dataset: DataSet) -> None:
    faiss = load_faiss()
    path = build_index(dataset, "flat")
    index = faiss.read_index(str(path))
    faiss.copy_array_to_vector(np.roll(faiss.vector_to_array(index.id_map), 1), index.id_map)
    faiss.write_index(index, str(path))

    result = searched(open_index(path), dataset, ROWS)

    np.testing.assert_allclose(result.scores, result.own_scores, atol=1e-6)
    assert not result.hit.any()


def test_an_index_that_finds_nothing_hits_nothing(dataset: DataSet) -> None:
    index = open_index(build_index(dataset, "ivf", parameters={"nprobe": 1}))
    index.layers.storage.invlists.reset()

    result = searched(index, dataset, ROWS)
    assert not result.hit.any()
    assert recalled(index, dataset, ROWS, 10).max() == 0


def test_the_lower_bound_is_below_the_mean_and_nears_it_with_more_queries() -> None:
    rng = np.random.default_rng(0)
    values = rng.random(2000)
    few, many = (lower_bound(values[:n], rng, alpha=0.05) for n in (50, 2000))

    # One-sided 95 % of a mean of uniform numbers: 1.645 * 0.2887 / sqrt(n) below it.
    assert values.mean() - many == pytest.approx(1.645 * 0.2887 / np.sqrt(2000), rel=0.1)
    assert values[:50].mean() - few == pytest.approx(1.645 * values[:50].std() / 50**0.5, rel=0.1)
    assert lower_bound(np.ones(9), rng, alpha=0.05) == 1
