"""Every defect of the data is caught before training, by the check that names it, with its rows."""

from __future__ import annotations

import numpy as np
import pytest

from amn.case import load_case
from amn.errors import ConfigError
from amn.findings import Severity, Status, Verdict
from amn.index.engine import load_faiss
from tests.e2e.conftest import CaseCopy, failing, text_of

pytestmark = pytest.mark.e2e


def assert_caught(copy: CaseCopy, check: str, *words: str) -> None:
    """Assert that a check fails before training; its findings have these words and a fix."""
    result = copy.gate()
    bad = failing(result)

    assert result.verdict is Verdict.FAIL, bad
    assert result.verdict.exit_code() == 1
    assert not copy.was_trained()
    assert check in bad, list(bad)
    for word in words:
        assert word in text_of(bad[check]), text_of(bad[check])
    assert any(finding.fix for finding in bad[check].findings)
    after = [o for o in result.outcomes if o.check[0] in "RMECG"]
    assert after
    assert {o.status for o in after} == {Status.NOT_RUN}


def test_a_nan_row_is_named_with_its_column(case_copy: CaseCopy) -> None:
    def change(vectors: np.ndarray) -> None:
        vectors[4321, 7] = np.nan

    case_copy.change_vectors(change)
    where = case_copy.dataset().where(4321)
    assert_caught(case_copy, "D001", where, "nan")


def test_a_row_of_norm_1_01_is_named_with_its_norm(case_copy: CaseCopy) -> None:
    def change(vectors: np.ndarray) -> None:
        vectors[4321] = (vectors[4321].astype(np.float32) * 1.01).astype(np.float16)

    case_copy.change_vectors(change)
    assert_caught(case_copy, "D002", case_copy.dataset().where(4321), "1.01")


def test_two_swapped_rows_are_named_and_told_apart(case_copy: CaseCopy) -> None:
    def change(vectors: np.ndarray) -> None:
        vectors[[100, 9000]] = vectors[[9000, 100]]

    case_copy.change_vectors(change)
    assert_caught(case_copy, "D011", "row 100 ", "row 9000", "got the vector of row 9000")


def test_two_swapped_rows_with_every_digest_recomputed_are_found_by_the_index(
    case_copy: CaseCopy,
) -> None:
    dataset = case_copy.dataset()
    index = (case_copy.data / "index.faiss").read_bytes()
    vectors = dataset.gather(np.arange(len(dataset)))
    vectors[[100, 9000]] = vectors[[9000, 100]]
    case_copy.rebuild(vectors, dataset.article_ids, dataset.chunk_index)
    (case_copy.data / "index.faiss").write_bytes(index)
    assert_caught(case_copy, "I006", "row 100 ", "row 9000 ")


def test_an_article_appended_again_under_a_new_id_is_named_with_its_twin(
    case_copy: CaseCopy,
) -> None:
    dataset = case_copy.dataset()
    article = int(dataset.articles[5])
    mine = np.flatnonzero(dataset.article_ids == article)
    rows = np.concatenate([np.arange(len(dataset)), mine])
    ids = np.concatenate([dataset.article_ids, np.full(len(mine), 20_000)])
    chunks = np.concatenate([dataset.chunk_index, dataset.chunk_index[mine]])
    case_copy.rebuild(dataset.gather(rows), ids, chunks)
    assert_caught(case_copy, "D010", str(article), "20000")


def test_an_article_written_twice_under_its_own_id_is_named_by_its_keys(
    case_copy: CaseCopy,
) -> None:
    dataset = case_copy.dataset()
    article = dataset.articles[5]
    mine = np.flatnonzero(dataset.article_ids == article)
    rows = np.sort(np.concatenate([np.arange(len(dataset)), mine]))
    unique = np.arange(len(rows), dtype=np.int32)  # keys that the writer takes, then the real ones
    case_copy.rebuild(dataset.gather(rows), dataset.article_ids[rows], unique)
    overwrite_chunks(case_copy, dataset.chunk_index[rows])
    assert_caught(case_copy, "D004", f"article {article}")


def test_an_article_in_train_and_ood_is_named(case_copy: CaseCopy) -> None:
    case_copy.edit_case("[split]", '[split]\ntrain = { articles = "1-10000, 11180" }')
    assert_caught(case_copy, "S001", "11180", "train", "ood")


def test_an_article_whose_copy_is_in_ood_is_named(case_copy: CaseCopy) -> None:
    dataset = case_copy.dataset()
    article = int(dataset.articles[3])
    mine = np.flatnonzero(dataset.article_ids == article)
    at = int(np.searchsorted(dataset.article_ids, 11_181))
    rows = np.insert(np.arange(len(dataset)), at, mine)
    ids = dataset.article_ids[rows].copy()
    ids[at : at + len(mine)] = 11_181
    case_copy.rebuild(dataset.gather(rows), ids, dataset.chunk_index[rows])
    assert_caught(case_copy, "S003", str(article), "11181")


def test_a_rotated_ood_split_is_called_another_space(case_copy: CaseCopy) -> None:
    dataset = case_copy.dataset()
    rng = np.random.default_rng(0)
    rotation = np.linalg.qr(rng.standard_normal((dataset.dim, dataset.dim)))[0].astype(np.float32)
    vectors = dataset.gather(np.arange(len(dataset)))
    ood = dataset.article_ids > 11_000
    vectors[ood] = (vectors[ood].astype(np.float32) @ rotation).astype(np.float16)
    case_copy.rebuild(vectors, dataset.article_ids, dataset.chunk_index)
    assert_caught(case_copy, "S006", "ood", "encoder")


def test_a_truncated_vector_file_is_named(case_copy: CaseCopy) -> None:
    content = case_copy.vectors_file.read_bytes()
    case_copy.vectors_file.write_bytes(content[: len(content) // 2])
    assert_caught(case_copy, "D003", "vectors-00000.npy")


def test_a_stale_index_is_named_with_the_row_that_changed(case_copy: CaseCopy) -> None:
    dataset = case_copy.dataset()
    index = (case_copy.data / "index.faiss").read_bytes()
    manifest = (case_copy.data / "index.json").read_bytes()
    vectors = dataset.gather(np.arange(len(dataset)))
    vectors[777] = vectors[8888]
    case_copy.rebuild(vectors, dataset.article_ids, dataset.chunk_index)
    (case_copy.data / "index.faiss").write_bytes(index)
    (case_copy.data / "index.json").write_bytes(manifest)
    assert_caught(case_copy, "I003", "index build")
    assert "row 777 " in text_of(failing(case_copy.gate())["I006"])


def test_an_index_with_two_ids_swapped_is_named_with_both_rows(case_copy: CaseCopy) -> None:
    faiss = load_faiss()
    path = case_copy.data / "index.faiss"
    index = faiss.read_index(str(path))
    ids = faiss.vector_to_array(index.id_map)
    ids[[10, 5000]] = ids[[5000, 10]]
    faiss.copy_array_to_vector(ids, index.id_map)
    faiss.write_index(index, str(path))
    assert_caught(case_copy, "I006", "row 10 ", "row 5000 ")


@pytest.mark.parametrize("share", [0.0001, 0.3, 0.7, 0.999])
def test_a_bit_flipped_anywhere_in_the_index_is_named(case_copy: CaseCopy, share: float) -> None:
    path = case_copy.data / "index.faiss"
    content = bytearray(path.read_bytes())
    content[int(len(content) * share)] ^= 0b100
    path.write_bytes(bytes(content))
    assert_caught(case_copy, "I001", "sha256")


@pytest.mark.parametrize("file", ["index.faiss", "index.json"])
def test_half_an_index_is_no_missing_index(case_copy: CaseCopy, file: str) -> None:
    (case_copy.data / file).unlink()
    assert_caught(case_copy, "I001", file)


def test_an_empty_ood_split_is_named(case_copy: CaseCopy) -> None:
    case_copy.edit_case("11001-15192", "90001-90002")
    assert_caught(case_copy, "S002", "ood")


def test_a_misspelt_key_is_refused_with_its_line_and_the_right_one(case_copy: CaseCopy) -> None:
    case_copy.edit_case("seeds = [0, 1, 2]", "seed = [0, 1, 2]")
    with pytest.raises(ConfigError) as caught:
        load_case(case_copy.folder)
    line = (case_copy.folder / "case.toml").read_text().splitlines().index("seed = [0, 1, 2]") + 1
    assert caught.value.problems == (
        f"line {line}: training.seed: unknown key. Fix: did you mean seeds?",
    )


def test_rows_shuffled_inside_articles_are_called_out_of_order(case_copy: CaseCopy) -> None:
    dataset = case_copy.dataset()
    noise = np.random.default_rng(0).random(len(dataset))
    rows = np.lexsort([noise, dataset.article_ids])
    case_copy.rebuild(dataset.gather(rows), dataset.article_ids, dataset.chunk_index)
    assert_caught(case_copy, "D007", "article")


def test_chunks_repeated_next_to_themselves_are_called_double_ingestion(
    case_copy: CaseCopy,
) -> None:
    dataset = case_copy.dataset()
    rows = np.repeat(np.arange(len(dataset)), 2)
    chunks = (dataset.chunk_index[rows] * 2 + np.tile([0, 1], len(dataset))).astype(np.int32)
    case_copy.rebuild(dataset.gather(rows), dataset.article_ids[rows], chunks)
    assert_caught(case_copy, "D008", "row")


def test_the_unmodified_copy_passes_everything_before_training(case_copy: CaseCopy) -> None:
    from amn.gate.family import check_split  # noqa: PLC0415

    result = check_split(case_copy.folder)

    assert result.verdict is Verdict.PASS
    assert len(result.outcomes) == 31
    worst = [f for o in result.outcomes for f in o.findings if f.severity is not Severity.NOTICE]
    assert worst == []


def overwrite_chunks(copy: CaseCopy, chunk_index: np.ndarray) -> None:
    """Replace the chunk indices of a written data set, as a broken exporter would write them."""
    import pyarrow as pa  # noqa: PLC0415
    import pyarrow.parquet as pq  # noqa: PLC0415

    from amn.storage import sha256_file, write_json  # noqa: PLC0415
    from tests.e2e.conftest import read_json  # noqa: PLC0415

    path = copy.data / "chunks-00000.parquet"
    table = pq.read_table(path)
    at = table.column_names.index("chunk_index")
    table = table.set_column(at, "chunk_index", pa.array(chunk_index, pa.int32()))
    pq.write_table(table, path)
    manifest = read_json(copy.data / "dataset.json")
    for entry in manifest["files"]:
        entry["sha256"] = sha256_file(copy.data / entry["path"])
    write_json(copy.data / "dataset.json", manifest)
