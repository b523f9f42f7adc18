"""The one home of hypothesis strategies, and of the small data sets that tests are made of."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from hypothesis import strategies as st
from numpy.typing import NDArray

from amn.data.dataset import DataSet, Shard
from amn.data.manifest import FileEntry, Manifest
from amn.data.writer import Chunks, write_dataset

if TYPE_CHECKING:
    from amn.evaluation.storage import Evaluation
    from amn.training.candidate import Candidate

DIM = 8

Keys = tuple[NDArray[np.int64], NDArray[np.int32]]  # article ids, chunk indices


def unit_rows(
    n_rows: int, *, dim: int = DIM, seed: int = 0, dtype: type = np.float16
) -> NDArray[Any]:
    """Return rows of length 1 in random directions."""
    rows = np.random.default_rng(seed).normal(size=(n_rows, dim))
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(dtype)


def running_keys(*lengths: int, first: int = 0) -> Keys:
    """Return keys of articles of these lengths, numbered from `first`, without holes."""
    articles = np.repeat(np.arange(first, first + len(lengths)), lengths)
    chunks = np.concatenate([np.arange(n) for n in lengths])
    return articles.astype(np.int64), chunks.astype(np.int32)


def written(path: Path, *lengths: int, seed: int = 0, **options: Any) -> DataSet:
    """Write a data set of articles of these lengths."""
    articles, chunks = running_keys(*lengths)
    vectors = unit_rows(len(articles), seed=seed)
    options = {"name": "toy", **options}
    return write_dataset(path, vectors, Chunks(article_ids=articles, chunk_index=chunks), **options)


def in_memory(
    articles: NDArray[np.int64],
    chunks: NDArray[np.int32],
    vectors: NDArray[Any] | None = None,
    cuts: tuple[int, ...] = (),
) -> DataSet:
    """Return a data set that was never written; `cuts` are the rows where new shards begin."""
    vectors = unit_rows(len(articles)) if vectors is None else vectors
    shards = tuple(
        Shard(Path(f"vectors-{k}.npy"), start, vectors[start:stop])
        for k, (start, stop) in enumerate(pairwise([0, *cuts, len(vectors)]))
    )
    manifest = Manifest(
        schema=1,
        name="memory",
        rows=len(vectors),
        dim=vectors.shape[1],
        dtype=vectors.dtype.name,
        files=(FileEntry(path="vectors-0.npy", rows=len(vectors), sha256="0" * 64),),
    )
    ids, codes = np.unique(articles, return_inverse=True)
    return DataSet(Path("memory"), manifest, shards, ids, codes, chunks)


@st.composite
def keys(draw: st.DrawFn, *, max_articles: int = 5, max_chunk: int = 14) -> Keys:
    """Draw sorted keys of a few articles; their chunks may have holes."""
    ids = sorted(draw(st.sets(st.integers(0, 40), min_size=1, max_size=max_articles)))
    chunk = st.sets(st.integers(0, max_chunk), min_size=1)
    pairs = [(article, c) for article in ids for c in sorted(draw(chunk))]
    table = np.array(pairs)
    return table[:, 0].astype(np.int64), table[:, 1].astype(np.int32)


def float16_bits() -> st.SearchStrategy[np.float16]:
    """Draw any finite float16, subnormals and both zeros included."""
    bits = st.integers(0, 2**16 - 1).map(lambda n: np.uint16(n).view(np.float16))
    return bits.filter(np.isfinite)


def drifting_rows(n_articles: int, n_rows: int, dim: int, *, seed: int = 0) -> NDArray[np.float32]:
    """Return unit rows, (n_articles * n_rows, dim), that keep their article's topic and drift.

    A few directions hold most of the variance, as in text, so every check of the data passes.
    """
    rng = np.random.default_rng(seed)
    scales = 0.85 ** np.arange(dim)
    topics = rng.standard_normal((n_articles, 1, dim))
    noise = rng.standard_normal((n_articles, n_rows, dim))
    drift = noise.copy()
    for row in range(1, n_rows):
        drift[:, row] = 0.7 * drift[:, row - 1] + 0.714 * noise[:, row]
    rows = np.roll(np.eye(dim)[0], 5) + (0.8 * topics + drift) * scales
    rows /= np.linalg.norm(rows, axis=-1, keepdims=True)
    return rows.reshape(-1, dim).astype(np.float32)


def rescored(candidate: Candidate, evaluation: Evaluation) -> Candidate:
    """Return a candidate with other scores."""
    return replace(candidate, score=lambda _: evaluation)


def seeds_of_a_recipe(
    n: int, *, articles: int = 60, seed_sd: float = 0.002, wobble: float = 0.004, seed: int = 0
) -> tuple[Any, Any]:
    """(S, N) cosines of seeds that differ everywhere and by article, and (N,) articles."""
    rng = np.random.default_rng(seed)
    sizes = rng.integers(5, 40, articles)
    clusters = np.repeat(np.arange(articles), sizes)
    text = rng.normal(0.6, 0.1, len(clusters))
    by_article = rng.normal(0, wobble, (n, articles))[:, clusters]
    return text + rng.normal(0, seed_sd, (n, 1)) + by_article, clusters
