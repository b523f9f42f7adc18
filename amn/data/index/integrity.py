"""Whether an index holds together: what faiss trusts in a search, and the rows that it stores."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from amn.data.index.layers import load_faiss
from amn.data.vectors import cosine_rows, widen
from amn.system import in_threads

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from amn.data.dataset import DataSet
    from amn.data.index.layers import Layers

# Rounding differs between instruction sets, so a number on the border of two codes may get either:
# both are then equally near to it, within this share of the squared distance.
TIE_RTOL = 1e-5


@dataclass(frozen=True)
class WrongRow:
    """A row for which the index holds something else.

    Attributes:
        row: Of the data set.
        cosine: Between the row and what is stored for it.
        holds: The row whose vector it is, when that is another wrong row.
    """

    row: int
    cosine: float
    holds: int | None


def structure_problems(layers: Layers) -> Iterator[str]:
    """Yield what would make a search read wrong memory or miss rows, as `expected X, got Y`."""
    total = layers.outer.ntotal
    counts = {"codes": layers.storage.ntotal}
    if layers.id_map is not None:
        counts["ids"] = len(layers.id_map)
    if layers.has_lists:
        storage, lists = layers.storage, layers.storage.invlists
        if not storage.nlist == lists.nlist == storage.quantizer.ntotal:
            yield (
                f"expected {storage.nlist:,} lists, got {lists.nlist:,} and centroids for "
                f"{storage.quantizer.ntotal:,}"
            )
            return
        if lists.code_size != storage.code_size:
            yield f"expected {storage.code_size} bytes a code, got {lists.code_size}"
        counts["list entries"] = sum(lists.list_size(k) for k in range(lists.nlist))
    else:
        held = layers.storage.codes.size() // max(layers.storage.code_size, 1)
        counts["stored codes"] = held
    for what, count in counts.items():
        if count != total:
            yield f"expected {total:,} {what}, got {count:,}"
    if layers.graph is not None and set(counts.values()) == {total}:
        yield from _graph_problems(layers.graph, total)


def _graph_problems(graph: Any, total: int) -> Iterator[str]:  # noqa: ANN401 - a faiss object
    """Yield what is wrong with the links of an HNSW graph of `total` nodes."""
    faiss = load_faiss()
    levels = faiss.vector_to_array(graph.levels)  # how many levels each node is on
    offsets = faiss.vector_to_array(graph.offsets).astype(np.int64)
    widths = faiss.vector_to_array(graph.cum_nneighbor_per_level).astype(np.int64)
    neighbors = faiss.vector_to_array(graph.neighbors)
    if len(levels) != total or len(offsets) != total + 1:
        yield f"expected {total:,} nodes in the graph, got {min(len(levels), len(offsets) - 1):,}"
        return
    if not total:
        return
    if levels.min() < 1 or levels.max() >= len(widths) or levels.max() - 1 != graph.max_level:
        yield (
            f"expected nodes on 1 to {graph.max_level + 1} levels, "
            f"got {levels.min()} to {levels.max()}"
        )
        return
    wanted = np.concatenate([[0], np.cumsum(widths[levels])])
    if (bad := np.flatnonzero(offsets != wanted)).size or len(neighbors) != offsets[-1]:
        node = int(bad[0]) if bad.size else total
        yield f"node {node}: expected its links at {wanted[node]:,}, got {offsets[node]:,}"
        return
    if not 0 <= graph.entry_point < total or levels[graph.entry_point] - 1 != graph.max_level:
        yield f"expected an entry point on the top level, got node {graph.entry_point}"
    if (bad := np.flatnonzero((neighbors < -1) | (neighbors >= total))).size:
        node = int(np.searchsorted(offsets, bad[0], side="right")) - 1
        yield f"node {node}: expected links to nodes below {total:,}, got {neighbors[bad[0]]}"
        return
    for level in range(1, int(levels.max())):
        nodes = np.flatnonzero(levels > level)
        links = neighbors[offsets[nodes][:, None] + np.arange(widths[level], widths[level + 1])]
        wrong = (links >= 0) & (levels[links] <= level)
        if wrong.any():
            yield f"node {nodes[wrong.any(axis=1)][0]}: expected links within level {level}"


def wrong_rows(layers: Layers, dataset: DataSet) -> list[WrongRow]:
    """Return every row for which the index does not hold what it would store for it, ascending.

    The data set's row is encoded by the index's own codec and compared byte by byte: exact for
    float32 storage; for compressed storage a code that is as near to the row is as good.
    Ids that are no rows are left out.
    """

    def compare(
        block: tuple[NDArray[np.int64], NDArray[np.uint8]],
    ) -> tuple[NDArray[np.int64], NDArray[np.float64], list[bytes], list[bytes]] | None:
        ids, codes = block
        inside = (ids >= 0) & (ids < len(dataset))
        ids, codes = ids[inside], codes[inside]  # what can be compared
        values = dataset.gather(ids)
        vectors = widen(values, np.empty(values.shape, np.float32))
        wanted = layers.encode(vectors) if ids.size else codes
        differs = np.flatnonzero((wanted != codes).any(axis=1))
        if not differs.size:
            return None
        good, cosine = _compare(layers, vectors[differs], codes[differs], wanted[differs])
        bad = differs[~good]
        held, own = ([code.tobytes() for code in some[bad]] for some in (codes, wanted))
        return ids[bad], cosine[~good], held, own

    found = [block for block in in_threads(compare, layers.blocks()) if block]
    rows = [row for ids, *_ in found for row in ids.tolist()]
    cosines = [cosine for _, near, *_ in found for cosine in near.tolist()]
    stored = [code for *_, held, _ in found for code in held]
    owner = dict(zip([code for *_, own in found for code in own], rows, strict=True))
    wrong = (
        WrongRow(row, cosine, owner.get(code))
        for row, cosine, code in zip(rows, cosines, stored, strict=True)
    )
    return sorted(wrong, key=lambda one: one.row)


def _compare(
    layers: Layers,
    vectors: NDArray[np.float32],
    stored: NDArray[np.uint8],
    wanted: NDArray[np.uint8],
) -> tuple[NDArray[np.bool_], NDArray[np.float64]]:
    """Tell which stored codes are as good as the codec's own, and how near they are.

    Args:
        vectors: (n, D) rows of the data set.
        stored: (n, C) what the index holds for them.
        wanted: (n, C) what its codec makes of them.

    Returns:
        (n,) bool, and the (n,) cosine between rows and what is stored.
    """
    truth = vectors.astype(np.float64)
    held = layers.decode(stored).astype(np.float64)
    ours = layers.decode(wanted).astype(np.float64)
    with np.errstate(invalid="ignore", over="ignore"):
        limit = np.square(ours - truth).sum(axis=1) * (1 + TIE_RTOL)
        good = np.square(held - truth).sum(axis=1) <= limit  # False where NaN is stored
    if layers.has_lists:
        good &= _same_list(layers, truth, stored, wanted)
    return np.asarray(good), cosine_rows(held, truth)


def _same_list(
    layers: Layers,
    truth: NDArray[np.float64],
    stored: NDArray[np.uint8],
    wanted: NDArray[np.uint8],
) -> NDArray[np.bool_]:
    """Tell which rows are in the list that they belong to, or in one whose centroid is as near."""
    prefix = layers.storage.coarse_code_size()
    same: NDArray[np.bool_] = (stored[:, :prefix] == wanted[:, :prefix]).all(axis=1)
    if layers.encoder is not layers.storage:  # centroids are in the transformed space
        return same
    quantizer = layers.storage.quantizer
    centroids = quantizer.reconstruct_n(0, quantizer.ntotal).astype(np.float64)
    weights = 256 ** np.arange(prefix)
    held, own = (centroids[codes[:, :prefix] @ weights] for codes in (stored, wanted))
    if quantizer.metric_type == load_faiss().METRIC_INNER_PRODUCT:
        gap = np.vecdot(truth, own - held)
    else:
        gap = np.square(truth - held).sum(axis=1) - np.square(truth - own).sum(axis=1)
    return np.asarray(same | (gap <= TIE_RTOL))
