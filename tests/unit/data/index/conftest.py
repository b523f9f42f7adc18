"""A small data set of two shards, and an index of every kind over it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from amn.data.writer import Chunks, write_dataset
from tests.strategies import drifting_rows, running_keys

if TYPE_CHECKING:
    from pathlib import Path

    from amn.data.dataset import DataSet


@pytest.fixture
def dataset(tmp_path: Path) -> DataSet:
    """700 rows of 16 numbers in 70 articles, float16, in two shards."""
    articles, chunks = running_keys(*[10] * 70)
    return write_dataset(
        tmp_path / "data",
        drifting_rows(70, 10, 16),
        Chunks(article_ids=articles, chunk_index=chunks),
        name="toy",
        shard_rows=400,
    )
