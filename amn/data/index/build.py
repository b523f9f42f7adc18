"""Building an index from a data set: the same vectors and seed give the same bytes."""

from __future__ import annotations

import math
from shlex import quote
from typing import TYPE_CHECKING, Any, get_args

import numpy as np

from amn.case.limits import IndexConfig
from amn.data.dataset import INDEX_MANIFEST
from amn.data.index.layers import (
    ROWS_PER_CENTROID,
    effective_parameters,
    load_faiss,
    one_thread,
    unwrap,
)
from amn.data.index.reader import IndexManifest, Kind, OpenIndex, open_index
from amn.data.index.recall import reaches
from amn.data.vectors import FLOAT16_LIMIT, widen
from amn.errors import ArgumentError, DataError
from amn.storage import atomic_path, sha256_file, write_json

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from numpy.typing import NDArray

    from amn.data.dataset import DataSet

CODES: tuple[Kind, ...] = ("sq4", "sq6", "sq8", "flat")  # exhaustive, the smallest first
BLOCK_ROWS = 8192
TRAIN_ROWS = 65_536  # 200 MB in float32 at D = 768


def default_parameters(kind: Kind, rows: int, dim: int) -> dict[str, int]:
    """Return the parameters of a kind for a data set of this size.

    On 15,405 sentence vectors of 768 numbers every kind reaches recall@10 of 0.9 with them.
    """
    most = max(1, rows // ROWS_PER_CENTROID)
    nlist = min(max(1, round(math.sqrt(rows))), most)
    if kind == "ivf":
        return {"nlist": nlist, "nprobe": max(1, nlist // 8)}
    if kind == "hnsw":
        return {"m": 16, "ef_construction": 40, "ef_search": 64}
    if kind == "pq":
        bits = min(5, max(1, most.bit_length() - 1))
        m = dim // 2 if dim % 2 == 0 else dim
        return {"nlist": nlist, "nprobe": max(1, nlist // 4), "m": m, "bits": bits}
    return {}


def build_index(
    dataset: DataSet,
    kind: str | None = None,
    *,
    seed: int = 0,
    parameters: Mapping[str, int] | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Path:
    """Build index.faiss and index.json in the data set's folder; return the path of the first.

    Ids are row numbers, similarity is the inner product. Kinds: `flat` exact; `sq8`, `sq6`, `sq4`
    exhaustive over 8, 6 or 4 bits a number; `ivf` inverted lists; `hnsw` graph; `pq` inverted lists
    over product-quantised residuals. Rows are read in blocks and one thread works on them.

    Args:
        kind: None takes the smallest of `sq4`, `sq6`, `sq8` and `flat` that reaches what a case
            asks of an index by default (I007, I008), measured on this data set.
        seed: Draws the training rows, the first centroids and the graph's levels.
        parameters: In place of those of `default_parameters`.
        progress: Called with (rows done, rows in all).

    Raises:
        ArgumentError: If the kind or a parameter is unknown or impossible, or there are no rows.
        DataError: If a row holds NaN or infinity.
        MissingDependencyError: If faiss is not installed.
    """
    if kind is None:
        return _build_smallest(dataset, seed=seed, progress=progress)
    if kind not in get_args(Kind):
        raise ArgumentError(f"kind: expected one of {', '.join(get_args(Kind))}, got {kind!r}")
    known: Kind = kind  # type: ignore[assignment]  # one of its values, as just checked
    index, factory = _make(dataset, known, seed, parameters or {}, progress)
    with atomic_path(dataset.index_path) as temporary:
        load_faiss().write_index(index, str(temporary))
        sha256, size_bytes = sha256_file(temporary), temporary.stat().st_size
    manifest = IndexManifest(
        schema=1,
        kind=known,
        factory=factory,
        rows=len(dataset),
        dim=dataset.dim,
        trained=bool(index.is_trained),
        sha256=sha256,
        size_bytes=size_bytes,
        vectors_digest=dataset.vectors_digest,
        parameters={**effective_parameters(unwrap(index, dataset.index_path)), "seed": seed},
    )
    write_json(dataset.path / INDEX_MANIFEST, manifest.to_json())
    return dataset.index_path


def build_in_memory(
    dataset: DataSet, kind: Kind, parameters: Mapping[str, int], *, seed: int = 0
) -> OpenIndex:
    """Build an index as `build_index` does, and write nothing.

    Raises:
        ArgumentError: If a parameter is unknown or impossible, or there are no rows.
        DataError: If a row holds NaN or infinity.
        MissingDependencyError: If faiss is not installed.
    """
    index, _ = _make(dataset, kind, seed, parameters, None)
    return OpenIndex(dataset.index_path, unwrap(index, dataset.index_path), 0)


def _make(
    dataset: DataSet,
    kind: Kind,
    seed: int,
    parameters: Mapping[str, int],
    progress: Callable[[int, int], None] | None,
) -> tuple[Any, str]:
    """Return an index of every row, and its description as index_factory takes it."""
    if not len(dataset):
        raise ArgumentError(f"{dataset.path}: expected at least one row, got 0")
    chosen = _choose(kind, dataset, parameters)
    faiss, factory = load_faiss(), _factory(kind, chosen)
    with one_thread(faiss):
        index = _create(faiss, factory, dataset.dim, chosen, seed)
        rows = _training_rows(len(dataset), np.random.default_rng(seed))
        index.train(_load(dataset, rows))
        for start in range(0, len(dataset), BLOCK_ROWS):
            ids = np.arange(start, min(start + BLOCK_ROWS, len(dataset)))
            index.add_with_ids(_load(dataset, ids), ids)
            if progress:
                progress(int(ids[-1]) + 1, len(dataset))
    return index, factory


def _build_smallest(
    dataset: DataSet, *, seed: int, progress: Callable[[int, int], None] | None
) -> Path:
    """Build the smallest kind that finds enough; `flat` finds all there is to find."""
    path = dataset.index_path
    for kind in CODES:
        path = build_index(dataset, kind, seed=seed, progress=progress)
        if kind == CODES[-1] or reaches(open_index(path), dataset, IndexConfig()):
            break
    return path


def _choose(kind: Kind, dataset: DataSet, given: Mapping[str, int]) -> dict[str, int]:
    """Return the parameters to build with."""
    defaults = default_parameters(kind, len(dataset), dataset.dim)
    for name, value in given.items():
        if name not in defaults:
            names = ", ".join(defaults) or "none"
            raise ArgumentError(f"{name}: expected a parameter of {kind} ({names})")
        if value < 1:
            raise ArgumentError(f"{name}: expected at least 1, got {value}")
    chosen = {**defaults, **given}
    rows, lists, centroids = len(dataset), chosen.get("nlist", 1), 1 << chosen.get("bits", 0)
    if lists > rows:
        raise ArgumentError(f"nlist: expected at most {rows:,}, the rows, got {lists:,}")
    if chosen.get("bits", 0) > 8 or (centroids > max(2, rows)):  # noqa: PLR2004 - a byte
        raise ArgumentError(
            f"bits: expected at most 8 and 2**bits <= {rows:,}, got {chosen['bits']}"
        )
    if kind == "pq" and dataset.dim % chosen["m"]:
        raise ArgumentError(f"m: expected a divisor of {dataset.dim}, got {chosen['m']}")
    return chosen


def _factory(kind: Kind, chosen: Mapping[str, int]) -> str:
    """Return the description that faiss's index_factory takes."""
    return {
        "flat": "IDMap2,Flat",
        "sq8": "IDMap2,SQ8",
        "sq6": "IDMap2,SQ6",
        "sq4": "IDMap2,SQ4",
        "ivf": "IVF{nlist},Flat",
        "hnsw": "IDMap2,HNSW{m},Flat",
        "pq": "IVF{nlist},PQ{m}x{bits}np",  # np: no polysemous training, which takes minutes
    }[kind].format_map(chosen)


def _create(
    faiss: Any,  # noqa: ANN401 - faiss ships no type information
    factory: str,
    dim: int,
    chosen: Mapping[str, int],
    seed: int,
) -> Any:  # noqa: ANN401 - as above
    """Return an empty index with its parameters and every seed set."""
    index = faiss.index_factory(dim, factory, faiss.METRIC_INNER_PRODUCT)
    inner = faiss.downcast_index(index.index) if factory.startswith("IDMap2") else index
    if hasattr(inner, "nprobe"):
        inner.nprobe = chosen["nprobe"]
        inner.cp.seed = seed
    if hasattr(inner, "pq"):
        inner.pq.cp.seed = seed
    if hasattr(inner, "hnsw"):
        inner.hnsw.efConstruction = chosen["ef_construction"]
        inner.hnsw.efSearch = chosen["ef_search"]
        inner.hnsw.rng = faiss.RandomGenerator(seed)
    return index


def _training_rows(rows: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """Return the rows to train on, ascending."""
    if rows <= TRAIN_ROWS:
        return np.arange(rows)
    return np.sort(rng.choice(rows, TRAIN_ROWS, replace=False))


def _load(dataset: DataSet, rows: NDArray[np.int64]) -> NDArray[np.float32]:
    """Return rows as float32, (n, D). Raises DataError at one that is not finite."""
    stored = dataset.gather(rows)
    vectors = widen(stored, np.empty(stored.shape, np.float32))
    bad = ~(np.abs(vectors) <= FLOAT16_LIMIT).all(axis=1)
    if bad.any():
        row = int(rows[np.flatnonzero(bad)[0]])
        raise DataError(
            dataset.path,
            f"{dataset.where(row)}: expected finite numbers, got {int(bad.sum())} row(s) without. "
            f"Fix: amn check data {quote(str(dataset.path))}",
        )
    return vectors
