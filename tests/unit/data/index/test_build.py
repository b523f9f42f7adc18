from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING, get_args

import numpy as np
import pytest

from amn import check_index
from amn.data.dataset import open_dataset
from amn.data.importers import import_vectors
from amn.data.index import build
from amn.data.index.build import build_index, default_parameters
from amn.data.index.integrity import structure_problems, wrong_rows
from amn.data.index.reader import Kind, is_as_recorded, open_index, read_index_manifest
from amn.data.writer import Chunks, write_dataset
from amn.errors import ArgumentError, DataError
from amn.storage import sha256_file
from tests.strategies import drifting_rows, running_keys

if TYPE_CHECKING:
    from pathlib import Path

    from amn.data.dataset import DataSet
    from amn.data.index.reader import OpenIndex

KINDS = get_args(Kind)


@pytest.mark.parametrize("kind", KINDS)
def test_an_index_of_every_kind_holds_every_row_under_its_number(
    dataset: DataSet, kind: str
) -> None:
    index = open_index(build_index(dataset, kind))

    assert sorted(index.layers.ids()) == list(range(len(dataset)))
    assert (index.rows, index.dim, index.is_trained, index.unread_bytes) == (700, 16, True, 0)
    assert set(index.metrics) == {"inner_product"}
    assert list(structure_problems(index.layers)) == []
    assert wrong_rows(index.layers, dataset) == []


@pytest.mark.parametrize("kind", KINDS)
def test_the_same_data_and_seed_give_the_same_bytes(dataset: DataSet, kind: str) -> None:
    first = build_index(dataset, kind, seed=3).read_bytes()
    record = (dataset.path / "index.json").read_bytes()

    assert build_index(dataset, kind, seed=3).read_bytes() == first
    assert (dataset.path / "index.json").read_bytes() == record


@pytest.mark.parametrize("kind", ["ivf", "hnsw", "pq"])
def test_another_seed_gives_another_index(dataset: DataSet, kind: str) -> None:
    first = build_index(dataset, kind, seed=0).read_bytes()

    assert build_index(dataset, kind, seed=1).read_bytes() != first


def test_blocks_do_not_change_the_bytes(dataset: DataSet, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = build_index(dataset, "sq4").read_bytes()
    monkeypatch.setattr(build, "BLOCK_ROWS", 37)

    assert build_index(dataset, "sq4").read_bytes() == whole


def test_a_large_data_set_is_trained_on_a_seeded_sample(
    dataset: DataSet, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(build, "TRAIN_ROWS", 50)
    first = build_index(dataset, "sq8", seed=0).read_bytes()

    assert build_index(dataset, "sq8", seed=0).read_bytes() == first
    assert build_index(dataset, "sq8", seed=1).read_bytes() != first


def test_the_record_says_what_was_built_from_what(dataset: DataSet) -> None:
    path = build_index(dataset, "ivf", parameters={"nlist": 8, "nprobe": 3}, seed=5)

    record = read_index_manifest(dataset.path)
    assert record.to_json() == {
        "schema": 1,
        "kind": "ivf",
        "factory": "IVF8,Flat",
        "rows": 700,
        "dim": 16,
        "metric": "inner_product",
        "trained": True,
        "sha256": sha256_file(path),
        "size_bytes": path.stat().st_size,
        "vectors_digest": dataset.vectors_digest,
        "parameters": {"nlist": 8, "nprobe": 3, "seed": 5},
    }
    assert is_as_recorded(path)


def test_progress_is_told_to_the_last_row(dataset: DataSet) -> None:
    seen: list[tuple[int, int]] = []
    build_index(dataset, "flat", progress=lambda done, total: seen.append((done, total)))

    assert seen == [(700, 700)]


@pytest.mark.parametrize(
    ("kind", "parameters", "message"),
    [
        ("lsh", {}, r"^kind: expected one of flat, sq8, sq6, sq4, ivf, hnsw, pq, got 'lsh'$"),
        ("flat", {"nlist": 4}, r"^nlist: expected a parameter of flat \(none\)$"),
        ("ivf", {"nprobe": 0}, r"^nprobe: expected at least 1, got 0$"),
        ("ivf", {"nlist": 701}, r"^nlist: expected at most 700, the rows, got 701$"),
        ("pq", {"m": 5}, r"^m: expected a divisor of 16, got 5$"),
        ("pq", {"bits": 9}, r"^bits: expected at most 8 and 2\*\*bits <= 700, got 9$"),
    ],
)
def test_an_impossible_index_is_refused_with_the_number(
    dataset: DataSet, kind: str, parameters: dict[str, int], message: str
) -> None:
    with pytest.raises(ArgumentError, match=message):
        build_index(dataset, kind, parameters=parameters)
    assert not dataset.index_path.exists()


def test_a_byte_a_part_is_the_most(dataset: DataSet) -> None:
    path = build_index(dataset, "pq", parameters={"m": 2, "bits": 8})

    assert read_index_manifest(path.parent).parameters["bits"] == 8


def test_a_row_with_nan_is_refused_with_its_number(dataset: DataSet) -> None:
    vectors = np.load(dataset.path / "vectors-00001.npy", mmap_mode="r+")
    vectors[17, 3] = np.nan
    vectors.flush()

    with pytest.raises(DataError, match=r"row 417 \(article 41, chunk 7\): expected finite"):
        build_index(open_dataset(dataset.path), "flat")
    assert not dataset.index_path.exists()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("rows", [1, 2, 77, 1_000_000])
def test_default_parameters_suit_any_number_of_rows(kind: Kind, rows: int) -> None:
    found = default_parameters(kind, rows, 768)

    assert all(value >= 1 for value in found.values())
    assert found.get("nlist", 1) <= rows
    assert found.get("nprobe", 1) <= found.get("nlist", 1)
    assert 768 % found.get("m", 1) == 0


def test_the_record_is_plain_json(dataset: DataSet) -> None:
    build_index(dataset, "hnsw")

    parameters = json.loads((dataset.path / "index.json").read_text())["parameters"]
    assert parameters == {"m": 16, "ef_construction": 40, "ef_search": 64, "seed": 0}


def test_importing_the_index_package_and_its_checks_loads_no_faiss() -> None:
    code = (
        "import sys, amn.checks.index, amn.data.index.build; "
        "sys.exit(sorted({'faiss', 'torch'} & set(sys.modules)) or 0)"
    )
    child = subprocess.run([sys.executable, "-c", code], check=False, capture_output=True)  # noqa: S603 - our own code

    assert (child.returncode, child.stderr) == (0, b"")


@pytest.mark.parametrize("dim", [8, 32])
def test_the_default_kind_passes_its_own_check_on_few_columns(tmp_path: Path, dim: int) -> None:
    articles, chunks = running_keys(*[10] * 70)
    keys = Chunks(article_ids=articles, chunk_index=chunks)
    small = write_dataset(tmp_path / "small", drifting_rows(70, 10, dim), keys, name="small")
    build_index(small)

    failed = [o.label for o in check_index(small.path).outcomes if o.has_failed]
    assert not [label for label in failed if label.startswith("I")]


@pytest.mark.parametrize("dim", [8, 32])
def test_the_default_kind_passes_its_own_check_on_rows_of_any_length(
    tmp_path: Path, dim: int
) -> None:
    ids, chunks = running_keys(*[10] * 70)
    lengths = np.random.default_rng(0).uniform(1.5, 5, (700, 1)).astype(np.float32)
    rows = drifting_rows(70, 10, dim) * lengths
    np.savez(tmp_path / "raw.npz", vectors=rows, article_indices=ids, chunk_indices=chunks)
    small = import_vectors(tmp_path / "raw.npz", tmp_path / "small", keep_length=True)
    build_index(small)

    failed = [o.label for o in check_index(small.path).outcomes if o.has_failed]
    assert not [label for label in failed if label.startswith("I")]


def test_the_default_kind_is_the_smallest_that_finds_enough(
    dataset: DataSet, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []

    def reaches(index: OpenIndex, *_: object) -> bool:
        asked.append(index.rows)
        return len(asked) == 2

    monkeypatch.setattr(build, "reaches", reaches)
    build_index(dataset)

    assert (read_index_manifest(dataset.path).kind, asked) == ("sq6", [700, 700])
