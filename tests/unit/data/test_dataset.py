from __future__ import annotations

import json
import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from amn.data.dataset import Shard, check_matrix, numbers, open_dataset, run_starts
from amn.errors import ArgumentError, DataError
from tests.strategies import in_memory, running_keys, unit_rows, written

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray


def edit_manifest(folder: Path, **values: Any) -> None:
    path = folder / "dataset.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **values}))


def test_a_data_set_opens_with_the_rows_that_were_written(tmp_path: Path) -> None:
    written(tmp_path / "toy", 3, 4)

    dataset = open_dataset(tmp_path / "toy")

    assert len(dataset) == 7
    assert dataset.dim == 8
    assert dataset.articles.tolist() == [0, 1]
    np.testing.assert_array_equal(dataset.gather(np.arange(7)), unit_rows(7))


def test_vectors_stay_on_disk(tmp_path: Path) -> None:
    dataset = written(tmp_path / "toy", 3)

    assert isinstance(dataset.shards[0].vectors, np.memmap)


@pytest.mark.parametrize(
    ("kept_bytes", "expected"), [(7 * 8 * 2 - 1, [0, 0, 1, 1, 4]), (7 * 8 * 2, [0, 0, 0, 0, 0])]
)
def test_pages_of_a_large_data_set_are_given_back_now_and_then(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kept_bytes: int, expected: list[int]
) -> None:
    written(tmp_path / "toy", 3, 4)  # 7 rows of 8 numbers, 16 bytes a row
    given_back: list[Path] = []
    monkeypatch.setattr("amn.data.dataset.KEPT_BYTES", kept_bytes)
    monkeypatch.setattr("amn.data.dataset.RELEASE_BYTES", 40)  # 2 rows at a time
    monkeypatch.setattr(Shard, "release", lambda shard: given_back.append(shard.path))
    dataset, counts = open_dataset(tmp_path / "toy"), []

    for rows in ([5], [0], [3], [[2]], [[1, 2, 3], [6, 5, 4], [0, 1, 2]]):
        found = dataset.gather(np.array(rows))
        np.testing.assert_array_equal(found, unit_rows(7)[rows])
        counts.append(len(given_back))

    assert counts == expected


@pytest.mark.parametrize("shape", [(0,), (4,), (2, 3), (2, 3, 2)])
def test_gathering_from_shards_equals_gathering_from_one(shape: tuple[int, ...]) -> None:
    articles, chunks = running_keys(4, 3, 5)
    rows = np.random.default_rng(0).integers(0, 12, shape)

    whole = in_memory(articles, chunks).gather(rows)
    sharded = in_memory(articles, chunks, cuts=(4, 7)).gather(rows)

    assert whole.shape == (*shape, 8)
    np.testing.assert_array_equal(sharded, whole)


@pytest.mark.parametrize("cuts", [(), (2,)])
def test_a_row_beyond_the_last_is_never_made_up(cuts: tuple[int, ...]) -> None:
    dataset = in_memory(*running_keys(2, 3), cuts=cuts)

    with pytest.raises(IndexError, match="5"):
        dataset.gather(np.array([0, 5]))


def test_a_column_of_the_chunk_table_is_read_over_all_shards(tmp_path: Path) -> None:
    dataset = written(tmp_path / "toy", 2, 3, shard_rows=1)

    assert len(dataset.shards) == 2
    assert dataset.column("chunk_index").to_pylist() == [0, 1, 0, 1, 2]
    assert dataset.column("text") is None


def test_a_row_has_an_address_for_people(tmp_path: Path) -> None:
    assert written(tmp_path / "toy", 2, 3).where(3) == "row 3 (article 1, chunk 1)"


def test_equal_data_sets_have_equal_digests_and_a_changed_vector_changes_them(
    tmp_path: Path,
) -> None:
    one, same, other = (written(tmp_path / n, 3, seed=s) for n, s in [("a", 0), ("b", 0), ("c", 1)])

    assert one.digest == same.digest != other.digest
    assert one.vectors_digest == same.vectors_digest != other.vectors_digest


def test_the_digest_of_the_vectors_does_not_depend_on_the_chunk_table(tmp_path: Path) -> None:
    plain = written(tmp_path / "a", 3)
    titled = open_dataset(tmp_path / "a")
    entries = tuple(
        f.model_copy(update={"sha256": "0" * 64}) if f.path.endswith(".parquet") else f
        for f in titled.manifest.files
    )
    titled.__dict__["manifest"] = titled.manifest.model_copy(update={"files": entries})

    assert titled.vectors_digest == plain.vectors_digest
    assert titled.digest != plain.digest


def test_another_seal_makes_another_data_set(tmp_path: Path) -> None:
    plain = written(tmp_path / "a", 3)
    entries = tuple(f.model_copy(update={"seal": "0" * 64}) for f in plain.manifest.files)
    other = replace(plain, manifest=plain.manifest.model_copy(update={"files": entries}))

    assert other.digest != plain.digest
    assert other.vectors_digest != plain.vectors_digest


def test_a_folder_without_a_manifest_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"dataset\.json: expected a data set manifest, found none"):
        open_dataset(tmp_path)


@pytest.mark.parametrize("text", ["", "{", "[1]", "\x00"])
def test_a_manifest_that_is_no_manifest_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "dataset.json").write_text(text)

    with pytest.raises(DataError, match=r"dataset\.json: expected"):
        open_dataset(tmp_path)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"rows": -1}, "rows: expected a number greater than or equal to 0"),
        ({"dtype": "float64"}, "dtype: expected 'float16' or 'float32'"),
        ({"order": "random"}, "order: expected 'article_id,chunk_index'"),
        ({"extra": 1}, "extra: expected no such key"),
        ({"rows": 9}, "expected 9 rows in all, got 7 vectors and 7 chunks"),
        ({"dim": 9}, "expected shape (7, 9), got (7, 8)"),
        ({"dtype": "float32"}, "expected dtype float32, got float16"),
    ],
)
def test_a_manifest_that_contradicts_the_files_is_refused(
    tmp_path: Path, values: Any, message: str
) -> None:
    written(tmp_path / "toy", 3, 4)
    edit_manifest(tmp_path / "toy", **values)

    with pytest.raises(DataError, match=re.escape(message)):
        open_dataset(tmp_path / "toy")


@pytest.mark.parametrize("name", ["vectors-00000.npy", "chunks-00000.parquet"])
def test_a_missing_file_is_refused_with_its_name(tmp_path: Path, name: str) -> None:
    written(tmp_path / "toy", 3)
    (tmp_path / "toy" / name).unlink()

    with pytest.raises(DataError, match=re.escape(name)):
        open_dataset(tmp_path / "toy")


@pytest.mark.parametrize("name", ["vectors-00000.npy", "chunks-00000.parquet"])
@pytest.mark.parametrize("kept", [0, 20, -1])
def test_a_truncated_file_is_refused_with_its_name(tmp_path: Path, name: str, kept: int) -> None:
    written(tmp_path / "toy", 3)
    path = tmp_path / "toy" / name
    path.write_bytes(path.read_bytes()[:kept])

    with pytest.raises(DataError, match=re.escape(name)):
        open_dataset(tmp_path / "toy")


INT32 = pa.array([0, 1, 2], pa.int32())


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"chunk_index": INT32}, "expected a column article_id, got chunk_index"),
        (
            {"article_id": INT32, "chunk_index": INT32},
            "article_id: expected int64 or string, got int32",
        ),
        (
            {"article_id": pa.array([0, None, 0], pa.int64()), "chunk_index": INT32},
            "article_id: expected no nulls, got 1",
        ),
        (
            {"article_id": pa.array([0, 0], pa.int64()), "chunk_index": INT32[:2]},
            "expected 3 rows, got 2",
        ),
    ],
)
def test_a_chunk_table_with_unusable_ids_is_refused(
    tmp_path: Path, columns: Any, message: str
) -> None:
    written(tmp_path / "toy", 3)
    pq.write_table(pa.table(columns), tmp_path / "toy" / "chunks-00000.parquet")

    with pytest.raises(DataError, match=re.escape(message)):
        open_dataset(tmp_path / "toy")


@pytest.mark.parametrize(
    "array", [np.zeros(3, np.float16), np.zeros((2, 2)), np.zeros((2, 2), int)]
)
def test_only_a_matrix_of_stored_floats_is_a_matrix(array: NDArray[Any]) -> None:
    with pytest.raises(ArgumentError, match="x: expected a float16 or float32 matrix"):
        check_matrix(array, "x")


def test_a_chunk_table_with_a_damaged_column_name_is_refused_with_its_name(tmp_path: Path) -> None:
    written(tmp_path / "toy", 3)
    path = tmp_path / "toy" / "chunks-00000.parquet"
    path.write_bytes(path.read_bytes().replace(b"article_id", b"\xffrticle_id"))

    with pytest.raises(DataError, match=r"chunks-00000\.parquet: expected a whole parquet file"):
        open_dataset(tmp_path / "toy")


def test_numbers_of_a_column_in_pieces_are_those_that_pyarrow_gives() -> None:
    whole = pa.array(range(10), pa.int32())
    column = pa.chunked_array([whole[2:5], whole[:0], whole[7:], whole])

    values = numbers(column, np.int32)

    assert values.dtype == np.int32
    np.testing.assert_array_equal(values, column.to_numpy())


def test_a_column_without_rows_is_an_empty_array() -> None:
    assert numbers(pa.chunked_array([pa.array([], pa.int64())]), np.int64).shape == (0,)


def test_a_run_starts_where_the_article_changes_also_when_it_comes_back() -> None:
    assert run_starts(np.array([4, 4, 7, 4, 9, 9])).tolist() == [0, 2, 3, 4]
    assert run_starts(np.array([], np.int64)).tolist() == []
