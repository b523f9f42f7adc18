from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from amn.data.index.build import build_index
from amn.data.index.integrity import structure_problems, wrong_rows
from amn.data.index.layers import Layers, load_faiss, unwrap

if TYPE_CHECKING:
    from collections.abc import Callable

    from amn.data.dataset import DataSet


def built(dataset: DataSet, kind: str) -> Layers:
    path = build_index(dataset, kind)
    return unwrap(load_faiss().read_index(str(path)), path)


def from_factory(dataset: DataSet, factory: str) -> Layers:
    faiss = load_faiss()
    index = faiss.index_factory(dataset.dim, factory, faiss.METRIC_INNER_PRODUCT)
    vectors = dataset.gather(np.arange(len(dataset))).astype(np.float32)
    index.train(vectors)
    index.add(vectors)
    return unwrap(index, dataset.index_path)


def stored_code(layers: Layers, row: int) -> Any:
    """Return a view of the bytes that the index holds for a row."""
    faiss = load_faiss()
    if not layers.has_lists:
        width = layers.storage.code_size
        codes = faiss.rev_swig_ptr(layers.storage.codes.data(), layers.storage.ntotal * width)
        return codes.reshape(-1, width)[row]
    lists = layers.storage.invlists
    for number in range(lists.nlist):
        size = lists.list_size(number)
        ids = faiss.rev_swig_ptr(lists.get_ids(number), size) if size else np.empty(0)
        if row in ids:
            codes = faiss.rev_swig_ptr(lists.get_codes(number), size * lists.code_size)
            return codes.reshape(size, -1)[list(ids).index(row)]
    raise AssertionError(row)


@pytest.mark.parametrize("kind", ["flat", "sq8", "sq6", "sq4", "ivf", "hnsw", "pq"])
def test_a_changed_code_is_found_with_its_row_alone(dataset: DataSet, kind: str) -> None:
    layers = built(dataset, kind)
    stored_code(layers, 123)[3] ^= 0x40

    assert [wrong.row for wrong in wrong_rows(layers, dataset)] == [123]


@pytest.mark.parametrize("kind", ["flat", "ivf", "hnsw"])
def test_the_lowest_bit_of_an_exact_vector_is_seen(dataset: DataSet, kind: str) -> None:
    layers = built(dataset, kind)
    stored_code(layers, 5)[0] ^= 1

    assert [wrong.row for wrong in wrong_rows(layers, dataset)] == [5]


@pytest.mark.parametrize("kind", ["flat", "sq4", "hnsw"])
def test_two_swapped_ids_are_exactly_the_rows_found_and_name_each_other(
    dataset: DataSet, kind: str
) -> None:
    layers = built(dataset, kind)
    assert layers.id_map is not None
    layers.id_map[[40, 610]] = layers.id_map[[610, 40]]

    found = wrong_rows(layers, dataset)
    assert [(wrong.row, wrong.holds) for wrong in found] == [(40, 610), (610, 40)]
    both = dataset.gather(np.array([40, 610])).astype(np.float64)
    lengths = np.linalg.norm(both, axis=1)
    cosine = both[0] @ both[1] / lengths.prod()
    assert found[0].cosine == pytest.approx(cosine, abs=1e-6 if kind != "sq4" else 0.05)


@pytest.mark.parametrize("kind", ["ivf", "pq"])
def test_two_ids_swapped_across_inverted_lists_are_exactly_the_rows_found(
    dataset: DataSet, kind: str
) -> None:
    layers = built(dataset, kind)
    faiss, lists = load_faiss(), layers.storage.invlists
    left = faiss.rev_swig_ptr(lists.get_ids(0), lists.list_size(0))
    right = faiss.rev_swig_ptr(lists.get_ids(1), lists.list_size(1))
    swapped = sorted([int(left[0]), int(right[0])])
    left[0], right[0] = int(right[0]), int(left[0])

    assert [wrong.row for wrong in wrong_rows(layers, dataset)] == swapped


def test_an_exact_vector_in_the_wrong_list_is_found(dataset: DataSet) -> None:
    layers = built(dataset, "ivf")
    lists = layers.storage.invlists
    row = int(load_faiss().rev_swig_ptr(lists.get_ids(0), 1)[0])
    code = stored_code(layers, row).copy()
    faiss = load_faiss()
    # Moves the last entry of list 0 over the row's, then files the row under the farthest list.
    size = lists.list_size(0)
    last_id = int(faiss.rev_swig_ptr(lists.get_ids(0), size)[-1])
    last_code = faiss.rev_swig_ptr(lists.get_codes(0), size * lists.code_size)
    last_code = last_code.reshape(size, -1)[-1].copy()
    lists.update_entry(0, 0, last_id, faiss.swig_ptr(last_code))
    lists.resize(0, size - 1)
    vector = dataset.gather(np.array([row])).astype(np.float32)
    _, order = layers.storage.quantizer.search(vector, layers.storage.nlist)
    lists.add_entry(int(order[0, -1]), row, faiss.swig_ptr(code))

    assert [(wrong.row, round(wrong.cosine, 3)) for wrong in wrong_rows(layers, dataset)] == [
        (row, 1.0)
    ]


def test_nan_inside_the_index_is_found_with_its_row(dataset: DataSet) -> None:
    layers = built(dataset, "flat")
    stored_code(layers, 9).view(np.float32)[2] = np.nan

    (wrong,) = wrong_rows(layers, dataset)
    assert wrong.row == 9
    assert np.isnan(wrong.cosine)


def test_a_code_on_the_border_of_two_is_as_good_as_the_other(dataset: DataSet) -> None:
    layers = built(dataset, "sq8")
    scalar = layers.storage.sq
    trained = load_faiss().vector_to_array(scalar.trained)
    low, step = trained[0], trained[16] / 255
    vectors = np.load(dataset.path / "vectors-00000.npy", mmap_mode="r+")
    cell = round((float(vectors[7, 0]) - low) / step)
    # Number 0 of row 7 is made nearly equal to the border below `cell`, both cells equally near.
    code = stored_code(layers, 7)
    vectors[7] = layers.storage.sa_decode(code[None].copy())[0]
    border = np.float16(low + cell * step)
    decoded = low + (np.array([cell - 1, cell]) + 0.5) * step
    errors = np.abs(decoded - np.float64(border))
    vectors[7, 0] = border
    vectors.flush()
    code[0] = int(np.argmin(errors)) + cell - 1

    assert wrong_rows(layers, dataset) == []
    code[0] = cell + 3
    assert [wrong.row for wrong in wrong_rows(layers, dataset)] == [7]


@pytest.mark.parametrize("factory", ["PCA8,Flat", "PCA8,IVF4,Flat", "IDMap,IVF4,SQ8", "PQ8x4"])
def test_other_layers_are_taken_apart_as_well(dataset: DataSet, factory: str) -> None:
    layers = from_factory(dataset, factory.removeprefix("IDMap,"))
    if factory.startswith("IDMap"):
        faiss = load_faiss()
        index = faiss.IndexIDMap2(faiss.index_factory(16, "IVF4,SQ8", 0))
        vectors = dataset.gather(np.arange(700)).astype(np.float32)
        index.train(vectors)
        index.add_with_ids(vectors, np.arange(700))
        layers = unwrap(index, dataset.index_path)

    assert sorted(layers.ids()) == list(range(700))
    assert list(structure_problems(layers)) == []
    assert wrong_rows(layers, dataset) == []


def break_link(layers: Layers) -> None:
    links = layers.graph.neighbors  # type: ignore[union-attr]  # a graph, as the test builds it
    load_faiss().rev_swig_ptr(links.data(), links.size())[0] = 70_000


def break_entry(layers: Layers) -> None:
    layers.graph.entry_point = 1234  # type: ignore[union-attr]


def break_offset(layers: Layers) -> None:
    offsets = layers.graph.offsets  # type: ignore[union-attr]
    load_faiss().rev_swig_ptr(offsets.data(), offsets.size())[3] += 1


def break_level(layers: Layers) -> None:
    levels = layers.graph.levels  # type: ignore[union-attr]
    load_faiss().rev_swig_ptr(levels.data(), levels.size())[5] = 99


def link_across_levels(layers: Layers) -> None:
    faiss, graph = load_faiss(), layers.graph
    assert graph is not None
    levels = faiss.vector_to_array(graph.levels)
    node, low = int(np.flatnonzero(levels > 1)[0]), int(np.flatnonzero(levels == 1)[0])
    links = faiss.rev_swig_ptr(graph.neighbors.data(), graph.neighbors.size())
    links[faiss.vector_to_array(graph.offsets)[node] + graph.cum_nb_neighbors(1)] = low


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (break_link, "node 0: expected links to nodes below 700, got 70000"),
        (break_entry, "expected an entry point on the top level, got node 1234"),
        (break_offset, "node 3: expected its links at 96, got 97"),
        (break_level, "levels, got 1 to 99"),
        (link_across_levels, "expected links within level 1"),
    ],
)
def test_a_damaged_graph_is_named_before_a_search_follows_it(
    dataset: DataSet, change: Callable[[Layers], None], message: str
) -> None:
    layers = built(dataset, "hnsw")
    change(layers)

    (problem,) = structure_problems(layers)
    assert message in problem


def test_counts_that_differ_between_layers_are_named(dataset: DataSet) -> None:
    layers = built(dataset, "ivf")
    layers.storage.invlists.resize(0, layers.storage.invlists.list_size(0) - 1)

    assert list(structure_problems(layers)) == ["expected 700 list entries, got 699"]


def test_lists_without_centroids_are_named(dataset: DataSet) -> None:
    layers = built(dataset, "ivf")
    layers.storage.quantizer.reset()

    (problem,) = structure_problems(layers)
    assert problem == "expected 17 lists, got 17 and centroids for 0"
