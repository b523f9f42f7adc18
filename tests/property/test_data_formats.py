from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from amn.data.dataset import open_dataset
from amn.data.importers import import_vectors
from amn.data.imports.keys import Keys as Said
from amn.data.scan import scan_rows
from amn.data.windows import find_windows
from amn.data.writer import Chunks, write_dataset
from amn.errors import AmnError, DataError
from tests.strategies import Keys, keys, unit_rows

if TYPE_CHECKING:
    from numpy.typing import NDArray

few = settings(max_examples=25, deadline=None)  # every example writes files
some = settings(max_examples=100, deadline=None)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("formats")


def fresh(folder: Path) -> Path:
    return Path(tempfile.mkdtemp(dir=folder))


# numpy warns when it has to repair a header as Python 2 wrote them.
old_header = pytest.mark.filterwarnings("ignore:Reading `.npy` or `.npz` file:UserWarning")


@few
@given(table=keys(), dtype=st.sampled_from(["float16", "float32"]), shard_rows=st.integers(1, 40))
def test_a_data_set_survives_a_round_trip(
    folder: Path, table: Keys, dtype: Any, shard_rows: int
) -> None:
    articles, chunks = table
    vectors = unit_rows(len(articles), dtype=np.dtype(dtype))
    path = fresh(folder) / "toy"

    written = write_dataset(
        path,
        vectors,
        Chunks(article_ids=articles, chunk_index=chunks),
        name="toy",
        dtype=dtype,
        shard_rows=shard_rows,
    )
    dataset = open_dataset(path)

    np.testing.assert_array_equal(dataset.gather(np.arange(len(vectors))), vectors, strict=True)
    np.testing.assert_array_equal(dataset.article_ids, articles, strict=True)
    np.testing.assert_array_equal(dataset.chunk_index, chunks, strict=True)
    assert dataset.manifest == written.manifest
    assert scan_rows(dataset).file_digests == {f.path: f.sha256 for f in dataset.manifest.files}


@few
@given(
    table=keys(),
    context=st.integers(1, 3),
    has_ids=st.booleans(),
    is_compressed=st.booleans(),
)
def test_windows_written_out_and_imported_are_the_same_windows(
    folder: Path, table: Keys, context: int, *, has_ids: bool, is_compressed: bool
) -> None:
    articles, chunks = table
    path = fresh(folder)
    vectors = unit_rows(len(articles))
    original = write_dataset(
        path / "a", vectors, Chunks(article_ids=articles, chunk_index=chunks), name="a"
    )
    windows = find_windows(original, context)
    if not len(windows):
        return
    rows = windows.rows(slice(None))
    members = {"contexts": vectors[rows[:, :-1]], "targets": vectors[rows[:, -1]]}
    if has_ids:
        members["article_ids"] = windows.article_ids
    (np.savez_compressed if is_compressed else np.savez)(path / "w.npz", **members)

    again = find_windows(import_vectors(path / "w.npz", path / "b"), context)

    np.testing.assert_array_equal(again.gather(slice(None)), windows.gather(slice(None)))
    if has_ids:
        np.testing.assert_array_equal(again.article_ids, windows.article_ids)


@few
@given(table=keys(), seed=st.integers(0, 99), kind=st.sampled_from(["parquet", "csv", "npz"]))
def test_rows_in_any_order_and_any_file_of_ids_give_the_same_data_set(
    folder: Path, table: Keys, seed: int, kind: str
) -> None:
    articles, chunks = table
    path = fresh(folder)
    vectors = unit_rows(len(articles))
    order = np.random.default_rng(seed).permutation(len(articles))
    np.save(path / "rows.npy", vectors[order])
    ids = {"article_id": articles[order], "chunk_index": chunks[order]}
    file = path / f"ids.{kind}"
    if kind == "npz":
        np.savez(file, **ids)
    else:
        (pq.write_table if kind == "parquet" else pa.csv.write_csv)(pa.table(ids), file)

    dataset = import_vectors(path / "rows.npy", path / "toy", keys=Said(ids=file))

    straight = write_dataset(
        path / "straight", vectors, Chunks(article_ids=articles, chunk_index=chunks), name="toy"
    )
    assert dataset.digest == straight.digest


@pytest.fixture(scope="module")
def whole(folder: Path) -> tuple[Path, NDArray[Any]]:
    """Bytes of one file of each kind, and the rows that they hold."""
    path = fresh(folder)
    vectors, articles, chunks = unit_rows(6), np.repeat([3, 4], 3), np.tile(np.arange(3), 2)
    ids = {"article_indices": articles, "chunk_indices": chunks}
    np.save(path / "rows.npy", vectors)
    np.savez(path / "ids.npz", **ids)
    np.savez(path / "stored.npz", vectors=vectors, **ids)
    np.savez_compressed(path / "deflated.npz", vectors=vectors, **ids)
    table = {"article_id": articles, "chunk_index": chunks, "vector": list(vectors)}
    pq.write_table(pa.table(table), path / "rows.parquet")
    return path, vectors


def imported(
    whole: tuple[Path, NDArray[Any]], name: str, data: st.DataObject, folder: Path
) -> NDArray[Any] | None:
    """Import a changed file; return its rows, or the error that names it."""
    path = fresh(folder)
    (path / name).write_bytes(data)
    ids = whole[0] / "ids.npz" if name.endswith(".npy") else None
    try:
        return import_vectors(path / name, path / "toy", keys=Said(ids=ids)).gather(np.arange(6))
    except AmnError as error:
        message = str(error)
    assert name in message
    assert [p.name for p in path.iterdir()] == [name]
    return None


ARCHIVES = ["stored.npz", "deflated.npz"]


@some
@given(data=st.data(), name=st.sampled_from(ARCHIVES))
def test_any_changed_byte_of_an_archive_is_refused_or_changes_nothing(
    folder: Path, whole: tuple[Path, NDArray[Any]], data: st.DataObject, name: str
) -> None:
    content = bytearray((whole[0] / name).read_bytes())
    at = data.draw(st.integers(0, len(content) - 1))
    content[at] ^= data.draw(st.integers(1, 255))

    rows = imported(whole, name, bytes(content), folder)

    if rows is not None:
        np.testing.assert_array_equal(rows, whole[1])


@some
@given(data=st.data(), name=st.sampled_from([*ARCHIVES, "rows.npy", "rows.parquet"]))
def test_any_truncation_is_refused_with_the_name_of_the_file(
    folder: Path, whole: tuple[Path, NDArray[Any]], data: st.DataObject, name: str
) -> None:
    content = (whole[0] / name).read_bytes()
    kept = data.draw(st.integers(0, len(content) - 1))

    assert imported(whole, name, content[:kept], folder) is None


@old_header
@some
@given(data=st.data(), byte=st.integers(0, 255))
def test_any_changed_byte_of_a_header_is_refused_or_changes_nothing(
    folder: Path, whole: tuple[Path, NDArray[Any]], data: st.DataObject, byte: int
) -> None:
    content = bytearray((whole[0] / "rows.npy").read_bytes())
    content[data.draw(st.integers(0, 127))] = byte

    rows = imported(whole, "rows.npy", bytes(content), folder)

    if rows is not None:
        np.testing.assert_array_equal(rows, whole[1])


@old_header
@some
@given(data=st.data(), byte=st.integers(0, 255))
def test_a_changed_header_in_a_data_set_gives_data_error_or_the_same_rows(
    folder: Path, data: st.DataObject, byte: int
) -> None:
    path = fresh(folder) / "toy"
    vectors = unit_rows(3)
    chunks = Chunks(article_ids=np.zeros(3, np.int64), chunk_index=np.arange(3, dtype=np.int32))
    write_dataset(path, vectors, chunks, name="toy")
    file = path / "vectors-00000.npy"
    content = bytearray(file.read_bytes())
    content[data.draw(st.integers(0, 127))] = byte
    file.write_bytes(content)

    blamed, rows = None, None
    try:
        rows = open_dataset(path).gather(np.arange(3))
    except DataError as error:
        blamed = error.path

    if rows is None:
        assert blamed == file
    else:
        np.testing.assert_array_equal(rows, vectors)
