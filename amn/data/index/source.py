"""The vectors inside an index: taken out of its codes, in the order of their ids."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from amn.data.imports.sources import Source, assemble
from amn.data.index.reader import open_index
from amn.errors import DataError

if TYPE_CHECKING:
    from pathlib import Path

    from amn.data.imports.keys import Keys

INDEX_FILE = "index.faiss"
PICKLE_FILE = "index.pkl"
EXACT = (
    "IndexFlat",
    "IndexFlatIP",
    "IndexFlatL2",
    "IndexIVFFlat",
)  # what keeps numbers as they are


def read_faiss(path: Path, scratch: Path, keys: Keys) -> Source:
    """Index of FAISS: flat, IVF, HNSW, SQ and PQ, with or without an id map (needs faiss).

    Rows are in the order of the index's ids, which is the column `id`.
    """
    try:
        opened = open_index(path)
    except DataError as error:
        fix = "copy it again, or import the vectors that it was built from"
        raise DataError(path, f"{error.message.partition('. Fix: ')[0]}. Fix: {fix}") from error
    layers, n_rows, dim = opened.layers, opened.rows, opened.dim
    if not n_rows:
        raise DataError(
            path, "expected vectors, got an empty index. Fix: fill it, or import others"
        )
    ids = layers.ids()
    order = np.argsort(ids, kind="stable")
    if (np.diff(ids[order]) == 0).any():
        fix = "import the vectors that it was built from"
        raise DataError(path, f"expected each id once, got some twice. Fix: {fix}")
    place = np.empty(n_rows, np.int64)
    place[order] = np.arange(n_rows)
    vectors = np.memmap(scratch / "vectors.bin", np.float32, "w+", shape=(n_rows, dim))
    at = 0
    for block, codes in layers.blocks():
        vectors[place[at : at + len(block)]] = layers.decode(codes)
        at += len(block)
    kind = type(layers.storage).__name__
    said = [f"vectors of {kind}, rows in the order of its ids {ids.min()} to {ids.max()}"]
    if not (kind in EXACT and layers.encoder is layers.storage):
        said.append("reconstructed from codes: not the numbers that were encoded")
    table = pa.table({"id": ids[order]})
    return assemble(path, scratch, vectors, table, keys, how=said)


def read_langchain(path: Path, scratch: Path, keys: Keys) -> Source:
    """Folder of LangChain's FAISS store: its index; its pickle is never read (needs faiss)."""
    source = read_faiss(path / INDEX_FILE, scratch, keys)
    ignored = f"{PICKLE_FILE} was not read: a pickle runs code"
    said = (*source.said, ignored) if (path / PICKLE_FILE).exists() else source.said
    return Source(source.vectors, source.chunks, source.stage, said)
