"""The layers of a faiss index taken apart: id map, graph, inverted lists, codes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from amn.errors import DataError
from amn.index.engine import load_faiss

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from numpy.typing import NDArray

BLOCK_ROWS = 4096
FLAT_TYPES = frozenset(
    {"IndexFlat", "IndexFlatIP", "IndexFlatL2", "IndexScalarQuantizer", "IndexPQ"}
)
LIST_TYPES = frozenset({"IndexIVFFlat", "IndexIVFPQ", "IndexIVFScalarQuantizer"})


@dataclass(frozen=True)
class Layers:
    """What an index consists of. Arrays are views of the index's memory: keep `outer` alive.

    Attributes:
        outer: What is searched.
        encoder: The layer whose `sa_encode` turns the data set's vectors into stored bytes.
        storage: The layer that holds the codes, in one array or in inverted lists.
        graph: Its HNSW graph, None without one.
        id_map: (N,) int64 from position to id, None when ids are the storage's own.
    """

    outer: Any
    encoder: Any
    storage: Any
    graph: Any | None
    id_map: NDArray[np.int64] | None

    @property
    def has_lists(self) -> bool:
        """Whether codes are in inverted lists."""
        return type(self.storage).__name__ in LIST_TYPES

    def blocks(self) -> Iterator[tuple[NDArray[np.int64], NDArray[np.uint8]]]:
        """Yield (n,) ids and (n, code size) bytes as `encoder.sa_encode` would give them."""
        pieces = self._list_blocks() if self.has_lists else self._flat_blocks()
        for positions, codes in pieces:
            yield self._ids(positions), codes

    def ids(self) -> NDArray[np.int64]:
        """Return every stored id, (ntotal,) int64."""
        if not self.has_lists:
            return self._ids(np.arange(self.storage.ntotal))
        lists = range(self.storage.nlist)
        return self._ids(np.concatenate([self._list_ids(number) for number in lists]))

    def _ids(self, positions: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the ids at positions of the storage; -1 at positions that the map lacks."""
        if self.id_map is None:
            return positions
        known = (positions >= 0) & (positions < len(self.id_map))
        return np.where(known, self.id_map[np.where(known, positions, 0)], -1)

    def _flat_blocks(self) -> Iterator[tuple[NDArray[np.int64], NDArray[np.uint8]]]:
        faiss = load_faiss()
        n_rows, width = self.storage.ntotal, self.storage.code_size
        if not n_rows:
            return
        codes = faiss.rev_swig_ptr(self.storage.codes.data(), n_rows * width)
        codes = codes.view(np.uint8).reshape(n_rows, width)
        for start in range(0, n_rows, BLOCK_ROWS):
            block = codes[start : start + BLOCK_ROWS]
            yield np.arange(start, start + len(block)), block

    def _list_blocks(self) -> Iterator[tuple[NDArray[np.int64], NDArray[np.uint8]]]:
        faiss = load_faiss()
        lists, prefix = self.storage.invlists, self.storage.coarse_code_size()
        width = lists.code_size
        for number in range(self.storage.nlist):
            if not (size := lists.list_size(number)):
                continue
            ids = self._list_ids(number)
            codes = faiss.rev_swig_ptr(lists.get_codes(number), size * width)
            codes = codes.view(np.uint8).reshape(size, width)
            # sa_encode puts the list number before the code, lowest byte first.
            head = np.frombuffer(number.to_bytes(prefix, "little"), np.uint8)
            for start in range(0, size, BLOCK_ROWS):
                block = codes[start : start + BLOCK_ROWS]
                heads = np.broadcast_to(head, (len(block), prefix))
                yield ids[start : start + len(block)], np.hstack([heads, block])

    def _list_ids(self, number: int) -> NDArray[np.int64]:
        """Return a copy of one list's ids."""
        lists = self.storage.invlists
        if not (size := lists.list_size(number)):
            return np.empty(0, np.int64)
        return np.array(load_faiss().rev_swig_ptr(lists.get_ids(number), size), np.int64)


def unwrap(index: Any, path: Path) -> Layers:  # noqa: ANN401 - faiss ships no type information
    """Take an index apart, as read_index or index_factory return it.

    Raises:
        DataError: If a layer is of a type that cannot be compared with the data set's rows.
    """
    faiss = load_faiss()
    id_map = None
    layer = index  # and not what downcast_index returns, which would not keep it alive
    if isinstance(layer, faiss.IndexIDMap):
        size = layer.id_map.size()
        id_map = faiss.rev_swig_ptr(layer.id_map.data(), size) if size else np.empty(0, np.int64)
        layer = faiss.downcast_index(layer.index)
    encoder = None
    if isinstance(layer, faiss.IndexPreTransform):
        encoder = layer
        layer = faiss.downcast_index(layer.index)
    graph = None
    if isinstance(layer, faiss.IndexHNSW):
        graph = layer.hnsw
        layer = faiss.downcast_index(layer.storage)
    name = type(layer).__name__
    if name not in FLAT_TYPES | LIST_TYPES or (graph is not None and encoder is not None):
        known = ", ".join(sorted(FLAT_TYPES | LIST_TYPES))
        raise DataError(path, f"expected an index over {known}, got {name}")
    return Layers(index, layer if encoder is None else encoder, layer, graph, id_map)


def effective_parameters(layers: Layers) -> dict[str, int]:
    """Return the parameters that the index itself holds and searches with."""
    storage = layers.storage
    found: dict[str, Any] = {}
    if layers.has_lists:
        found |= {"nlist": storage.nlist, "nprobe": storage.nprobe}
    if layers.graph is not None:
        graph = layers.graph
        found |= {"m": graph.nb_neighbors(1)}
        found |= {"ef_construction": graph.efConstruction, "ef_search": graph.efSearch}
    elif hasattr(storage, "pq"):
        found |= {"m": storage.pq.M, "bits": storage.pq.nbits}
    return {name: int(value) for name, value in found.items()}
