"""Small synthetic data sets: vectors drift along an article, in a space with main directions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pytest

from amn.case.config import CaseConfig
from amn.case.limits import DataConfig
from amn.case.load import Case
from amn.data.writer import Chunks, write_dataset
from amn.gate.evidence import Evidence, named
from amn.gate.makers import at_rest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from numpy.typing import NDArray

DIM = 24
N_ARTICLES = 64
N_ROWS = 20  # of an article
TRAIN, IN_DIST, OOD = list(range(1, 41)), list(range(41, 53)), list(range(53, 65))
SPLIT = {
    "train": {"articles": TRAIN},
    "in_dist": {"articles": IN_DIST},
    "ood": {"articles": OOD},
}


@dataclass
class Corpus:
    """Vectors and keys, before they are written."""

    vectors: NDArray[np.float32]
    ids: NDArray[np.int64]
    chunks: NDArray[np.int32]

    def rows(self: Any, article: int) -> NDArray[np.int64]:
        return np.flatnonzero(self.ids == article)

    def add(self: Any, article: int, copy_of: int) -> Corpus:
        """Append an article with the vectors of another one."""
        rows = self.rows(copy_of)
        return Corpus(
            np.concatenate([self.vectors, self.vectors[rows]]),
            np.concatenate([self.ids, np.full(len(rows), article)]),
            np.concatenate([self.chunks, self.chunks[rows]]),
        )

    def part(self: Any, articles: Iterable[int], shift: int = 0) -> Corpus:
        """Return some articles, under ids that are so much higher."""
        rows = np.isin(self.ids, list(articles))
        return Corpus(self.vectors[rows], self.ids[rows] + shift, self.chunks[rows])

    def shuffled(self: Any, articles: list[int]) -> Corpus:
        """Exchange the vectors of some articles, each among its own rows."""
        rng = np.random.default_rng(1)
        vectors = self.vectors.copy()
        for article in articles:
            rows = self.rows(article)
            vectors[rows] = vectors[rng.permutation(rows)]
        return Corpus(vectors, self.ids, self.chunks)


def normalised(vectors: NDArray[Any]) -> NDArray[np.float32]:
    return (vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)).astype(np.float32)


@pytest.fixture
def corpus() -> Corpus:
    rng = np.random.default_rng(0)
    scales = 0.85 ** np.arange(DIM)  # the first two directions hold about half of the variance
    topics = rng.standard_normal((N_ARTICLES, 1, DIM))
    noise = rng.standard_normal((N_ARTICLES, N_ROWS, DIM))
    drift = noise.copy()
    for row in range(1, N_ROWS):
        drift[:, row] = 0.7 * drift[:, row - 1] + 0.714 * noise[:, row]
    offset = np.roll(np.eye(DIM)[0], 5)
    vectors = normalised(offset + (0.8 * topics + drift) * scales).reshape(-1, DIM)
    ids = np.repeat(np.arange(1, N_ARTICLES + 1), N_ROWS)
    return Corpus(vectors, ids, np.tile(np.arange(N_ROWS, dtype=np.int32), N_ARTICLES))


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., Path]:
    """Write a corpus as a data set folder."""

    def write(corpus: Corpus, name: str = "data", **options: Any) -> Path:
        texts = pa.array([f"{a}:{c}" for a, c in zip(corpus.ids, corpus.chunks, strict=True)])
        chunks = Chunks(article_ids=corpus.ids, chunk_index=corpus.chunks, extra={"text": texts})
        order = np.lexsort((corpus.chunks, corpus.ids))
        write_dataset(tmp_path / name, corpus.vectors, chunks, name=name, order=order, **options)
        return tmp_path / name

    return write


@pytest.fixture
def poke() -> Callable[[Path, Callable[[NDArray[Any]], None]], None]:
    """Change stored vectors in place, as a disk or a careless script would."""

    def poke(folder: Path, change: Callable[[NDArray[Any]], None]) -> None:
        vectors = np.load(folder / "vectors-00000.npy", mmap_mode="r+")
        change(vectors)
        vectors.flush()

    return poke


@pytest.fixture
def data_evidence() -> Callable[..., Evidence]:
    """Evidence of data sets alone; keywords are further parts."""

    def data_evidence(*folders: Path, **parts: Any) -> Evidence:
        chosen = {**at_rest.DATA, **named(at_rest.row_digests)}
        given = {"data_limits": DataConfig(), **parts}
        return Evidence(chosen, folders=folders, progress=None, **given)

    return data_evidence


@pytest.fixture
def split_evidence(tmp_path: Path) -> Callable[..., Evidence]:
    """Splits of the first folder; the others may be named by selectors."""

    def split_evidence(*folders: Path, **split: Any) -> Evidence:
        raw = {"schema": 1, "dataset": {"path": str(folders[0])}, "split": {**SPLIT, **split}}
        case = Case(tmp_path, CaseConfig.model_validate(raw))
        chosen = {**at_rest.DATA, **at_rest.SPLIT}
        return Evidence(chosen, case=case, folders=folders, progress=None)

    return split_evidence
