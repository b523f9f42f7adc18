from __future__ import annotations

import hashlib
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from amn.data.dataset import HASH_COLUMN, DataSet, open_dataset
from amn.data.scan import FAR_LAG, scan_rows
from amn.data.writer import Chunks, write_dataset
from amn.errors import DataError
from tests.strategies import running_keys, unit_rows, written

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from numpy.typing import NDArray

    from amn.data.scan import RowScan

BLOCK = 7


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("amn.data.scan.BLOCK_ROWS", BLOCK)


def neighbours(vectors: NDArray[Any], lag: int) -> NDArray[np.float64]:
    """Dot products with the row `lag` further on, 0 where there is none."""
    wide = vectors.astype(np.float64)
    result = np.zeros(len(wide))
    for row in range(len(wide) - lag):
        result[row] = wide[row] @ wide[row + lag]
    return result


def assert_scan_equals_numpy(dataset: DataSet) -> None:
    scan = scan_rows(dataset)
    vectors = np.concatenate([shard.vectors for shard in dataset.shards])
    shards = [shard.vectors for shard in dataset.shards]
    wide = vectors.astype(np.float64)
    np.testing.assert_allclose(scan.norms, np.linalg.norm(wide, axis=1), rtol=1e-6)
    for lag, values in ((1, scan.adjacent), (FAR_LAG, scan.far)):
        expected = np.concatenate([neighbours(part, lag) for part in shards])
        np.testing.assert_allclose(values, expected, atol=1e-6)
    np.testing.assert_array_equal(scan.constant, (vectors == vectors[:, :1]).all(axis=1))
    assert scan.hashes.tolist() == dataset.column(HASH_COLUMN).to_pylist()
    files = {f.path: (dataset.path / f.path).read_bytes() for f in dataset.manifest.files}
    assert len(files) == 2 * len(dataset.shards)
    assert scan.file_digests == {n: hashlib.sha256(b).hexdigest() for n, b in files.items()}


@pytest.mark.parametrize(
    "n_rows",
    [
        1,
        2,
        3,
        4,
        FAR_LAG,
        FAR_LAG + 1,
        BLOCK - 1,
        BLOCK,
        BLOCK + 1,
        2 * BLOCK - 1,
        2 * BLOCK + 3,
        40,
    ],
)
@pytest.mark.parametrize("dtype", ["float16", "float32"])
def test_a_scan_equals_numpy_for_any_number_of_rows(
    tmp_path: Path, n_rows: int, dtype: Any
) -> None:
    assert_scan_equals_numpy(written(tmp_path / "toy", n_rows, dtype=dtype))


def test_a_scan_equals_numpy_over_several_shards(tmp_path: Path) -> None:
    dataset = written(tmp_path / "toy", 3, 8, 1, 7, 15, 2, shard_rows=1)

    assert len(dataset.shards) == 6
    assert_scan_equals_numpy(dataset)


@pytest.mark.parametrize("dim", [1, 3, 9])
def test_a_scan_equals_numpy_when_a_row_is_no_whole_number_of_words(
    tmp_path: Path, dim: int
) -> None:
    articles, chunks = running_keys(10)
    table = Chunks(article_ids=articles, chunk_index=chunks)

    assert_scan_equals_numpy(
        write_dataset(tmp_path / "toy", unit_rows(10, dim=dim), table, name="toy")
    )


def test_a_scan_equals_numpy_where_files_have_no_seal(tmp_path: Path) -> None:
    dataset = written(tmp_path / "toy", 8, 9, shard_rows=1)
    files = tuple(f.model_copy(update={"seal": None}) for f in dataset.manifest.files)

    assert_scan_equals_numpy(
        replace(dataset, manifest=dataset.manifest.model_copy(update={"files": files}))
    )


def scan_of(tmp_path: Path, vectors: NDArray[Any]) -> RowScan:
    articles, chunks = running_keys(len(vectors))
    table = Chunks(article_ids=articles, chunk_index=chunks)
    return scan_rows(
        write_dataset(tmp_path / "toy", vectors, table, name="toy", dtype=str(vectors.dtype))
    )


@pytest.mark.parametrize("dtype", [np.float16, np.float32])
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_a_row_that_is_not_finite_has_an_infinite_norm(
    tmp_path: Path, dtype: Any, value: float
) -> None:
    vectors = unit_rows(12, dtype=dtype)
    vectors[9, 3] = value

    scan = scan_of(tmp_path, vectors)

    assert np.flatnonzero(np.isinf(scan.norms)).tolist() == [9]
    np.testing.assert_allclose(np.delete(scan.norms, 9), 1, atol=1e-3)


def test_zero_and_constant_rows_are_seen_where_they_are(tmp_path: Path) -> None:
    vectors = unit_rows(20)
    vectors[6] = 0
    vectors[13] = 0.25

    scan = scan_of(tmp_path, vectors)

    assert np.flatnonzero(scan.constant).tolist() == [6, 13]
    assert scan.norms[6] == 0


def test_one_worker_and_two_see_the_same(tmp_path: Path) -> None:
    dataset = written(tmp_path / "toy", 8, 9, 20, shard_rows=1)

    one, two = scan_rows(dataset, workers=1), scan_rows(dataset, workers=2)

    for name in ("norms", "constant", "adjacent", "far", "hashes"):
        np.testing.assert_array_equal(getattr(one, name), getattr(two, name), strict=True)
    assert one.file_digests == two.file_digests


def test_a_changed_byte_changes_the_digests_of_its_file_and_row_alone(tmp_path: Path) -> None:
    before = scan_rows(written(tmp_path / "toy", 20))
    path = tmp_path / "toy" / "vectors-00000.npy"
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)

    after = scan_rows(open_dataset(tmp_path / "toy"))

    assert np.flatnonzero(before.hashes != after.hashes).tolist() == [19]
    changed = {n for n, d in after.file_digests.items() if d != before.file_digests[n]}
    assert changed == {"vectors-00000.npy"}


@pytest.mark.parametrize(
    "change",
    [
        lambda data: data + b"tail",
        lambda data: data[:-3],
        lambda data: data[:-1] + bytes([data[-1] ^ 1]),
    ],
    ids=["longer", "shorter", "other rows"],
)
def test_a_file_that_is_replaced_after_it_was_opened_ends_the_scan(
    tmp_path: Path, change: Callable[[bytes], bytes]
) -> None:
    dataset = written(tmp_path / "toy", 10)
    path = tmp_path / "toy" / "vectors-00000.npy"
    data = path.read_bytes()
    path.unlink()
    path.write_bytes(change(data))

    with pytest.raises(DataError, match=r"vectors-00000\.npy: expected the file that was opened"):
        scan_rows(dataset)


def test_progress_ends_with_all_rows(tmp_path: Path) -> None:
    calls = []

    scan_rows(
        written(tmp_path / "toy", 8, 20, shard_rows=1),
        workers=1,
        progress=lambda *c: calls.append(c),
    )

    assert calls[-1] == (28, 28)
    assert [done for done, _ in calls] == sorted(done for done, _ in calls)
