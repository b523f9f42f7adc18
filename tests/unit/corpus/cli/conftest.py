from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pytest

from amn.data.writer import Chunks, write_dataset
from tests.strategies import drifting_rows, running_keys

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def toy(tmp_path: Path) -> Path:
    """Write forty articles of twelve chunks; the first is a list, the second a stub."""
    ids, chunks = running_keys(*[12] * 40)
    titles = [f"List of {i}" if i == 0 else f"Title {i}" for i in ids]
    chars = np.where(ids == 1, 30, 300)
    extra = {"title": pa.array(titles), "n_chars": pa.array(chars)}
    rows = drifting_rows(40, 12, 16).astype(np.float16)
    table = Chunks(article_ids=ids, chunk_index=chunks, extra=extra)
    write_dataset(tmp_path / "toy", rows, table, name="toy")
    return tmp_path / "toy"
