from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pytest

from amn.data.dataset import HASH_COLUMN, open_dataset
from amn.data.manifest import EncoderInfo, Stage
from amn.data.vectors import RowHasher
from amn.data.writer import Chunks, shard_bounds, write_dataset
from amn.errors import ArgumentError
from amn.storage import sha256_file
from tests.strategies import running_keys, unit_rows, written

if TYPE_CHECKING:
    from pathlib import Path


def test_a_data_set_says_where_it_comes_from(tmp_path: Path) -> None:
    stage = Stage(name="filter", rows_in=9, rows_out=5, dropped={"stub": 4})

    written(
        tmp_path / "toy",
        5,
        encoder=EncoderInfo(name="mpnet", revision="1"),
        source="a dump",
        licence="CC BY-SA 4.0",
        stages=[stage],
    )

    manifest = open_dataset(tmp_path / "toy").manifest
    assert manifest.name == "toy"
    assert manifest.encoder == EncoderInfo(name="mpnet", revision="1")
    assert (manifest.source, manifest.licence) == ("a dump", "CC BY-SA 4.0")
    assert manifest.stages == (stage,)


def test_files_have_the_digests_that_the_manifest_declares(tmp_path: Path) -> None:
    dataset = written(tmp_path / "toy", 2, 3, shard_rows=1)

    assert len(dataset.manifest.files) == 4
    for entry in dataset.manifest.files:
        assert sha256_file(dataset.path / entry.path) == entry.sha256


def test_no_article_is_in_two_shards(tmp_path: Path) -> None:
    dataset = written(tmp_path / "toy", 2, 5, 1, 4, shard_rows=3)

    articles = [set(dataset.article_ids[s.start : s.stop].tolist()) for s in dataset.shards]
    assert articles == [{0, 1}, {2, 3}]
    assert [s.start for s in dataset.shards] == [0, 7]


@pytest.mark.parametrize("shard_rows", [1, 2, 5, 6, 100])
def test_shards_cover_every_row_once(shard_rows: int) -> None:
    articles, _ = running_keys(1, 5, 2, 2)

    bounds = list(shard_bounds(articles, shard_rows))

    assert [start for start, _ in bounds] == [0, *(stop for _, stop in bounds[:-1])]
    assert bounds[-1][1] == 10


@pytest.mark.parametrize(("stored", "given"), [("float16", np.float32), ("float32", np.float16)])
def test_vectors_are_stored_in_the_type_that_is_asked_for(
    tmp_path: Path, stored: str, given: type
) -> None:
    vectors = unit_rows(4, dtype=given)
    articles, chunks = running_keys(4)

    dataset = write_dataset(
        tmp_path / "toy",
        vectors,
        Chunks(article_ids=articles, chunk_index=chunks),
        name="toy",
        dtype=stored,
    )

    assert dataset.shards[0].vectors.dtype == stored
    np.testing.assert_array_equal(dataset.shards[0].vectors, vectors.astype(stored))


def test_rows_are_written_in_the_order_that_is_given(tmp_path: Path) -> None:
    vectors = unit_rows(5)
    chunks = Chunks(
        article_ids=np.array([2, 1, 2, 1, 1]),
        chunk_index=np.array([1, 2, 0, 0, 1], np.int32),
        extra={"title": pa.array(["2-1", "1-2", "2-0", "1-0", "1-1"])},
    )
    order = np.array([3, 4, 1, 2, 0])

    dataset = write_dataset(tmp_path / "toy", vectors, chunks, name="toy", order=order)

    assert dataset.article_ids.tolist() == [1, 1, 1, 2, 2]
    assert dataset.chunk_index.tolist() == [0, 1, 2, 0, 1]
    assert dataset.column("title").to_pylist() == ["1-0", "1-1", "1-2", "2-0", "2-1"]
    np.testing.assert_array_equal(dataset.gather(np.arange(5)), vectors[order])


def test_an_order_may_leave_rows_out(tmp_path: Path) -> None:
    vectors = unit_rows(4)
    articles, chunks = running_keys(4)

    dataset = write_dataset(
        tmp_path / "toy",
        vectors,
        Chunks(article_ids=articles, chunk_index=chunks),
        name="toy",
        order=np.array([0, 1, 3]),
    )

    assert dataset.manifest.rows == 3
    assert dataset.chunk_index.tolist() == [0, 1, 3]


def test_the_chunk_table_has_the_digest_of_every_vector(tmp_path: Path) -> None:
    dataset = written(tmp_path / "toy", 2, 3, shard_rows=1)

    expected = RowHasher(8, np.dtype(np.float16))(unit_rows(5))
    assert dataset.column(HASH_COLUMN).to_pylist() == expected.tolist()


@pytest.mark.parametrize(
    ("articles", "chunks", "message"),
    [
        ([1, 1, 0], [0, 1, 0], r"^row 2: expected .* got \(0, 0\) after \(1, 1\)"),
        ([0, 0, 0], [0, 2, 1], r"^row 2: expected .* got \(0, 1\) after \(0, 2\)"),
        ([0, 0, 0], [0, 0, 1], r"^row 1: expected .* got \(0, 0\) after \(0, 0\)"),
    ],
)
def test_rows_out_of_order_or_twice_are_refused_with_their_number(
    tmp_path: Path, articles: list[int], chunks: list[int], message: str
) -> None:
    table = Chunks(article_ids=np.array(articles), chunk_index=np.array(chunks, np.int32))

    with pytest.raises(ArgumentError, match=message):
        write_dataset(tmp_path / "toy", unit_rows(3), table, name="toy")

    assert list(tmp_path.iterdir()) == []


def test_a_column_of_another_length_is_refused_with_both_numbers(tmp_path: Path) -> None:
    articles, chunks = running_keys(3)
    table = Chunks(article_ids=articles, chunk_index=chunks, extra={"title": pa.array(["a", "b"])})

    with pytest.raises(ArgumentError, match=r"^title: expected 3 rows as in vectors, got 2$"):
        write_dataset(tmp_path / "toy", unit_rows(3), table, name="toy")


def test_an_existing_folder_is_not_overwritten(tmp_path: Path) -> None:
    before = written(tmp_path / "toy", 3).digest

    with pytest.raises(FileExistsError):
        written(tmp_path / "toy", 4)

    assert open_dataset(tmp_path / "toy").digest == before


@pytest.mark.parametrize("reason", [KeyboardInterrupt, OSError])
def test_an_interrupted_write_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, reason: type[BaseException]
) -> None:
    def interrupt(*_: object) -> str:
        raise reason

    monkeypatch.setattr("amn.data.writer.seal_file", interrupt)

    with pytest.raises(reason):
        written(tmp_path / "toy", 3)

    assert list(tmp_path.iterdir()) == []


def test_the_same_rows_give_the_same_bytes(tmp_path: Path) -> None:
    one, two = written(tmp_path / "a", 3, 4), written(tmp_path / "b", 3, 4)

    assert [f.sha256 for f in one.manifest.files] == [f.sha256 for f in two.manifest.files]
