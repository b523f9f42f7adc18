from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from amn.data.chunk_table import ChunkTable
from amn.data.writer import Chunks, write_dataset
from tests.strategies import running_keys, unit_rows

if TYPE_CHECKING:
    from pathlib import Path

    from amn.data.dataset import DataSet

LENGTHS = [3, 7, 1, 5, 9, 4]
N_ROWS = sum(LENGTHS)
TEXTS = [f"text {row}" if row % 5 else None for row in range(N_ROWS)]


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> DataSet:
    """Three shards, of row groups of four rows."""
    ids, index = running_keys(*LENGTHS)
    chunks = Chunks(article_ids=ids, chunk_index=index, extra={"text": pa.array(TEXTS)})
    folder: Path = tmp_path_factory.mktemp("data") / "toy"
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("amn.data.writer.GROUP_ROWS", 4)
        return write_dataset(folder, unit_rows(N_ROWS), chunks, name="toy", shard_rows=9)


@given(st.sets(st.integers(0, N_ROWS - 1), min_size=1))
@settings(deadline=None, derandomize=True, max_examples=60)
def test_rows_are_those_of_the_whole_table(dataset: DataSet, chosen: set[int]) -> None:
    rows = np.array(sorted(chosen))

    taken = ChunkTable(dataset).take(rows)

    assert taken.column_names == ["article_id", "chunk_index", "text"]
    for name in taken.column_names:
        whole = dataset.column(name)
        assert whole is not None
        assert taken[name].to_pylist() == whole.take(rows).to_pylist()


def test_a_row_group_is_read_once_for_rows_in_order(
    dataset: DataSet, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[int] = []
    inner = ChunkTable._read_group

    def counted(table: ChunkTable, number: int) -> pa.Table:
        read.append(number)
        return inner(table, number)

    monkeypatch.setattr(ChunkTable, "_read_group", counted)
    table = ChunkTable(dataset, ("text",))
    for first in range(0, N_ROWS, 3):
        table.take(np.arange(first, min(first + 3, N_ROWS)))

    assert read == sorted(set(read))
    assert len(read) == 8  # shards of 10, 15 and 4 rows


def test_only_columns_that_are_there_are_read(dataset: DataSet) -> None:
    table = ChunkTable(dataset, ("text", "nowhere", "vector_hash"))

    assert table.columns == ("text",)
    assert table.take(np.array([1])).column_names == ["text"]
