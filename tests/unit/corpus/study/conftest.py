from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pytest

from amn.corpus.study.region import Region, open_region
from amn.corpus.study.study import Study
from amn.data.manifest import Stage
from amn.data.writer import Chunks, write_dataset
from tests.strategies import drifting_rows, running_keys, unit_rows

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from numpy.typing import NDArray

DIM = 16
LENGTHS = [1, 7, 7, 8, 9, *[12] * 35]
TITLES = ["List of a", "Mercury (disambiguation)", *(f"title {k}" for k in range(38))]
CHARS = [300, 300, 90, *[600] * 37]  # a chunk
COLUMNS = {
    "title": TITLES,
    "n_chars": CHARS,
    "language": ["en", "de", *["en"] * 38],
}


def column(values: list[Any], lengths: list[int]) -> pa.Array[Any]:
    """Give every row of an article its article's value."""
    return pa.array([v for v, n in zip(values, lengths, strict=True) for _ in range(n)])


@pytest.fixture
def region(tmp_path: Path) -> Callable[..., Region]:
    """Return a function that writes a data set and opens it as a region."""
    made: list[int] = []

    def build(
        lengths: list[int],
        vectors: NDArray[Any] | None = None,
        *,
        articles: str | None = None,
        seed: int = 0,
        first: int = 0,
        columns: dict[str, list[Any]] | None = None,
        **options: Any,
    ) -> Region:
        ids, chunks = running_keys(*lengths, first=first)
        if vectors is None:
            longest = max(lengths)
            rows = drifting_rows(len(lengths), longest, DIM, seed=seed).reshape(-1, longest, DIM)
            vectors = np.concatenate([r[:n] for r, n in zip(rows, lengths, strict=True)])
        extra = {name: column(values, lengths) for name, values in (columns or {}).items()}
        made.append(len(made))
        dataset = write_dataset(
            tmp_path / f"set-{len(made)}",
            vectors.astype(np.float32),
            Chunks(article_ids=ids, chunk_index=chunks, extra=extra),
            **({"name": "toy", "dtype": "float32"} | options),
        )
        return open_region(dataset, articles)

    return build


@pytest.fixture
def study(region: Callable[..., Region]) -> Study:
    """A study of a data set of which every rule that has a column drops something."""
    rows = drifting_rows(len(LENGTHS), 12, 16).reshape(-1, 12, 16)
    rows = rows + 0.5 * unit_rows(rows.size // 16, dim=16, dtype=np.float32).reshape(rows.shape)
    rows /= np.linalg.norm(rows, axis=-1, keepdims=True)
    vectors = np.concatenate([r[:n] for r, n in zip(rows, LENGTHS, strict=True)])
    stage = Stage(name="read", rows_in=sum(LENGTHS), rows_out=sum(LENGTHS))
    return Study(region(LENGTHS, vectors, columns=COLUMNS, stages=[stage]), context=3)
