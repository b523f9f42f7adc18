from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from amn.data.space import most_frequent
from amn.data.writer import Chunks, write_dataset

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize("dtype", ["float16", "float32"])
def test_the_share_of_a_columns_most_frequent_number_is_counted(tmp_path: Path, dtype: str) -> None:
    vectors = np.random.default_rng(0).standard_normal((400, 8)).astype(dtype)
    vectors[::4, 3] = 0.25
    vectors[:, 5] = 0
    chunks = Chunks(article_ids=np.zeros(400, np.int64), chunk_index=np.arange(400, dtype=np.int32))
    dataset = write_dataset(tmp_path / "data", vectors, chunks, name="data", dtype=dtype)

    shares, spread = most_frequent(dataset)

    assert shares[[3, 5]].tolist() == [0.25, 1.0]
    assert spread[5] == 0
    assert np.delete(shares, [3, 5]).max() < 0.02
