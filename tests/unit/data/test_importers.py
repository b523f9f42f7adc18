from __future__ import annotations

import re
import zipfile
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq
import pytest
from numpy.typing import NDArray

from amn.data.dataset import DataSet, open_dataset
from amn.data.importers import import_vectors
from amn.data.imports.keys import Keys
from amn.data.manifest import EncoderInfo, Stage
from amn.data.windows import find_windows
from amn.errors import ArgumentError, DataError
from tests.strategies import running_keys, unit_rows

if TYPE_CHECKING:
    from pathlib import Path

CONTEXT = 3

Rows = tuple[NDArray[Any], NDArray[np.int64], NDArray[np.int32]]  # vectors, articles, chunks


def windows_of(
    vectors: NDArray[Any], articles: NDArray[np.int64], chunks: NDArray[np.integer]
) -> tuple[NDArray[Any], NDArray[Any], NDArray[np.int64]]:
    """Write windows out in full, as the earlier projects did."""
    starts = [
        row
        for row in range(len(vectors) - CONTEXT)
        if articles[row] == articles[row + CONTEXT]
        and chunks[row + CONTEXT] - chunks[row] == CONTEXT
    ]
    contexts = np.stack([vectors[row : row + CONTEXT] for row in starts])
    targets = np.stack([vectors[row + CONTEXT] for row in starts])
    return contexts, targets, articles[starts]


@pytest.fixture
def toy() -> Rows:
    """Three articles of 6, 4 and 8 chunks."""
    articles, chunks = running_keys(6, 4, 8, first=10)
    return unit_rows(18, dtype=np.float32), articles, chunks


@pytest.fixture
def source(tmp_path: Path, toy: Rows) -> Path:
    """A folder with rows.npy and their ids."""
    folder = tmp_path / "source"
    folder.mkdir()
    vectors, articles, chunks = toy
    np.save(folder / "rows.npy", vectors)
    table = pa.table({"article_id": articles, "chunk_index": chunks})
    pq.write_table(table, folder / "ids.parquet")
    pa.csv.write_csv(table, folder / "ids.csv")
    np.savez(folder / "ids.npz", article_id=articles, chunk_index=chunks)
    return folder


def assert_holds(
    dataset: DataSet,
    vectors: NDArray[Any],
    articles: NDArray[np.int64],
    chunks: NDArray[np.integer],
    dtype: Any = np.float16,
) -> None:
    np.testing.assert_array_equal(dataset.article_ids, articles)
    np.testing.assert_array_equal(dataset.chunk_index, chunks)
    np.testing.assert_array_equal(dataset.gather(np.arange(len(dataset))), vectors.astype(dtype))


def import_rows(
    folder: Path,
    vectors: NDArray[Any],
    articles: NDArray[np.int64] | None = None,
    chunks: NDArray[np.integer] | None = None,
    **options: Any,
) -> DataSet:
    """Import rows and ids as one .npz file."""
    if articles is None:
        articles, chunks = running_keys(len(vectors))
    np.savez(folder / "rows.npz", vectors=vectors, article_indices=articles, chunk_indices=chunks)
    return import_vectors(folder / "rows.npz", folder / "toy", **options)


# Windows.


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
@pytest.mark.parametrize(
    "names", [("context_sequences", "target_vectors"), ("contexts", "targets")]
)
@pytest.mark.parametrize("id_name", ["article_ids", "article_indices", "articles"])
def test_rows_are_recovered_from_windows_with_article_ids(
    tmp_path: Path, toy: Rows, save: Any, names: tuple[str, str], id_name: str
) -> None:
    contexts, targets, owners = windows_of(*toy)
    save(tmp_path / "w.npz", **{names[0]: contexts, names[1]: targets, id_name: owners})

    dataset = import_vectors(tmp_path / "w.npz", tmp_path / "toy")

    assert_holds(dataset, *toy)


def test_without_article_ids_every_run_becomes_an_article_and_the_stage_says_so(
    tmp_path: Path, toy: Rows
) -> None:
    vectors, articles, chunks = toy
    contexts, targets, _ = windows_of(*toy)
    np.savez(tmp_path / "w.npz", contexts=contexts, targets=targets)

    dataset = import_vectors(tmp_path / "w.npz", tmp_path / "toy")

    assert_holds(dataset, vectors, articles - 10, chunks)
    assert dataset.manifest.stages == (
        Stage(
            name="recover rows of w.npz: 9 windows of context 3 in 3 runs "
            "(no article ids: each run is an article)",
            rows_in=36,
            rows_out=18,
            dropped={"repeated in overlapping windows": 18},
        ),
    )


def test_a_break_inside_an_article_leaves_a_hole_and_no_new_window(tmp_path: Path) -> None:
    vectors = unit_rows(12, dtype=np.float32)
    chunks = np.array([0, 1, 2, 3, 4, 8, 9, 10, 11, 0, 1, 2], np.int32) + np.array(
        [0] * 9 + [20] * 3
    )
    contexts, targets, owners = windows_of(vectors, np.full(12, 7), chunks)
    assert len(contexts) == 3  # rows 9 to 11 are too few for a window
    np.savez(tmp_path / "w.npz", contexts=contexts, targets=targets, article_ids=owners)

    dataset = import_vectors(tmp_path / "w.npz", tmp_path / "toy")

    assert dataset.chunk_index.tolist() == [0, 1, 2, 3, 4, 6, 7, 8, 9]
    windows = find_windows(dataset, CONTEXT).gather(slice(None))
    np.testing.assert_array_equal(windows[:, :-1], contexts.astype(np.float16))
    np.testing.assert_array_equal(windows[:, -1], targets.astype(np.float16))


def test_runs_of_an_article_that_are_apart_in_the_file_come_together(
    tmp_path: Path, toy: Rows
) -> None:
    contexts, targets, owners = windows_of(*toy)
    order = np.r_[4:9, 0:4]  # the third article, then the others
    order = np.r_[order[:2], order[5:], order[2:5]]  # its windows in two places
    np.savez(
        tmp_path / "w.npz",
        contexts=contexts[order],
        targets=targets[order],
        article_ids=owners[order],
    )

    dataset = import_vectors(tmp_path / "w.npz", tmp_path / "toy")

    assert dataset.article_ids.tolist() == [10] * 6 + [11] * 4 + [12] * 11
    assert dataset.chunk_index[10:].tolist() == [0, 1, 2, 3, 4, 6, 7, 8, 9, 10, 11]
    assert len(find_windows(dataset, CONTEXT)) == len(contexts)


@pytest.mark.parametrize("block", [1, 2, 5, 100])
def test_the_size_of_the_blocks_changes_nothing(
    tmp_path: Path, toy: Rows, monkeypatch: pytest.MonkeyPatch, block: int
) -> None:
    monkeypatch.setattr("amn.data.imports.unwindow.BLOCK_WINDOWS", block)
    monkeypatch.setattr("amn.data.importers.BLOCK_ROWS", block)
    contexts, targets, owners = windows_of(*toy)
    np.savez(tmp_path / "w.npz", contexts=contexts, targets=targets, article_ids=owners)

    assert_holds(import_vectors(tmp_path / "w.npz", tmp_path / "toy"), *toy)


def test_windows_of_context_one_are_read(tmp_path: Path) -> None:
    vectors = unit_rows(5, dtype=np.float32)
    np.savez(tmp_path / "w.npz", contexts=vectors[:-1, None], targets=vectors[1:])

    dataset = import_vectors(tmp_path / "w.npz", tmp_path / "toy")

    assert_holds(dataset, vectors, np.zeros(5), np.arange(5))


def test_windows_in_fortran_order_are_read(tmp_path: Path, toy: Rows) -> None:
    contexts, targets, owners = windows_of(*toy)
    contexts, targets = np.asfortranarray(contexts), np.asfortranarray(targets)
    np.savez(tmp_path / "w.npz", contexts=contexts, targets=targets, article_ids=owners)

    assert_holds(import_vectors(tmp_path / "w.npz", tmp_path / "toy"), *toy)


def test_a_nan_does_not_break_a_run(tmp_path: Path, toy: Rows) -> None:
    vectors, articles, chunks = toy
    vectors[3, 2] = np.nan
    contexts, targets, owners = windows_of(vectors, articles, chunks)
    np.savez(tmp_path / "w.npz", contexts=contexts, targets=targets, article_ids=owners)

    with pytest.raises(DataError, match=r"row 3 \(article 10, chunk 3\): expected a finite vector"):
        import_vectors(tmp_path / "w.npz", tmp_path / "toy")


def test_members_that_are_not_used_are_never_opened(tmp_path: Path, toy: Rows) -> None:
    contexts, targets, owners = windows_of(*toy)
    metadata = np.array([{"article": 1}], dtype=object)
    np.savez(
        tmp_path / "w.npz",
        contexts=contexts,
        targets=targets,
        article_ids=owners,
        metadata=metadata,
    )

    assert_holds(import_vectors(tmp_path / "w.npz", tmp_path / "toy"), *toy)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            {"targets": np.zeros((8, 8), np.float32)},
            "targets: expected float32 of shape (9, 8) as in contexts, got float32 of shape (8, 8)",
        ),
        (
            {"targets": np.zeros((9, 8))},
            "targets: expected float32 of shape (9, 8) as in contexts, got float64 of shape (9, 8)",
        ),
        (
            {"contexts": np.zeros((9, 8), np.float32)},
            (
                "contexts: expected float16, float32 or float64 of shape (N, T, D), none 0, "
                "got float32 of shape (9, 8)"
            ),
        ),
        (
            {"contexts": np.zeros((0, 3, 8), np.float32)},
            (
                "contexts: expected float16, float32 or float64 of shape (N, T, D), none 0, "
                "got float32 of shape (0, 3, 8)"
            ),
        ),
        (
            {"article_ids": np.arange(4)},
            "article_ids: expected one id for each of 9 windows, got shape (4,)",
        ),
        (
            {"article_ids": np.arange(9.0)},
            "article_ids: expected strings or whole numbers, got double",
        ),
    ],
)
def test_windows_that_do_not_fit_together_are_refused(
    tmp_path: Path, toy: Rows, change: Any, message: str
) -> None:
    contexts, targets, owners = windows_of(*toy)
    members = {"contexts": contexts, "targets": targets, "article_ids": owners, **change}
    np.savez(tmp_path / "w.npz", **members)

    with pytest.raises(DataError, match=re.escape(f"w.npz: {message}")):
        import_vectors(tmp_path / "w.npz", tmp_path / "toy")


# Rows.


@pytest.mark.parametrize("ids", ["ids.parquet", "ids.csv", "ids.npz"])
def test_a_matrix_and_a_file_of_ids_are_read(source: Path, toy: Rows, ids: Any) -> None:
    dataset = import_vectors(source / "rows.npy", source / "toy", keys=Keys(ids=source / ids))

    assert_holds(dataset, *toy)
    assert dataset.manifest.stages == (Stage(name="read rows.npy", rows_in=18, rows_out=18),)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
@pytest.mark.parametrize("stored", ["float16", "float32"])
def test_any_float_is_stored_as_asked_for(source: Path, toy: Rows, dtype: Any, stored: str) -> None:
    vectors, articles, chunks = toy
    np.save(source / "rows.npy", vectors.astype(dtype))

    dataset = import_vectors(
        source / "rows.npy", source / "toy", keys=Keys(ids=source / "ids.npz"), dtype=stored
    )

    assert dataset.manifest.dtype == stored
    assert_holds(dataset, vectors.astype(dtype), articles, chunks, stored)


def test_title_length_and_text_are_carried_over_and_nothing_else(source: Path, toy: Rows) -> None:
    vectors, articles, chunks = toy
    columns = {"title": [f"t{k}" for k in range(18)], "n_chars": list(range(18))}
    table = pa.table({"article_id": articles, "chunk_index": chunks, **columns, "url": ["u"] * 18})
    pq.write_table(table.take(pa.array(range(17, -1, -1))), source / "ids.parquet")
    np.save(source / "rows.npy", vectors[::-1])

    dataset = import_vectors(
        source / "rows.npy", source / "toy", keys=Keys(ids=source / "ids.parquet")
    )

    assert dataset.column("title").to_pylist() == columns["title"]
    assert dataset.column("n_chars").to_pylist() == columns["n_chars"]
    assert dataset.column("url") is None


LISTS = [pa.list_, pa.large_list, lambda kind: pa.list_(kind, 8)]


@pytest.mark.parametrize("make_list", LISTS, ids=["list", "large_list", "fixed_size_list"])
@pytest.mark.parametrize("kind", [pa.float16(), pa.float32(), pa.float64()], ids=str)
def test_parquet_with_a_vector_column_is_read(
    tmp_path: Path, toy: Rows, make_list: Any, kind: Any
) -> None:
    vectors, articles, chunks = toy
    column = pa.array(list(vectors.astype(kind.to_pandas_dtype())), make_list(kind))
    table = pa.table({"article_id": articles, "chunk_index": chunks, "vector": column})
    pq.write_table(table, tmp_path / "rows.parquet", row_group_size=5)

    assert_holds(import_vectors(tmp_path / "rows.parquet", tmp_path / "toy"), *toy)


def write_lists(path: Path, **columns: Any) -> None:
    n_rows = len(next(iter(columns.values())))
    keys = {"article_id": [0] * n_rows, "chunk_index": list(range(n_rows))}
    pq.write_table(pa.table({**keys, **columns}), path, row_group_size=2)


def test_the_vector_column_is_named_where_there_are_two(tmp_path: Path) -> None:
    rows = unit_rows(4, dtype=np.float32)
    write_lists(tmp_path / "rows.parquet", a=rows.tolist(), b=rows[::-1].tolist())

    with pytest.raises(DataError, match=r"expected one column .*, got 2 .* Fix: --vector-column"):
        import_vectors(tmp_path / "rows.parquet", tmp_path / "toy")
    dataset = import_vectors(tmp_path / "rows.parquet", tmp_path / "toy", vector_column="b")

    np.testing.assert_array_equal(dataset.gather(np.arange(4)), rows[::-1].astype(np.float16))


@pytest.mark.parametrize("name", ["missing", "chunk_index"])
def test_a_vector_column_that_is_none_is_refused_with_those_there_are(
    tmp_path: Path, name: str
) -> None:
    write_lists(tmp_path / "rows.parquet", v=unit_rows(2, dtype=np.float32).tolist())

    with pytest.raises(
        DataError, match=rf"{name}: expected a column of lists of floats, .* v \(list"
    ):
        import_vectors(tmp_path / "rows.parquet", tmp_path / "toy", vector_column=name)


@pytest.mark.parametrize("kind", [pa.list_(pa.float32()), pa.list_(pa.float32(), 2)], ids=str)
@pytest.mark.parametrize("rows", [0, 3])
def test_a_null_vector_is_refused_with_its_row(tmp_path: Path, rows: int, kind: Any) -> None:
    values = [[1.0, 0.0]] * 4
    values[rows] = None
    write_lists(tmp_path / "rows.parquet", v=pa.array(values, kind))

    with pytest.raises(DataError, match=rf"row {rows}: expected a vector of .* numbers, got null"):
        import_vectors(tmp_path / "rows.parquet", tmp_path / "toy")


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ([[1.0, 0.0], [1.0, 0.0], [1.0]], "row 2: expected a vector of 2 numbers, got 1"),
        ([[1.0, 0.0], [1.0, 0.0], [1.0, None]], "row 2: expected 2 numbers, got a null among them"),
        ([[1.0, 0.0], [], [1.0, 0.0]], "row 1: expected a vector of 2 numbers, got 0"),
    ],
)
def test_a_vector_of_another_length_is_refused_with_its_row(
    tmp_path: Path, values: Any, message: str
) -> None:
    write_lists(tmp_path / "rows.parquet", v=pa.array(values, pa.list_(pa.float32())))

    with pytest.raises(DataError, match=re.escape(message)):
        import_vectors(tmp_path / "rows.parquet", tmp_path / "toy")


def test_parquet_without_rows_is_refused(tmp_path: Path) -> None:
    write_lists(tmp_path / "rows.parquet", v=pa.array([], pa.list_(pa.float32())))

    with pytest.raises(DataError, match="expected rows, got none"):
        import_vectors(tmp_path / "rows.parquet", tmp_path / "toy")


# Order, keys and rows that are no unit vectors.


def test_rows_are_sorted_and_the_stage_says_so(tmp_path: Path, toy: Rows) -> None:
    vectors, articles, chunks = toy
    order = np.random.default_rng(0).permutation(18)

    dataset = import_rows(tmp_path, vectors[order], articles[order], chunks[order])

    assert_holds(dataset, *toy)
    assert [s.name for s in dataset.manifest.stages] == [
        "read rows.npz",
        "sort by article and chunk",
    ]


def test_a_key_that_repeats_is_refused_with_its_rows(tmp_path: Path, toy: Rows) -> None:
    vectors, articles, chunks = toy
    chunks[[2, 4]] = 5
    chunks[7] = 0

    message = (
        "rows.npz: article 10, chunk 5: expected one row, got rows 2, 4, 5; 3 rows too many. "
        "Fix: import each chunk once"
    )
    with pytest.raises(DataError, match=re.escape(message)):
        import_rows(tmp_path, vectors, articles, chunks)


@pytest.mark.parametrize(
    ("value", "shown"), [(np.nan, "nan; not finite"), (np.inf, "inf; not finite"), (0, "0.0; zero")]
)
def test_a_row_that_is_no_vector_is_refused_with_its_number(
    tmp_path: Path, value: float, shown: str
) -> None:
    vectors = unit_rows(9, dtype=np.float32)
    vectors[[4, 7]] = value

    message = (
        "rows.npz: row 4 (article 0, chunk 4): expected a finite vector that is not zero, "
        f"got length {shown}: rows 4, 7. Fix: --drop-bad, or encode these rows again"
    )
    with pytest.raises(DataError, match=re.escape(message)):
        import_rows(tmp_path, vectors)


def test_one_row_that_is_no_vector_is_one_row(tmp_path: Path) -> None:
    vectors = unit_rows(9, dtype=np.float32)
    vectors[4] = np.nan

    with pytest.raises(DataError, match=r"not finite: row 4\. Fix"):
        import_rows(tmp_path, vectors)


@pytest.mark.parametrize("normalise", [False, True])
def test_bad_rows_are_dropped_by_reason_where_that_is_asked_for(
    tmp_path: Path, *, normalise: bool
) -> None:
    vectors = unit_rows(9, dtype=np.float32)
    vectors[[4, 7]] = [[np.nan], [-np.inf]]
    vectors[0] = 0

    dataset = import_rows(tmp_path, vectors, drop_bad=True, normalise=normalise)

    assert dataset.chunk_index.tolist() == [1, 2, 3, 5, 6, 8]
    assert dataset.manifest.stages[1] == Stage(
        name="drop bad rows", rows_in=9, rows_out=6, dropped={"not finite": 2, "zero": 1}
    )
    np.testing.assert_allclose(dataset.gather(np.arange(6)), vectors[[1, 2, 3, 5, 6, 8]], atol=1e-3)


def test_when_every_row_is_bad_nothing_is_written(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="expected rows to keep, got none of 3"):
        import_rows(tmp_path, np.zeros((3, 8), np.float32), drop_bad=True)

    assert not (tmp_path / "toy").exists()


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_a_row_of_another_length_is_refused_with_row_and_norm(tmp_path: Path, dtype: Any) -> None:
    vectors = unit_rows(9, dtype=dtype)
    vectors[[3, 8]] *= 2

    message = (
        r"row 3 \(article 0, chunk 3\): expected norm 1 within 0\.001, got (2\.00|1\.99)\d\d; "
    )
    with pytest.raises(
        DataError,
        match=message + r"of another length: rows 3, 8\. Fix: --normalise, or --keep-length",
    ):
        import_rows(tmp_path, vectors)


@pytest.mark.parametrize(("norm", "is_accepted"), [(1.0009, True), (0.9991, True), (1.0011, False)])
def test_norms_within_a_thousandth_of_one_are_accepted(
    tmp_path: Path, norm: float, *, is_accepted: bool
) -> None:
    vectors = unit_rows(3, dtype=np.float64) * norm

    if is_accepted:
        assert len(import_rows(tmp_path, vectors)) == 3
    else:
        with pytest.raises(DataError, match=r"got 1\.0011"):
            import_rows(tmp_path, vectors)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_rows_are_normalised_where_that_is_asked_for(tmp_path: Path, dtype: Any) -> None:
    vectors = unit_rows(9, dtype=np.float64)
    scales = np.array([0.01, 0.5, 1, 2, 3, 10, 100, 1000, 1])[:, None]

    dataset = import_rows(
        tmp_path, (vectors * scales).astype(dtype), normalise=True, dtype="float32"
    )

    stored = dataset.gather(np.arange(9))
    np.testing.assert_allclose(np.linalg.norm(stored, axis=1), 1, atol=1e-6)
    np.testing.assert_allclose(stored, vectors, atol=1e-3)
    assert dataset.manifest.stages[1] == Stage(name="normalise", rows_in=9, rows_out=9)


def test_every_stage_begins_with_the_rows_that_the_one_before_left(
    tmp_path: Path, toy: Rows
) -> None:
    vectors, articles, chunks = toy
    vectors[5] = 0

    dataset = import_rows(
        tmp_path, 3 * vectors[::-1], articles[::-1], chunks[::-1], drop_bad=True, normalise=True
    )

    stages = dataset.manifest.stages
    assert len(stages) == 4
    assert all(s.rows_in - sum(s.dropped.values()) == s.rows_out for s in stages)
    assert [s.rows_in for s in stages[1:]] == [s.rows_out for s in stages[:-1]]
    assert stages[-1].rows_out == len(dataset) == 17


def test_what_is_said_about_the_data_is_kept(source: Path) -> None:
    dataset = import_vectors(
        source / "rows.npy",
        source / "toy",
        name="wiki",
        keys=Keys(ids=source / "ids.npz"),
        encoder=EncoderInfo(name="gtr", pooling="mean"),
        source_note="dump of 2023",
        licence="CC BY-SA 4.0",
    )

    manifest = open_dataset(dataset.path).manifest
    assert manifest.name == "wiki"
    assert manifest.encoder == EncoderInfo(name="gtr", pooling="mean")
    assert (manifest.source, manifest.licence) == ("dump of 2023", "CC BY-SA 4.0")


def test_progress_counts_rows_to_the_last(source: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("amn.data.importers.BLOCK_ROWS", 8)
    calls = []

    import_vectors(
        source / "rows.npy",
        source / "toy",
        keys=Keys(ids=source / "ids.npz"),
        progress=lambda done, total: calls.append((done, total)),
    )

    assert calls == [(8, 18), (16, 18), (18, 18)]


# Files that are not what they claim to be.


def test_an_existing_destination_is_refused_and_left_alone(source: Path) -> None:
    (source / "toy").mkdir()
    (source / "toy" / "mine.txt").write_text("keep")

    with pytest.raises(FileExistsError, match="toy"):
        import_vectors(source / "rows.npy", source / "toy", keys=Keys(ids=source / "ids.npz"))

    assert [p.name for p in (source / "toy").iterdir()] == ["mine.txt"]


@pytest.mark.parametrize("compress", [False, True])
@pytest.mark.parametrize("name", ["vectors", "article_indices", "title"])
def test_an_object_array_is_refused_with_its_name_and_the_way_out(
    tmp_path: Path, name: str, *, compress: bool
) -> None:
    articles, chunks = running_keys(2)
    members = {"vectors": unit_rows(2), "article_indices": articles, "chunk_indices": chunks}
    members[name] = np.array([{"a": 1}, None], dtype=object)
    save = np.savez_compressed if compress else np.savez
    save(tmp_path / "rows.npz", **members)

    message = (
        rf"rows\.npz: {name}: expected plain .*only pickle can read\. "
        r"Fix: re-save it without pickle"
    )
    with pytest.raises(DataError, match=message):
        import_vectors(tmp_path / "rows.npz", tmp_path / "toy")


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
@pytest.mark.parametrize("kept", [10, 200, -1, -30])
def test_a_truncated_archive_is_refused_with_its_size(
    tmp_path: Path, toy: Rows, save: Any, kept: int
) -> None:
    vectors, articles, chunks = toy
    path = tmp_path / "rows.npz"
    save(path, vectors=vectors, article_indices=articles, chunk_indices=chunks)
    path.write_bytes(path.read_bytes()[:kept])

    message = rf"rows\.npz: expected a whole \.npz file, got {path.stat().st_size:,} bytes"
    with pytest.raises(DataError, match=message):
        import_vectors(path, tmp_path / "toy")


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_a_flipped_byte_in_a_member_is_seen(tmp_path: Path, toy: Rows, save: Any) -> None:
    vectors, articles, chunks = toy
    path = tmp_path / "rows.npz"
    save(path, vectors=vectors, article_indices=articles, chunk_indices=chunks)
    data = bytearray(path.read_bytes())
    data[400] ^= 1
    path.write_bytes(data)

    with pytest.raises(DataError, match=r"rows\.npz: vectors: expected a whole array, got: "):
        import_vectors(path, tmp_path / "toy")


def test_a_member_that_is_shorter_than_its_header_says_is_refused(
    tmp_path: Path, toy: Rows
) -> None:
    np.save(tmp_path / "v.npy", toy[0])
    with zipfile.ZipFile(tmp_path / "rows.npz", "w") as archive:
        archive.writestr("vectors.npy", (tmp_path / "v.npy").read_bytes()[:-8])

    message = "vectors: expected 576 bytes of (18, 8), got 568"
    with pytest.raises(DataError, match=re.escape(message)):
        import_vectors(tmp_path / "rows.npz", tmp_path / "toy")


@pytest.mark.parametrize(
    ("members", "listed"),
    [
        ({}, "none"),
        ({"embeddings": np.eye(2)}, "embeddings"),
        ({"contexts": np.ones((1, 1, 2))}, "contexts"),
    ],
)
def test_an_unknown_dialect_is_refused_with_members_and_dialects(
    tmp_path: Path, members: Any, listed: str
) -> None:
    np.savez(tmp_path / "rows.npz", **members)

    message = (
        "rows.npz: expected one of: context_sequences with target_vectors; contexts with targets; "
        f"vectors with article_indices and chunk_indices; got the members: {listed}"
    )
    with pytest.raises(DataError, match=re.escape(message)):
        import_vectors(tmp_path / "rows.npz", tmp_path / "toy")


def test_vectors_in_an_archive_may_have_their_ids_beside_it(source: Path, toy: Rows) -> None:
    np.savez(source / "rows.npz", vectors=toy[0])

    with pytest.raises(DataError, match=r"expected article_indices .* Fix: --ids FILE"):
        import_vectors(source / "rows.npz", source / "toy")
    assert_holds(
        import_vectors(source / "rows.npz", source / "toy", keys=Keys(ids=source / "ids.csv")), *toy
    )


@pytest.mark.parametrize(
    ("ids", "message"),
    [
        (
            {"article_id": [1] * 17, "chunk_index": range(17)},
            "expected an id for each of 18 vectors, got 17",
        ),
        ({"article_id": [1] * 18}, "expected a column chunk_index, got article_id"),
        ({"chunk_index": range(18)}, "expected a column article_id, got chunk_index"),
        (
            {"article_id": [1] * 18, "chunk_index": range(-1, 17)},
            "chunk_index: row 0: expected 0 to 2,147,483,647, got -1",
        ),
        (
            {"article_id": [1] * 18, "chunk_index": range(2**31 - 17, 2**31 + 1)},
            "chunk_index: row 17: expected 0 to 2,147,483,647, got 2147483648",
        ),
        (
            {"article_id": [1.5] * 18, "chunk_index": range(18)},
            "article_id: expected strings or whole numbers, got double",
        ),
        (
            {"article_id": [1, None] * 9, "chunk_index": range(18)},
            "article_id: expected no nulls, got 9",
        ),
    ],
)
@pytest.mark.parametrize("suffix", [".parquet", ".csv"])
def test_ids_that_cannot_be_used_are_refused(
    source: Path, ids: Any, message: str, suffix: str
) -> None:
    table = pa.table({name: pa.array(list(values)) for name, values in ids.items()})
    path = source / f"bad{suffix}"
    (pq.write_table if suffix == ".parquet" else pa.csv.write_csv)(table, path)

    with pytest.raises(DataError, match=re.escape(message)):
        import_vectors(source / "rows.npy", source / "toy", keys=Keys(ids=path))


def test_article_ids_beyond_64_bits_are_refused(source: Path) -> None:
    np.savez(
        source / "ids.npz",
        article_id=np.full(18, 2**63, np.uint64),
        chunk_index=np.arange(18),
    )

    with pytest.raises(DataError, match=r"ids\.npz: article_id: expected numbers below 2\^63"):
        import_vectors(source / "rows.npy", source / "toy", keys=Keys(ids=source / "ids.npz"))


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"article_id": np.zeros((18, 1), int)}, "article_id: expected one value a row"),
        ({"article_id": np.zeros(17, int)}, "expected columns of one length, got"),
    ],
)
def test_arrays_of_ids_that_do_not_fit_are_refused(
    source: Path, columns: Any, message: str
) -> None:
    np.savez(source / "ids.npz", **{"chunk_index": np.arange(18), **columns})

    with pytest.raises(DataError, match=re.escape(message)):
        import_vectors(source / "rows.npy", source / "toy", keys=Keys(ids=source / "ids.npz"))


def test_a_matrix_without_ids_is_refused_with_the_option(source: Path) -> None:
    with pytest.raises(DataError, match=r"rows\.npy: expected ids .* Fix: --ids FILE"):
        import_vectors(source / "rows.npy", source / "toy")


@pytest.mark.parametrize("name", ["rows.npy", "rows.npz", "rows.parquet"])
def test_a_missing_source_is_refused_with_its_name(tmp_path: Path, name: str) -> None:
    with pytest.raises(DataError, match=re.escape(f"{name}: expected a file, found none")):
        import_vectors(tmp_path / name, tmp_path / "toy")


def test_another_kind_of_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "rows.pkl").touch()

    with pytest.raises(DataError, match=r"expected a file of \.npy, .*, got '\.pkl'"):
        import_vectors(tmp_path / "rows.pkl", tmp_path / "toy")


@pytest.mark.parametrize("name", ["ids.parquet", "ids.csv", "ids.npz"])
def test_a_missing_or_broken_file_of_ids_is_refused_with_its_name(source: Path, name: str) -> None:
    (source / name).write_bytes(b"\x00\xff")
    with pytest.raises(DataError, match=re.escape(name)):
        import_vectors(source / "rows.npy", source / "toy", keys=Keys(ids=source / name))

    (source / name).unlink()
    with pytest.raises(DataError, match=re.escape(f"{name}: expected a file of ids, found none")):
        import_vectors(source / "rows.npy", source / "toy", keys=Keys(ids=source / name))


@pytest.mark.parametrize("kept", [3, 300, -1])
def test_a_truncated_parquet_file_is_refused_with_its_name(tmp_path: Path, kept: int) -> None:
    path = tmp_path / "rows.parquet"
    write_lists(path, v=unit_rows(9, dtype=np.float32).tolist())
    path.write_bytes(path.read_bytes()[:kept])

    with pytest.raises(DataError, match=r"rows\.parquet: expected a whole parquet file, got: "):
        import_vectors(path, tmp_path / "toy")


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        (
            "rows.npy",
            {"vector_column": "v"},
            "--vector-column: expected with another kind of file, got .npy",
        ),
        ("rows.npy", {"ids": "ids.txt"}, ", .json, .npz, got '.txt'"),
        ("rows.npy", {"dtype": "float64"}, "dtype: expected float16 or float32, got 'float64'"),
    ],
)
def test_options_that_do_not_fit_are_refused(
    source: Path, name: str, options: Any, message: str
) -> None:
    if "ids" in options:
        options = {"keys": Keys(ids=source / options["ids"])}

    with pytest.raises(ArgumentError, match=re.escape(message)):
        import_vectors(source / name, source / "toy", **options)


def test_ids_beside_windows_are_refused(source: Path, toy: Rows) -> None:
    contexts, targets, _ = windows_of(*toy)
    np.savez(source / "w.npz", contexts=contexts, targets=targets)

    with pytest.raises(ArgumentError, match=r"--ids: expected with a file of rows, got windows"):
        import_vectors(source / "w.npz", source / "toy", keys=Keys(ids=source / "ids.npz"))


@pytest.mark.parametrize("reason", [KeyboardInterrupt, OSError])
@pytest.mark.parametrize("where", ["amn.data.importers._measure", "amn.data.writer.seal_file"])
def test_an_interrupted_import_leaves_nothing_behind(
    source: Path, monkeypatch: pytest.MonkeyPatch, where: str, reason: type[BaseException]
) -> None:
    def interrupt(*_: object, **__: object) -> None:
        raise reason

    monkeypatch.setattr(where, interrupt)
    before = sorted(source.rglob("*"))

    with pytest.raises(reason):
        import_vectors(
            source / "rows.npy", source / "toy", keys=Keys(ids=source / "ids.npz"), normalise=True
        )

    assert sorted(source.rglob("*")) == before


def test_a_refused_import_leaves_nothing_behind_not_even_folders(tmp_path: Path) -> None:
    np.savez_compressed(tmp_path / "w.npz", contexts=np.ones((2, 2, 4)), targets=np.ones((2, 4)))

    with pytest.raises(DataError, match="expected norm 1"):
        import_vectors(tmp_path / "w.npz", tmp_path / "deep" / "er" / "toy")

    assert [p.name for p in tmp_path.iterdir()] == ["w.npz"]


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_an_archive_of_an_unknown_zip_version_is_refused_with_its_name(
    tmp_path: Path, save: Any
) -> None:
    save(tmp_path / "rows.npz", vectors=unit_rows(2))
    content = bytearray((tmp_path / "rows.npz").read_bytes())
    content[content.index(b"PK\x01\x02") + 6] = 0xFF  # version needed to extract
    (tmp_path / "rows.npz").write_bytes(content)

    with pytest.raises(
        DataError, match=r"rows\.npz: expected a whole \.npz file, .*zip file version"
    ):
        import_vectors(tmp_path / "rows.npz", tmp_path / "toy")


def test_a_parquet_file_with_a_damaged_column_name_is_refused_with_its_name(tmp_path: Path) -> None:
    path = tmp_path / "rows.parquet"
    write_lists(path, v=unit_rows(2, dtype=np.float32).tolist())
    path.write_bytes(path.read_bytes().replace(b"article_id", b"\xffrticle_id"))

    with pytest.raises(DataError, match=r"rows\.parquet: expected a whole parquet file, got: "):
        import_vectors(path, tmp_path / "toy")


def test_columns_of_other_names_are_listed_with_the_way_out(tmp_path: Path) -> None:
    vectors, (articles, chunks) = list(unit_rows(6, dtype=np.float32)), running_keys(6)
    table = pa.table({"doc": articles, "pos": chunks, "vec": vectors})
    pq.write_table(table, tmp_path / "rows.parquet")

    with pytest.raises(DataError, match=r"article_id, got doc, pos, vec\. Fix: --article-column"):
        import_vectors(tmp_path / "rows.parquet", tmp_path / "out")
