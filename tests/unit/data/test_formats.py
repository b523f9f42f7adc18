"""Formats of vectors, each written by its own library; what is wrong with one is said in a line."""

from __future__ import annotations

import json
import pickle
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import faiss
import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.feather
import pyarrow.parquet as pq
import pytest
import torch
from safetensors.numpy import save_file
from safetensors.torch import save_file as save_tensors

from amn.data.importers import import_vectors, preview_vectors
from amn.data.imports.keys import Keys
from amn.data.imports.sources import IMPORTERS
from amn.errors import ArgumentError, DataError, MissingDependencyError
from tests.strategies import unit_rows

if TYPE_CHECKING:
    from collections.abc import Callable

DIM = 16
NAMES = ["b", "a", "b", "a", "a", "b"]  # articles of the rows, which are not sorted
PLACES = [1, 0, 0, 2, 1, 5]
ORDER = [1, 4, 3, 2, 0, 5]  # of the rows by article and place
VECTORS = unit_rows(6, dim=DIM, dtype=np.float32)


def columns(**more: Any) -> dict[str, Any]:
    return {"article_id": NAMES, "chunk_index": PLACES, **more}


def ipc(path: Path, table: pa.Table, *, stream: bool = False) -> None:
    make = pa.ipc.new_stream if stream else pa.ipc.new_file
    with make(str(path), table.schema) as writer:
        writer.write_table(table, max_chunksize=4)


def lists() -> pa.Table:
    return pa.table(columns(vec=list(VECTORS)))


def write_parquet(path: Path) -> Path:
    pq.write_table(lists(), path / "v.parquet", row_group_size=4)
    return path / "v.parquet"


def write_arrow(path: Path) -> Path:
    ipc(path / "v.arrow", lists())
    return path / "v.arrow"


def write_stream(path: Path) -> Path:
    ipc(path / "v.ipc", lists(), stream=True)
    return path / "v.ipc"


def write_feather(path: Path) -> Path:
    pyarrow.feather.write_feather(lists(), str(path / "v.feather"))
    return path / "v.feather"


def write_json_lines(path: Path) -> Path:
    rows = [
        {"article_id": a, "chunk_index": c, "vec": v.tolist()}
        for a, c, v in zip(NAMES, PLACES, VECTORS, strict=True)
    ]
    (path / "v.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path / "v.jsonl"


def write_text(path: Path, delimiter: str, name: str, between: str) -> Path:
    cells = ["[" + between.join(map(repr, row)) + "]" for row in VECTORS.astype(float).tolist()]
    options = pyarrow.csv.WriteOptions(delimiter=delimiter)
    pyarrow.csv.write_csv(pa.table(columns(vec=cells)), path / name, options)
    return path / name


def write_csv(path: Path) -> Path:
    return write_text(path, ",", "v.csv", ", ")


def write_tsv(path: Path) -> Path:
    return write_text(path, "\t", "v.tsv", " ")


def write_hdf5(path: Path) -> Path:
    h5py = pytest.importorskip("h5py")
    with h5py.File(path / "v.h5", "w") as file:
        file["vectors"] = VECTORS
        file["article_id"] = np.array(NAMES, object)
        file["chunk_index"] = PLACES
        file["meta/other"] = np.ones((2, 2, 2))
    return path / "v.h5"


def write_pytorch(path: Path) -> Path:
    values = columns(emb=torch.from_numpy(VECTORS), epoch=3)
    torch.save(values | {"chunk_index": torch.tensor(PLACES)}, path / "v.pt")
    return path / "v.pt"


def write_datasets(path: Path) -> Path:
    datasets = pytest.importorskip("datasets")
    made = datasets.Dataset.from_dict(columns(vec=VECTORS.tolist()))
    made.save_to_disk(str(path / "saved"), num_shards=2)
    return path / "saved"


def write_npz(path: Path) -> Path:
    values = {"article_indices": np.array(NAMES), "chunk_indices": np.array(PLACES)}
    np.savez(path / "v.npz", vectors=VECTORS, **values)
    return path / "v.npz"


WRITERS = [
    write_npz,
    write_parquet,
    write_arrow,
    write_stream,
    write_feather,
    write_json_lines,
    write_csv,
    write_tsv,
    write_hdf5,
    write_pytorch,
    write_datasets,
]


def imported(source: Path, **said: Any) -> tuple[list[Any], list[int], np.ndarray]:
    """Import in float32; return articles, places and vectors as they are stored."""
    options = {name: said.pop(name) for name in ("vector_column", "numbers") if name in said}
    out = source.parent / "out"
    dataset = import_vectors(source, out, keys=Keys(**said), dtype="float32", **options)
    rows = dataset.gather(np.arange(len(dataset)))
    return dataset.article_ids.tolist(), dataset.chunk_index.tolist(), rows


@pytest.mark.parametrize("write", WRITERS)
def test_ids_of_text_places_and_vectors_are_those_that_were_written(
    tmp_path: Path, write: Callable[[Path], Path]
) -> None:
    articles, places, rows = imported(write(tmp_path))

    assert articles == ["a", "a", "a", "b", "b", "b"]
    assert places == [0, 1, 2, 0, 1, 5]
    np.testing.assert_allclose(rows, VECTORS[ORDER], rtol=0, atol=1e-7)


@pytest.mark.parametrize("write", WRITERS)
def test_a_file_that_is_cut_off_is_an_error_in_a_line_with_a_way_out(
    tmp_path: Path, write: Callable[[Path], Path]
) -> None:
    path = write(tmp_path)
    file = min(path.glob("*.arrow")) if path.is_dir() else path
    whole = file.read_bytes()
    for kept in (0, 10, len(whole) // 2):
        file.write_bytes(whole[:kept])

        with pytest.raises(DataError, match="Fix: ") as caught:
            imported(path)

        assert "\n" not in str(caught.value)
        assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("write", WRITERS)
def test_a_file_of_something_else_is_an_error_in_a_line_with_a_way_out(
    tmp_path: Path, write: Callable[[Path], Path]
) -> None:
    path = write(tmp_path)
    file = min(path.glob("*.arrow")) if path.is_dir() else path
    file.write_bytes(pickle.dumps({"a": 1}))

    with pytest.raises(DataError, match="Fix: ") as caught:
        imported(path)

    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("dtype", "dim"), [(">f4", DIM), (">f8", DIM), (">f2", DIM), ("<f8", DIM), ("<f2", DIM)]
)
def test_numpy_may_have_either_order_of_bytes(tmp_path: Path, dtype: str, dim: int) -> None:
    np.save(tmp_path / "v.npy", VECTORS[:, :dim].astype(dtype))

    rows = imported(tmp_path / "v.npy", one_article=True)[2]

    np.testing.assert_array_equal(rows, VECTORS.astype(dtype).astype(np.float32))


def test_bfloat16_in_numpy_has_to_be_said(tmp_path: Path) -> None:
    bits = (VECTORS.view(np.uint32) >> 16).astype(np.uint16)
    expected = torch.from_numpy(bits.view(np.int16)).view(torch.bfloat16).float().numpy()
    for stored in (bits, bits.view("V2")):
        np.save(tmp_path / "v.npy", stored)
        with pytest.raises(DataError, match=r"Fix: --numbers bfloat16, where that is what they"):
            preview_vectors(tmp_path / "v.npy", keys=Keys(one_article=True))

        found = preview_vectors(tmp_path / "v.npy", keys=Keys(one_article=True), numbers="bfloat16")

        assert found.dtype == "float32"
        np.testing.assert_allclose([row[3] for row in found.rows], expected[:, :4])


@pytest.mark.parametrize("kind", [torch.bfloat16, torch.float16, torch.float32])
@pytest.mark.parametrize("suffix", [".safetensors", ".pt"])
def test_tensors_say_what_their_numbers_are(tmp_path: Path, kind: Any, suffix: str) -> None:
    tensors = {"emb": torch.from_numpy(VECTORS).to(kind), "chunk_index": torch.tensor(PLACES)}
    tensors["article_id"] = torch.tensor([7 if name == "b" else 3 for name in NAMES])
    path = tmp_path / f"v{suffix}"
    (save_tensors if suffix == ".safetensors" else torch.save)(tensors, path)  # type: ignore[operator]

    found = preview_vectors(path)

    assert [row[:2] for row in found.rows][:2] == [("7", 1), ("3", 0)]
    expected = tensors["emb"].float().numpy()[:, :4]
    np.testing.assert_allclose([row[3] for row in found.rows], expected)


def test_a_bare_tensor_is_a_matrix(tmp_path: Path) -> None:
    torch.save(torch.from_numpy(VECTORS), tmp_path / "v.pt")

    assert imported(tmp_path / "v.pt", one_article=True)[1] == list(range(6))


def test_tensors_that_numpy_has_no_array_of_are_listed(tmp_path: Path) -> None:
    sparse = torch.from_numpy(VECTORS).to_sparse()
    torch.save({"a": sparse, "b": torch.ones(2, 3, dtype=torch.int8)}, tmp_path / "v.pt")

    message = r"got the arrays: a \(sparse float32 \(6, 16\)\), b \(int8 \(2, 3\)\)\. Fix: save"
    with pytest.raises(DataError, match=message):
        imported(tmp_path / "v.pt", one_article=True)


def test_whole_numbers_in_json_are_vectors_where_that_is_said(tmp_path: Path) -> None:
    (tmp_path / "v.jsonl").write_text('{"v": [1, 0]}\n{"v": [0, 1]}\n')

    with pytest.raises(DataError, match=r"v \(list<item: int64>\)\. Fix: --vector-column NAME"):
        imported(tmp_path / "v.jsonl", one_article=True)
    rows = imported(tmp_path / "v.jsonl", vector_column="v", one_article=True)[2]
    assert rows.tolist() == [[1, 0], [0, 1]]


def test_a_matrix_without_rows_is_refused(tmp_path: Path) -> None:
    np.save(tmp_path / "v.npy", VECTORS[:0])

    with pytest.raises(DataError, match=r"expected rows, got none\. Fix: "):
        preview_vectors(tmp_path / "v.npy", keys=Keys(one_article=True))


@pytest.mark.parametrize("content", [b"IxFljunk" * 9, b"", b"not an index"])
def test_what_is_no_index_is_said_without_a_word_of_building_one(
    tmp_path: Path, content: bytes
) -> None:
    (tmp_path / "v.faiss").write_bytes(content)

    with pytest.raises(DataError, match=r"Fix: copy (it again, or import the vectors|or export)"):
        imported(tmp_path / "v.faiss", one_article=True)


class Trap:
    """Something that would run when it is unpickled."""

    def __reduce__(self) -> tuple[Any, tuple[str]]:
        return exec, ("import sys; sys.modules['sprung'] = sys",)


def test_no_code_of_a_file_of_torch_runs(tmp_path: Path) -> None:
    torch.save({"emb": torch.from_numpy(VECTORS), "trap": Trap()}, tmp_path / "v.pt")

    with pytest.raises(DataError, match="which torch reads with weights_only"):
        imported(tmp_path / "v.pt", one_article=True)
    assert "sprung" not in sys.modules


def test_several_matrices_are_named_and_one_is_chosen(tmp_path: Path) -> None:
    save_file({"a": VECTORS, "b": VECTORS[:2]}, tmp_path / "v.safetensors")

    message = r"got the arrays: a \(float32 \(6, 16\)\), b .*Fix: --vector-column NAME"
    with pytest.raises(DataError, match=message):
        imported(tmp_path / "v.safetensors", one_article=True)
    assert len(imported(tmp_path / "v.safetensors", vector_column="b", one_article=True)[0]) == 2


@pytest.mark.parametrize("end", ["", " "])
def test_words_of_word2vec_are_a_column(tmp_path: Path, end: str) -> None:
    lines = [f"{n} {' '.join(map(repr, v))}" for n, v in zip(NAMES, VECTORS.tolist(), strict=True)]
    text = f"6 {DIM}\n" + "".join(f"{line}{end}\n" for line in lines)
    (tmp_path / "v.vec").write_text(text)

    articles, places, rows = imported(tmp_path / "v.vec", article_column="word", rows_in_order=True)

    assert (articles, places) == (["a"] * 3 + ["b"] * 3, [0, 1, 2, 0, 1, 2])
    np.testing.assert_array_equal(rows, VECTORS[[1, 3, 4, 0, 2, 5]])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("the 0.1 0.2\n", "expected a first line with rows and numbers a row"),
        ("7 2\na 0.1 0.2\n", "expected 7 rows as declared, got 1"),
        ("1 2\na 0.1\n", "expected lines of a word and 2 numbers"),
        ("1 2\na 0.1 x\n", "expected lines of a word and 2 numbers"),
    ],
)
def test_text_that_is_not_of_word2vec_is_refused(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "v.vec").write_text(text)

    with pytest.raises(DataError, match=f"{message}.*Fix: "):
        imported(tmp_path / "v.vec", one_article=True)


@pytest.mark.parametrize("suffix", ["parquet", "jsonl", "arrow"])
def test_a_row_may_be_a_document(tmp_path: Path, suffix: str) -> None:
    documents = [VECTORS[:3].tolist(), VECTORS[3:4].tolist(), [], VECTORS[4:].tolist()]
    names = ["m", "k", "empty", "c"]
    table = pa.table({"doc": names, "title": ["M", "K", "E", "C"], "vecs": documents})
    path = tmp_path / f"v.{suffix}"
    if suffix == "jsonl":
        path.write_text("".join(json.dumps(row) + "\n" for row in table.to_pylist()))
    elif suffix == "arrow":
        ipc(path, table)
    else:
        pq.write_table(table, path)

    articles, places, rows = imported(path, article_column="doc")

    assert articles == ["c", "c", "k", "m", "m", "m"]
    assert places == [0, 1, 0, 0, 1, 2]
    np.testing.assert_allclose(rows, VECTORS[[4, 5, 3, 0, 1, 2]], atol=1e-7)
    said = preview_vectors(path).said
    assert "a row is an article with its vectors in order; they are numbered" in said


def test_a_document_in_two_rows_is_refused(tmp_path: Path) -> None:
    table = pa.table({"article_id": ["a", "a"], "v": [VECTORS[:2].tolist(), VECTORS[2:].tolist()]})
    pq.write_table(table, tmp_path / "v.parquet")

    with pytest.raises(DataError, match="expected each article in one row, got a in 2"):
        imported(tmp_path / "v.parquet")


INDEXES = ["Flat", "HNSW8", "IVF2,Flat", "IDMap,Flat", "IDMap2,HNSW8", "SQ8", "IVF2,SQ8", "SQfp16"]


@pytest.mark.usefixtures("_written_whole")
@pytest.mark.parametrize("kind", INDEXES)
def test_an_index_gives_its_vectors_in_the_order_of_their_ids(tmp_path: Path, kind: str) -> None:
    vectors = unit_rows(200, dim=DIM, dtype=np.float32)
    index = faiss.index_factory(DIM, kind, faiss.METRIC_INNER_PRODUCT)
    index.train(vectors)
    turned = np.arange(200)[::-1].copy()
    if kind.startswith("IDMap"):
        index.add_with_ids(vectors, turned)
    else:
        index.add(vectors)
    faiss.write_index(index, str(tmp_path / "v.faiss"))
    expected = vectors[turned] if kind.startswith("IDMap") else vectors

    found = preview_vectors(tmp_path / "v.faiss", keys=Keys(one_article=True))
    rows = imported_normalised(tmp_path / "v.faiss")

    is_coded = "SQ" in kind
    np.testing.assert_allclose(rows, expected, atol=0.02 if is_coded else 1e-6)
    assert any("not the numbers that were encoded" in said for said in found.said) == is_coded


def imported_normalised(source: Path) -> np.ndarray:
    keys = Keys(one_article=True)
    dataset = import_vectors(
        source, source.parent / "out", keys=keys, dtype="float32", normalise=True
    )
    return np.asarray(dataset.gather(np.arange(len(dataset))))


def test_the_pickle_of_langchain_is_not_read_and_that_is_said(tmp_path: Path) -> None:
    index = faiss.IndexFlatL2(DIM)
    index.add(VECTORS)
    (tmp_path / "store").mkdir()
    faiss.write_index(index, str(tmp_path / "store" / "index.faiss"))
    (tmp_path / "store" / "index.pkl").write_bytes(pickle.dumps(Trap()))
    ids = tmp_path / "ids.json"
    ids.write_text(json.dumps(columns()))

    found = preview_vectors(tmp_path / "store", keys=Keys(ids=ids))

    assert "index.pkl was not read: a pickle runs code" in found.said
    assert [row[:2] for row in found.rows] == list(zip(NAMES, PLACES, strict=True))
    assert "sprung" not in sys.modules


ROWS = [{"article_id": a, "chunk_index": c} for a, c in zip(NAMES, PLACES, strict=True)]


def delimited(delimiter: str) -> str:
    lines = [delimiter.join(map(str, row.values())) + "\n" for row in ROWS]
    return delimiter.join(ROWS[0]) + "\n" + "".join(lines)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("ids.json", json.dumps(columns())),
        ("ids.json", json.dumps(ROWS)),
        ("ids.jsonl", "".join(json.dumps(row) + "\n" for row in ROWS)),
        ("ids.csv", delimited(",")),
        ("ids.tsv", delimited("\t")),
    ],
)
def test_ids_beside_a_matrix_may_be_in_any_table(tmp_path: Path, name: str, text: str) -> None:
    np.save(tmp_path / "v.npy", VECTORS)
    (tmp_path / name).write_text(text)

    articles, places, rows = imported(tmp_path / "v.npy", ids=tmp_path / name)

    assert (articles, places) == (["a", "a", "a", "b", "b", "b"], [0, 1, 2, 0, 1, 5])
    np.testing.assert_array_equal(rows, VECTORS[ORDER])


def test_a_list_of_ids_in_json_needs_the_order_said(tmp_path: Path) -> None:
    np.save(tmp_path / "v.npy", VECTORS)
    (tmp_path / "ids.json").write_text(json.dumps(NAMES))
    said = {"ids": tmp_path / "ids.json"}

    with pytest.raises(DataError, match="expected a column chunk_index, got article_id"):
        imported(tmp_path / "v.npy", **said)
    assert imported(tmp_path / "v.npy", **said, rows_in_order=True)[1] == [0, 1, 2, 0, 1, 2]


@pytest.mark.parametrize(
    ("written", "expected"),
    [(["007", "7", "7"], ["007", "7", "7"]), (["7", "10", "10"], [7, 10, 10]),
     (["NA", "null", "null"], ["NA", "null", "null"])],
)  # fmt: skip
def test_ids_in_text_are_numbers_only_where_all_are_written_so(
    tmp_path: Path, written: list[str], expected: list[Any]
) -> None:
    np.save(tmp_path / "v.npy", VECTORS[:3])
    lines = [f"{name},{at}" for at, name in enumerate(written)]
    (tmp_path / "ids.csv").write_text("\n".join(["article_id,chunk_index", *lines]))

    assert imported(tmp_path / "v.npy", ids=tmp_path / "ids.csv")[0] == expected


@pytest.mark.parametrize(
    ("order", "expected"),
    [
        ([1, 0, 0, 2, 1, 5], [0, 1, 2, 0, 1, 5]),
        ([0.5, -1.0, 0.25, 9.0, 3.0, 7.5], [0, 1, 2, 0, 1, 2]),
        (["2020-02-01", "2019-01-01", "2020-01-31", "2021-01-01", "2020-06-01", "2022-01-01"],
         [0, 1, 2, 0, 1, 2]),
        ([2**40 + p for p in PLACES], [0, 1, 2, 0, 1, 2]),
    ],
)  # fmt: skip
def test_a_column_orders_rows_as_places_or_by_rank(
    tmp_path: Path, order: list[Any], expected: list[int]
) -> None:
    table = pa.table({"doc": NAMES, "when": order, "vec": list(VECTORS)})
    pq.write_table(table, tmp_path / "v.parquet")

    articles, places, rows = imported(
        tmp_path / "v.parquet", article_column="doc", order_column="when"
    )

    assert (articles, places) == (["a", "a", "a", "b", "b", "b"], expected)
    np.testing.assert_array_equal(rows, VECTORS[ORDER])


@pytest.mark.parametrize(
    ("said", "message"),
    [
        ({}, "expected a column article_id, got doc, when, vec. Fix: --article-column NAME"),
        ({"article_column": "doc"}, "expected a column chunk_index, got doc, when, vec. Fix:"),
        ({"article_column": "page"}, "--article-column page: expected a column of that"),
        ({"article_column": "doc", "order_column": "when"}, "when: expected numbers or dates to"),
        ({"border_column": "part"}, "--border-column part: expected a column of that"),
    ],
)  # fmt: skip
def test_what_no_column_tells_has_to_be_said(tmp_path: Path, said: Any, message: str) -> None:
    table = pa.table({"doc": NAMES, "when": ["10", "9", "8", "7", "6", "5"], "vec": list(VECTORS)})
    pq.write_table(table, tmp_path / "v.parquet")

    with pytest.raises(DataError, match=re.escape(message)):
        imported(tmp_path / "v.parquet", **said)


def test_rows_with_one_rank_are_named(tmp_path: Path) -> None:
    table = pa.table({"doc": NAMES, "when": [1.0, 2.0, 1.0, 3.0, 4.0, 5.0], "vec": list(VECTORS)})
    pq.write_table(table, tmp_path / "v.parquet")

    message = "expected another value for each row of article b, got 1.0 in rows 0 and 2"
    with pytest.raises(DataError, match=message):
        imported(tmp_path / "v.parquet", article_column="doc", order_column="when")


def test_borders_by_a_column_or_by_separators_number_the_articles(tmp_path: Path) -> None:
    table = pa.table({"doc": ["x", "x", "y", "x", "x", "x"], "vec": list(VECTORS)})
    pq.write_table(table, tmp_path / "v.parquet")
    assert imported(tmp_path / "v.parquet", border_column="doc")[:2] == (
        [0, 0, 1, 2, 2, 2],
        [0, 1, 0, 0, 1, 2],
    )

    for kind, number in (("zero", 0.0), ("nan", np.nan)):
        (tmp_path / kind).mkdir()
        rows = np.insert(VECTORS, [0, 2, 2, 5], np.full((4, DIM), number, np.float32), axis=0)
        np.save(tmp_path / kind / "v.npy", rows)
        articles, places, kept = imported(tmp_path / kind / "v.npy", separator=kind)

        assert (articles, places) == ([0, 0, 1, 1, 1, 2], [0, 1, 0, 1, 2, 0])
        np.testing.assert_array_equal(kept, VECTORS)


@pytest.mark.parametrize(
    "said",
    [
        {"one_article": True, "separator": "nan"},
        {"one_article": True, "article_column": "doc"},
        {"border_column": "a", "order_column": "b"},
        {"rows_in_order": True, "order_column": "b"},
    ],
)
def test_two_ways_to_tell_articles_are_refused(said: Any) -> None:
    with pytest.raises(ArgumentError, match="expected one of them"):
        Keys(**said)


def test_folders_that_are_no_source_say_what_is_in_them(tmp_path: Path) -> None:
    (tmp_path / "set" / "train").mkdir(parents=True)
    (tmp_path / "set" / "dataset_dict.json").write_text('{"splits": ["train"]}')

    message = "expected a folder with state.json or index.faiss, got dataset_dict.json, train. Fix"
    with pytest.raises(DataError, match=message) as caught:
        imported(tmp_path / "set")
    assert str(caught.value).endswith(f"amn data import {tmp_path / 'set' / 'train'} FOLDER")


def test_a_package_that_is_missing_is_named_with_what_installs_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "h5py", None)
    (tmp_path / "v.h5").write_bytes(b"x")

    with pytest.raises(MissingDependencyError, match=r"Fix: pip install 'h5py>=3"):
        imported(tmp_path / "v.h5")


def test_every_importer_has_a_line_for_the_table() -> None:
    for name, importer in IMPORTERS.items():
        assert (importer.__doc__ or "").splitlines()[0].endswith("."), name


def test_every_format_of_the_page_has_a_test_that_is_there() -> None:
    root = Path(__file__).parents[3]
    page = (root / "docs/formats.md").read_text("utf-8")
    named = re.findall(r"`(tests/[\w/]+\.py)::(\w+)` \|$", page, re.MULTILINE)

    assert len(named) == len({name for _, name in named}) >= 25
    for file, name in named:
        assert f"\ndef {name}(" in (root / file).read_text("utf-8"), name
