"""An index that others built is compared with every row before it is that of a data set."""

from __future__ import annotations

import json
from itertools import cycle
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from click.testing import CliRunner

from amn import check_index
from amn.cli.main import cli
from amn.data.index.adopt import adopt_index
from amn.data.index.layers import load_faiss
from amn.data.index.reader import open_index, read_index_manifest
from amn.data.vectors import widen
from amn.errors import DataError

if TYPE_CHECKING:
    from pathlib import Path

    from amn.data.dataset import DataSet

FACTORIES = (
    "Flat",
    "IDMap2,Flat",
    "SQ8",
    "SQfp16",
    "IVF8,Flat",
    "HNSW16,Flat",
    "IDMap2,HNSW16,SQ8",
)


def rows_of(dataset: DataSet) -> Any:
    stored = dataset.gather(np.arange(len(dataset)))
    return widen(stored, np.empty(stored.shape, np.float32))


def theirs(path: Path, vectors: Any, factory: str = "Flat", *, metric: int | None = None) -> Path:
    """Write an index as somebody else would, its ids the numbers of the vectors."""
    faiss = load_faiss()
    kind = faiss.METRIC_INNER_PRODUCT if metric is None else metric
    index = faiss.index_factory(vectors.shape[1], factory, kind)
    index.train(vectors)
    if factory.startswith("IDMap"):
        index.add_with_ids(vectors, np.arange(len(vectors)))
    else:
        index.add(vectors)
    faiss.write_index(index, str(path))
    return path


@pytest.mark.parametrize("factory", FACTORIES)
def test_an_index_of_these_rows_is_adopted_and_passes_its_check(
    dataset: DataSet, tmp_path: Path, factory: str
) -> None:
    file = theirs(tmp_path / "their.index", rows_of(dataset), factory)
    path = adopt_index(file, dataset)

    assert path.read_bytes() == file.read_bytes()
    assert read_index_manifest(dataset.path).kind == "adopted"
    failed = {o.check for o in check_index(dataset.path).outcomes if o.has_failed}
    assert failed <= {"I007", "I008"}  # how well it searches is its own affair


@pytest.mark.usefixtures("_written_whole")
@pytest.mark.parametrize(
    ("factory", "suffix"), [*zip(FACTORIES, cycle([".npy", ".json", ".txt"]), strict=False)]
)
def test_ids_of_their_own_are_exchanged_for_rows(
    dataset: DataSet, tmp_path: Path, factory: str, suffix: str
) -> None:
    order = np.random.default_rng(1).permutation(len(dataset))
    file = theirs(tmp_path / "their.index", rows_of(dataset)[order], factory)
    with pytest.raises(DataError, match=r"got others for .* of 700 rows.* --ids FILE"):
        adopt_index(file, dataset)
    ids = tmp_path / f"rows{suffix}"
    if suffix == ".npy":
        np.save(ids, order)
    else:
        text = json.dumps(order.tolist()) if suffix == ".json" else "\n".join(map(str, order))
        ids.write_text(text)
    path = adopt_index(file, dataset, ids=ids)

    assert open_index(path).layers.ids().size == len(dataset)
    failed = {o.check for o in check_index(dataset.path).outcomes if o.has_failed}
    assert failed <= {"I007", "I008"}


@pytest.mark.usefixtures("_written_whole")
def test_what_is_no_index_of_these_rows_is_refused_and_changes_nothing(
    dataset: DataSet, tmp_path: Path
) -> None:
    vectors, faiss = rows_of(dataset), load_faiss()
    other = vectors.copy()
    other[7] = vectors[400]
    wrong = (
        (theirs(tmp_path / "a", vectors[:-1]), "expected 700 vectors, got 699"),
        (theirs(tmp_path / "b", vectors[:, :8].copy()), "expected dimension 16, got 8"),
        (theirs(tmp_path / "c", vectors, metric=faiss.METRIC_L2), "expected metric inner_product"),
        (theirs(tmp_path / "d", other), r"got others for 1 of 700 rows: .*that of row 400|row 7"),
    )
    for file, problem in wrong:
        with pytest.raises(DataError, match=problem):
            adopt_index(file, dataset)
    (tmp_path / "rows.txt").write_text("0 1 2")
    with pytest.raises(DataError, match="expected 700 whole numbers, got int64"):
        adopt_index(theirs(tmp_path / "e", vectors), dataset, ids=tmp_path / "rows.txt")
    assert not dataset.index_path.exists()


def test_the_command_that_a_file_is_answered_with_works(dataset: DataSet, tmp_path: Path) -> None:
    file = theirs(tmp_path / "their.index", rows_of(dataset))
    got = CliRunner().invoke(cli, ["check", "index", str(file)])
    assert f"Fix: amn index adopt {file} DATASET" in str(got.exception)

    got = CliRunner().invoke(cli, ["index", "adopt", str(file), str(dataset.path)])
    assert f"next: amn check index {dataset.path}" in got.output
    got = CliRunner().invoke(cli, ["check", "index", str(dataset.path)])
    assert got.exit_code == 0
