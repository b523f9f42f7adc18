"""Taking over an index that others built: compared with every row of the data set first."""

from __future__ import annotations

import shutil
from shlex import quote
from typing import TYPE_CHECKING, Any

import numpy as np

from amn.data.dataset import INDEX_MANIFEST
from amn.data.index.integrity import structure_problems, wrong_rows
from amn.data.index.layers import Layers, effective_parameters, load_faiss
from amn.data.index.reader import ADOPTED, IndexManifest, open_index
from amn.errors import DataError
from amn.storage import atomic_path, parse_json, sha256_file, write_json

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from amn.data.dataset import DataSet
    from amn.data.index.reader import OpenIndex

MOST_SHOWN = 3


def adopt_index(file: Path, dataset: DataSet, *, ids: Path | None = None) -> Path:
    """Take a FAISS index over as that of a data set; return its path there.

    It is whole, of the data set's dimension and by inner product, has every row once, and stores
    for each what its own codec makes of the data set's vector: else nothing is written.

    Args:
        file: The index; may already lie in the data set's folder.
        ids: Row of the data set for each stored vector, in the order of the index's own ids: a
            `.npy` file, a JSON list, or text with a number a line. None: its ids are the rows.

    Raises:
        DataError: If it is none of that; the message names the first rows that differ.
        MissingDependencyError: If faiss is not installed.
    """
    opened = open_index(file)
    _require_shape(opened, dataset)
    layers, is_mapped = opened.layers, ids is not None
    if ids is not None:
        layers = _mapped(opened, _read_rows(ids, opened.rows))
    _require_rows(layers, dataset, file, is_mapped=is_mapped)
    target = dataset.index_path
    if is_mapped or not (target.exists() and target.samefile(file)):
        with atomic_path(target) as temporary:
            if is_mapped:
                load_faiss().write_index(layers.outer, str(temporary))
            else:
                shutil.copyfile(file, temporary)
    manifest = IndexManifest(
        schema=1,
        kind=ADOPTED,
        factory=_describe(layers),
        rows=len(dataset),
        dim=dataset.dim,
        trained=opened.is_trained,
        sha256=sha256_file(target),
        size_bytes=target.stat().st_size,
        vectors_digest=dataset.vectors_digest,
        parameters=effective_parameters(layers),
    )
    write_json(dataset.path / INDEX_MANIFEST, manifest.to_json())
    return target


def _require_shape(opened: OpenIndex, dataset: DataSet) -> None:
    """Raise DataError for an index that cannot be one of this data set, whatever its ids."""
    problems = list(structure_problems(opened.layers))
    if not opened.is_trained:
        problems.append("expected a trained index, got an untrained one")
    if opened.unread_bytes:
        problems.append(f"expected nothing after the index, got {opened.unread_bytes:,} bytes")
    if opened.dim != dataset.dim:
        problems.append(f"expected dimension {dataset.dim}, got {opened.dim}")
    if wrong := sorted(set(opened.metrics) - {"inner_product"}):
        problems.append(f"expected metric inner_product, got {', '.join(wrong)}")
    if opened.rows != len(dataset):
        problems.append(f"expected {len(dataset):,} vectors, got {opened.rows:,}")
    if problems:
        raise DataError(opened.path, f"{'; '.join(problems)}. {_rebuild(dataset)}")


def _require_rows(layers: Layers, dataset: DataSet, file: Path, *, is_mapped: bool) -> None:
    """Raise DataError unless the index has every row once, with its vector."""
    counts_of, n = layers.ids(), len(dataset)
    inside = counts_of[(counts_of >= 0) & (counts_of < n)]
    counts = np.bincount(inside, minlength=n)
    fix = "Fix: --ids FILE with the row of each of its vectors"
    if is_mapped:
        fix = f"Fix: correct that file. {_rebuild(dataset)}"
    if len(inside) < len(counts_of) or (counts != 1).any():
        raise DataError(
            file,
            f"expected ids 0 to {n - 1:,}, each once, got {counts_of.min()} to {counts_of.max()}, "
            f"{int((counts == 1).sum()):,} of the rows once. {fix}",
        )
    if wrong := wrong_rows(layers, dataset):
        shown = "; ".join(
            f"{dataset.where(one.row)} at cosine {one.cosine:.4f}"
            + ("" if one.holds in (None, one.row) else f" (that of row {one.holds})")
            for one in wrong[:MOST_SHOWN]
        )
        raise DataError(
            file,
            f"expected the vectors of the data set, got others for {len(wrong):,} of {n:,} rows: "
            f"{shown}. {fix}",
        )


def _rebuild(dataset: DataSet) -> str:
    return f"Fix: amn index build {quote(str(dataset.path))}"


def _read_rows(path: Path, n_rows: int) -> NDArray[np.int64]:
    """Return the rows that a file of `--ids` names, (n_rows,) int64."""
    try:
        if path.suffix == ".npy":
            found: NDArray[Any] = np.load(path, allow_pickle=False)
        elif path.suffix == ".json":
            found = np.array(parse_json(path.read_bytes()))
        else:
            found = np.array([int(line) for line in path.read_text("utf-8").split()])
    except (OSError, ValueError) as error:
        raise DataError(path, f"expected row numbers, got: {error}") from error
    if found.shape != (n_rows,) or found.dtype.kind not in "iu":
        got = f"{found.dtype} of shape {found.shape}"
        raise DataError(path, f"expected {n_rows:,} whole numbers, got {got}")
    return np.asarray(found, np.int64)


def _mapped(opened: OpenIndex, rows: NDArray[np.int64]) -> Layers:
    """Return the layers of an index whose ids are exchanged for rows."""
    faiss, layers = load_faiss(), opened.layers
    own = layers.ids()
    place = np.empty(len(own), np.int64)
    place[np.argsort(own, kind="stable")] = np.arange(len(own))
    if layers.id_map is not None:
        inner = layers.outer.index
        labels = rows[np.argsort(np.argsort(layers.id_map, kind="stable"), kind="stable")]
    else:
        if not np.array_equal(np.sort(own), np.arange(len(own))):
            message = "expected ids 0, 1, 2 below the new ones, got others"
            raise DataError(opened.path, f"{message}. Fix: wrap it in an IndexIDMap2")
        inner, labels = layers.outer, rows
    mapped = faiss.IndexIDMap2(faiss.index_factory(inner.d, "Flat", inner.metric_type))
    mapped.index, mapped.own_fields = inner, False
    mapped.ntotal, mapped.is_trained = inner.ntotal, inner.is_trained
    faiss.copy_array_to_vector(labels, mapped.id_map)
    mapped.construct_rev_map()
    id_map = faiss.rev_swig_ptr(mapped.id_map.data(), len(labels))
    return Layers(mapped, layers.encoder, layers.storage, layers.graph, id_map)


def _describe(layers: Layers) -> str:
    """Return the layers of an index by their names in faiss: `IndexIDMap2,IndexFlatIP`."""
    parts = (layers.outer, layers.encoder, layers.storage)
    return ",".join(dict.fromkeys(type(part).__name__ for part in parts))
