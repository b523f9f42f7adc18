"""Another index for a copy of a case, signed as if it were the one of its data set."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING, Any

import numpy as np

from amn.data.dataset import INDEX_FILE, INDEX_MANIFEST
from amn.data.index.build import build_index
from amn.data.index.layers import load_faiss

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from amn.checks.broken.copies import CaseCopy


def keep_index(copy: CaseCopy, vectors: NDArray[Any]) -> None:
    """Write other vectors, with every digest right, beside the index of the old ones."""
    kept = copy.folder / "kept"
    kept.mkdir()
    for name in (INDEX_FILE, INDEX_MANIFEST):
        shutil.copyfile(copy.data / name, kept / name)
    copy.rebuild(vectors)
    for name in (INDEX_FILE, INDEX_MANIFEST):
        shutil.move(kept / name, copy.data / name)


def make_index(copy: CaseCopy, make: Callable[[Any, NDArray[np.float32]], Any]) -> None:
    """Write an index of another making in the place of the copy's, signed.

    Args:
        make: Takes faiss and all vectors (N, D), returns the index.
    """
    faiss = load_faiss()
    _write(copy, make(faiss, copy.vectors().astype(np.float32)))


def change_ids(copy: CaseCopy, change: Callable[[NDArray[np.int64]], None]) -> None:
    """Change the ids of an index in place, signed; one without a map of ids is built anew."""
    faiss, path = load_faiss(), copy.data / INDEX_FILE
    index = faiss.read_index(str(path))
    if not hasattr(index, "id_map"):
        build_index(copy.dataset())
        index = faiss.read_index(str(path))
    ids = faiss.vector_to_array(index.id_map)
    change(ids)
    faiss.copy_array_to_vector(ids, index.id_map)
    _write(copy, index)


def _write(copy: CaseCopy, index: Any) -> None:  # noqa: ANN401 - faiss has no types
    path = copy.data / INDEX_FILE
    path.unlink()  # the clean copy may share it
    load_faiss().write_index(index, str(path))
    copy.sign_index()
