"""The shipped case, stored in another way, is the same data set to every check before training."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from amn.api import check_split
from amn.data.dataset import open_dataset
from amn.data.manifest import Stage
from amn.data.writer import Chunks, write_dataset
from amn.verdict import Status, Verdict

pytestmark = pytest.mark.slow
SHIPPED = Path(__file__).parents[2] / "golden" / "wiki-mini"


def test_a_float32_copy_in_three_shards_passes_everything_before_training(tmp_path: Path) -> None:
    shipped = open_dataset(SHIPPED / "data")
    for name in ("case.toml", "splits.json"):
        shutil.copy(SHIPPED / name, tmp_path / name)
    n = len(shipped)
    copy = write_dataset(
        tmp_path / "data",
        shipped.gather(np.arange(n)).astype(np.float32),
        Chunks(article_ids=shipped.article_ids, chunk_index=shipped.chunk_index),
        name="wiki-mini",
        dtype="float32",
        stages=[Stage(name="import", rows_in=n, rows_out=n)],
        shard_rows=6000,
    )

    result = check_split(tmp_path)

    assert len(copy.shards) == 3
    assert result.judged is Verdict.PASS
    assert {o.status for o in result.outcomes} == {Status.PASS}
    assert len(result.outcomes) >= 23
