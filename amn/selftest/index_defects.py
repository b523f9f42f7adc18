"""Defects of a FAISS index: damaged, stale, mislabelled, or answering with the wrong rows."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING, Any

import numpy as np

from amn.data.dataset import INDEX_FILE, INDEX_MANIFEST
from amn.index.build import ROWS_PER_CENTROID, build_index
from amn.index.engine import load_faiss
from amn.selftest.defects import in_files

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from amn.checks.broken.copies import CaseCopy

MOST_LISTS = 64  # of which one is searched


def flipped_bit(copy: CaseCopy) -> None:
    """Flip one bit in the middle of the file."""

    def change(content: bytearray) -> None:
        content[len(content) // 2] ^= 0b100

    copy.change_bytes(copy.data / INDEX_FILE, change)


def lost_record(copy: CaseCopy) -> None:
    """Remove index.json: half an index is not no index."""
    (copy.data / INDEX_MANIFEST).unlink()


def trailing_bytes(copy: CaseCopy) -> None:
    """Append bytes, signed: faiss would read the file without a word."""
    copy.change_bytes(copy.data / INDEX_FILE, lambda content: content.extend(bytes(64)))
    copy.sign_index()


def stale(copy: CaseCopy) -> None:
    """Replace one row of the vectors, with every digest right, and keep the index."""
    vectors = copy.vectors()
    vectors[len(vectors) // 20] = vectors[len(vectors) // 2]
    _keep_index(copy, vectors)


def signed_but_stale(copy: CaseCopy) -> None:
    """Exchange two rows, keep the index, and say in its record that it is of these vectors."""
    vectors = copy.vectors()
    pair = [1, len(vectors) // 2]
    vectors[pair] = vectors[pair[::-1]]
    _keep_index(copy, vectors)
    digest = copy.dataset().vectors_digest
    copy.change_json(copy.data / INDEX_MANIFEST, lambda r: r.update(vectors_digest=digest))


def _keep_index(copy: CaseCopy, vectors: NDArray[Any]) -> None:
    """Write other vectors, with every digest right, beside the index of the old ones."""
    dataset = copy.dataset()
    kept = copy.folder / "kept"
    kept.mkdir()
    for name in (INDEX_FILE, INDEX_MANIFEST):
        shutil.copyfile(copy.data / name, kept / name)
    copy.rebuild(vectors, dataset.article_ids, dataset.chunk_index)
    for name in (INDEX_FILE, INDEX_MANIFEST):
        shutil.move(kept / name, copy.data / name)


def fewer_rows(copy: CaseCopy) -> None:
    """Add all rows but the last ten, signed."""

    def make(faiss: Any, vectors: NDArray[np.float32]) -> Any:  # noqa: ANN401 - faiss has no types
        index = faiss.index_factory(vectors.shape[1], "IDMap2,Flat", faiss.METRIC_INNER_PRODUCT)
        index.add_with_ids(vectors[:-10], np.arange(len(vectors) - 10))
        return index

    _write(copy, make)


def wrong_metric(copy: CaseCopy) -> None:
    """Search by L2 distance, signed."""

    def make(faiss: Any, vectors: NDArray[np.float32]) -> Any:  # noqa: ANN401 - faiss has no types
        index = faiss.index_factory(vectors.shape[1], "IDMap2,Flat", faiss.METRIC_L2)
        index.add_with_ids(vectors, np.arange(len(vectors)))
        return index

    _write(copy, make)


def _write(copy: CaseCopy, make: Callable[[Any, NDArray[np.float32]], Any]) -> None:
    """Write an index of another making in the place of the copy's, signed."""
    faiss = load_faiss()
    index = make(faiss, copy.vectors().astype(np.float32))
    path = copy.data / INDEX_FILE
    path.unlink()
    faiss.write_index(index, str(path))
    copy.sign_index()


def _change_ids(copy: CaseCopy, change: Callable[[NDArray[np.int64]], None]) -> None:
    """Change the ids of an index in place, signed; one without a map of ids is built as sq4."""
    faiss, path = load_faiss(), copy.data / INDEX_FILE
    index = faiss.read_index(str(path))
    if not hasattr(index, "id_map"):
        build_index(copy.dataset())
        index = faiss.read_index(str(path))
    ids = faiss.vector_to_array(index.id_map)
    change(ids)
    faiss.copy_array_to_vector(ids, index.id_map)
    path.unlink()
    faiss.write_index(index, str(path))
    copy.sign_index()


def duplicate_id(copy: CaseCopy) -> None:
    """Give two vectors one id."""

    def change(ids: NDArray[np.int64]) -> None:
        ids[len(ids) // 2] = ids[10]

    _change_ids(copy, change)


def swapped_ids(copy: CaseCopy) -> None:
    """Exchange the ids of two vectors."""

    def change(ids: NDArray[np.int64]) -> None:
        pair = [10, len(ids) // 2]
        ids[pair] = ids[pair[::-1]]

    _change_ids(copy, change)


def shifted_ids(copy: CaseCopy) -> None:
    """Shift all ids by one row: every answer is the neighbour's."""

    def change(ids: NDArray[np.int64]) -> None:
        ids[:] = np.roll(ids, 1)

    _change_ids(copy, change)


def few_probes(copy: CaseCopy) -> None:
    """Search one of many inverted lists: most neighbours are in the others."""
    dataset = copy.dataset()
    nlist = min(MOST_LISTS, max(2, len(dataset) // ROWS_PER_CENTROID))
    build_index(dataset, "ivf", parameters={"nlist": nlist, "nprobe": 1})


DEFECTS = (
    in_files("index-flipped-bit", "I001", "one bit of the index is flipped", flipped_bit),
    in_files("index-lost-record", "I001", "index.json is gone", lost_record),
    in_files("index-trailing-bytes", "I002", "bytes after the end of the index", trailing_bytes),
    in_files("index-stale", "I003", "a vector changed after the index was built", stale),
    in_files("index-fewer-rows", "I004", "ten rows are not in the index", fewer_rows),
    in_files("index-wrong-metric", "I004", "the index searches by L2 distance", wrong_metric),
    in_files("index-duplicate-id", "I005", "two vectors of the index have one id", duplicate_id),
    in_files("index-swapped-ids", "I006", "two ids of the index are exchanged", swapped_ids),
    in_files(
        "index-signed-but-stale",
        "I006",
        "two rows changed places after the index was built, and every digest is right",
        signed_but_stale,
    ),
    in_files("index-shifted-ids", "I007", "all ids of the index are off by one", shifted_ids),
    in_files("index-few-probes", "I008", "the index searches one of many lists", few_probes),
)
