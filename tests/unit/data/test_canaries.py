"""Canaries: which rows are chosen, how they are kept, and how they are read again."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from amn.corpus.build import build_dataset
from amn.data.canaries import (
    CANARIES_FILE,
    choose_canaries,
    keep_canaries,
    read_canaries,
    read_texts,
)
from amn.data.dataset import open_dataset
from amn.data.importers import import_vectors
from amn.data.manifest import read_manifest
from amn.data.writer import Chunks, write_dataset
from amn.errors import DataError
from amn.storage import sha256_file, sha256_of
from tests.corpora import shuffled_pages, toy_config, write_pages
from tests.strategies import unit_rows

if TYPE_CHECKING:
    from pathlib import Path

    from amn.data.dataset import DataSet

CODES = np.repeat(np.arange(200), 5)
TEXTS = [f"row {row} " + "word " * (row % 7 + 1) for row in range(len(CODES))]
LONG, SHORT, CAPITAL, FOREIGN = 17, 333, 701, 902
TEXTS[LONG] = "word " * 300
TEXTS[SHORT] = "x"
TEXTS[CAPITAL] = "UNESCO AND NATO"
TEXTS[FOREIGN] = "\N{GREEK SMALL LETTER ALPHA}\N{GREEK SMALL LETTER BETA} text"


def chosen(texts: list[Any] = TEXTS, codes: Any = CODES) -> list[int]:
    return choose_canaries(codes, lambda rows: [texts[row] for row in rows])[0].tolist()


def test_canaries_are_of_different_articles_and_of_every_kind_of_text() -> None:
    rows = chosen()

    assert len(rows) == len(np.unique(CODES[rows])) == 64
    assert rows == sorted(rows)
    assert {LONG, SHORT, CAPITAL, FOREIGN} <= set(rows)


def test_the_same_texts_give_the_same_canaries() -> None:
    assert chosen() == chosen()


def test_few_articles_give_several_canaries_each() -> None:
    rows = chosen(codes=CODES // 40)

    assert len(set(rows)) == 64
    assert len(np.unique((CODES // 40)[rows])) == 5


@pytest.mark.parametrize("n", [0, 3])
def test_rows_without_a_text_are_no_canaries(n: int) -> None:
    texts: list[str | None] = [None, " "] * (len(CODES) // 2)
    texts[10 : 10 + n] = TEXTS[10 : 10 + n]

    assert chosen(texts) == list(range(10, 10 + n))


def written(
    folder: Path, ids: Any = CODES + 7, texts: list[Any] = TEXTS, kind: Any = None
) -> DataSet:
    chunks = Chunks(
        article_ids=ids,
        chunk_index=np.tile(np.arange(5, dtype=np.int32), 200),
        extra={"text": pa.array(texts, kind or pa.string())},
    )
    return write_dataset(folder, unit_rows(len(CODES)), chunks, name="toy")


@pytest.mark.parametrize("ids", [CODES + 7, np.char.add("a", (CODES + 100).astype(str))])
def test_canaries_are_read_as_they_were_written(tmp_path: Path, ids: Any) -> None:
    dataset = written(tmp_path / "toy", ids)

    canaries = read_canaries(dataset)
    entry = dataset.manifest.canaries

    assert canaries is not None
    assert entry is not None
    assert canaries.rows.tolist() == chosen()
    assert canaries.texts == tuple(TEXTS[row] for row in canaries.rows)
    assert canaries.digests == tuple(sha256_of(text.encode()) for text in canaries.texts)
    assert entry.sha256 == sha256_file(dataset.path / CANARIES_FILE)
    assert (entry.rows, entry.text, entry.seed) == (64, True, 64)


@pytest.mark.parametrize(("kind", "n"), [(pa.large_string(), 64), (pa.binary(), None)])
def test_a_column_of_texts_of_any_length_gives_canaries_and_bytes_do_not(
    tmp_path: Path, kind: Any, n: int | None
) -> None:
    canaries = read_canaries(written(tmp_path / "toy", kind=kind))

    assert (canaries and len(canaries.rows)) == n


def test_no_text_leaves_no_canaries_and_nothing_in_the_manifest(tmp_path: Path) -> None:
    dataset = written(tmp_path / "toy", texts=[None] * len(CODES))

    assert read_canaries(dataset) is None
    assert not (dataset.path / CANARIES_FILE).exists()
    assert "canaries" not in json.loads((dataset.path / "dataset.json").read_bytes())


def test_canaries_are_no_part_of_the_digest_of_a_data_set(tmp_path: Path) -> None:
    texts = [f"other {text}" for text in TEXTS]
    files = [f.path for f in written(tmp_path / "a").manifest.files]

    assert CANARIES_FILE not in files
    assert (
        written(tmp_path / "b", texts=texts).vectors_digest
        == open_dataset(tmp_path / "a").vectors_digest
    )


def test_a_changed_or_missing_file_is_refused(tmp_path: Path) -> None:
    dataset = written(tmp_path / "toy")
    path = dataset.path / CANARIES_FILE

    path.write_bytes(path.read_bytes() + b" ")
    with pytest.raises(DataError, match=r"canaries.parquet: expected sha256 .*Fix: restore"):
        read_canaries(dataset)
    path.unlink()
    with pytest.raises(DataError, match="expected the canaries of a data set, got"):
        read_canaries(dataset)


def test_a_part_of_a_data_set_keeps_its_own_canaries(tmp_path: Path) -> None:
    dataset = written(tmp_path / "toy")
    canaries = read_canaries(dataset)
    assert canaries is not None
    mine = canaries.rows[::3]

    entry = keep_canaries(tmp_path, dataset, np.append(mine, 0))

    assert entry is not None
    table = pq.read_table(tmp_path / CANARIES_FILE)
    assert table["text"].to_pylist() == [TEXTS[row] for row in mine]
    assert table["article_id"].to_pylist() == dataset.article_ids[mine].tolist()


@pytest.mark.parametrize("keep_text", [True, False])
def test_a_build_chooses_canaries_and_keeps_texts_only_where_it_may(
    tmp_path: Path, *, keep_text: bool
) -> None:
    source = write_pages(tmp_path / "pages.jsonl", shuffled_pages())
    dataset = build_dataset(tmp_path / "out", toy_config(source, keep_text=keep_text)).dataset

    canaries = read_canaries(dataset)

    assert canaries is not None
    assert len(canaries.rows) == 64
    assert bool(canaries.texts) == keep_text
    for row, digest in zip(canaries.rows, canaries.digests, strict=True):
        article, place = dataset.article_ids[row], dataset.chunk_index[row]
        assert digest == sha256_of(f"Paragraph {place} of article {article} says so.".encode())


def test_an_import_with_texts_chooses_canaries(tmp_path: Path) -> None:
    keys = {"article_id": pa.array(CODES), "chunk_index": pa.array(np.tile(range(5), 200))}
    table = pa.table({**keys, "text": pa.array(TEXTS), "vector": list(unit_rows(len(CODES)))})
    pq.write_table(table, tmp_path / "rows.parquet")

    import_vectors(tmp_path / "rows.parquet", tmp_path / "toy")

    entry = read_manifest(tmp_path / "toy").canaries
    assert entry is not None
    assert entry.rows == 64


@pytest.mark.parametrize("suffix", [".parquet", ".jsonl"])
@pytest.mark.parametrize("ids", [CODES + 7, np.char.add("2020-01-", (CODES + 100).astype(str))])
def test_texts_that_somebody_brings_are_found_by_article_and_place(
    tmp_path: Path, suffix: str, ids: Any
) -> None:
    dataset = written(tmp_path / "toy", ids)
    rows = [3, 700, 12]
    found = [
        {"article_id": ids[row].item(), "chunk_index": row % 5, "text": TEXTS[row], "more": 1}
        for row in rows
    ]
    unknown = {**found[0], "chunk_index": 99}
    file = tmp_path / f"texts{suffix}"
    if suffix == ".jsonl":
        file.write_text("".join(json.dumps(one) + "\n" for one in [*found, unknown]), "utf-8")
    else:
        pq.write_table(pa.Table.from_pylist([*found, unknown]), file)

    assert read_texts(file, dataset) == {row: TEXTS[row] for row in rows}


@pytest.mark.parametrize("content", ['{"article_id": "x", "text": 1}\n', "x"])
def test_a_file_that_holds_no_texts_is_refused(tmp_path: Path, content: str) -> None:
    (tmp_path / "texts.jsonl").write_text(content, "utf-8")

    with pytest.raises(DataError, match=r"texts.jsonl: expected a .parquet or .jsonl with"):
        read_texts(tmp_path / "texts.jsonl", written(tmp_path / "toy"))
