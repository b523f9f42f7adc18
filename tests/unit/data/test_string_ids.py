"""A data set whose ids are strings is the data set whose ids are numbers in the same order."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from amn.case.config import CaseConfig
from amn.case.load import Case
from amn.data.dataset import DataSet, open_dataset
from amn.data.ids import later_ids
from amn.data.splits import resolve_splits
from amn.data.windows import find_windows
from amn.data.writer import Chunks, write_dataset
from amn.errors import ArgumentError, ConfigError, DataError
from amn.evaluation.metrics import REFERENCES, SplitScores
from amn.evaluation.storage import Evaluation, load_evaluation, save_evaluation
from amn.training.checkpoint import load_checkpoint, save_checkpoint
from amn.training.networks.build import ModelSpec, build_model
from tests.strategies import running_keys, unit_rows

if TYPE_CHECKING:
    from pathlib import Path

LENGTHS = [7, 1, 6, 9, 3, 8, 7, 12, 6, 6]
NAMES = np.array(["10", "9", "A b", "Z", "a", "a, b", "docs/x.md", "é", "\uffff", "\U0001f600"])


def write(path: Path, names: Any = NAMES, lengths: list[int] = LENGTHS, **options: Any) -> DataSet:
    """Write articles of these lengths under ids, or under numbers from 0 for None."""
    codes, chunks = running_keys(*lengths)
    ids = codes if names is None else names[codes]
    table = Chunks(article_ids=ids, chunk_index=chunks)
    return write_dataset(path, unit_rows(len(codes)), table, name="toy", **options)


def case_of(folder: Path, **split: Any) -> Case:
    values = {"schema": 1, "dataset": {"path": "data"}, "split": split}
    return Case(folder, CaseConfig.model_validate(values))


def test_ids_are_read_back_as_they_were_written(tmp_path: Path) -> None:
    dataset = write(tmp_path / "data", shard_rows=20)

    assert len(dataset.shards) > 1
    assert dataset.articles.tolist() == NAMES.tolist()
    assert dataset.article_ids.tolist() == np.repeat(NAMES, LENGTHS).tolist()
    assert dataset.where(7) == "row 7 (article 9, chunk 0)"
    column = pq.read_table(tmp_path / "data" / "chunks-00000.parquet")["article_id"]
    assert column.type == pa.string()


def test_codes_follow_the_order_of_ids_also_where_rows_do_not(tmp_path: Path) -> None:
    write(tmp_path / "data")
    file = tmp_path / "data" / "chunks-00000.parquet"
    table = pq.read_table(file)
    pq.write_table(table.take(np.arange(len(table))[::-1]), file)

    turned = open_dataset(tmp_path / "data")

    assert turned.articles.tolist() == NAMES.tolist()
    assert turned.article_ids.tolist() == np.repeat(NAMES, LENGTHS)[::-1].tolist()
    assert (np.diff(turned.codes) <= 0).all()


def test_rows_that_are_not_in_the_order_of_code_points_are_refused(tmp_path: Path) -> None:
    message = "row 7: expected (article, chunk) keys ascending, each once, got (10, 0) after (9, 6)"

    with pytest.raises(ArgumentError, match=re.escape(message)):
        write(tmp_path / "data", np.array(["9", "10"]), [7, 7])


@pytest.mark.parametrize("name", ["", "a\nb", "a\x00", "a\x1b[31m", "x" * 513])
def test_what_is_no_id_is_neither_written_nor_read(tmp_path: Path, name: str) -> None:
    message = "article_ids?: expected strings of 1 to 512 characters"
    if not name.endswith("\0"):  # numpy's own strings cannot end so
        with pytest.raises(ArgumentError, match=message):
            write(tmp_path / "data", np.array([name]), [3])
    write(tmp_path / "data", np.array(["a"]), [3])
    columns = {"article_id": [name] * 3, "chunk_index": pa.array([0, 1, 2], pa.int32())}
    pq.write_table(pa.table(columns), tmp_path / "data" / "chunks-00000.parquet")

    with pytest.raises(DataError, match=message):
        open_dataset(tmp_path / "data")


def test_shards_of_two_kinds_are_refused(tmp_path: Path) -> None:
    write(tmp_path / "data", shard_rows=20)
    file = tmp_path / "data" / "chunks-00001.parquet"
    table = pq.read_table(file)
    ids = pa.array(np.arange(len(table)), pa.int64())
    pq.write_table(table.set_column(0, "article_id", ids), file)

    with pytest.raises(DataError, match="expected one type in every file, got int64 and string"):
        open_dataset(tmp_path / "data")


@pytest.mark.parametrize(
    "split",
    [
        {"in_dist": {"fraction": 0.3}, "ood": {"fraction": 0.4, "seed": 3}},
        {"in_dist": {"articles": [1, 8]}, "ood": {"fraction": 0.2}},
        {"train": {"articles": [9]}, "in_dist": {"file": "s.json"}, "ood": {"file": "s.json"}},
    ],
)
def test_splits_and_windows_are_those_of_numbers_in_the_same_order(
    tmp_path: Path, split: dict[str, Any]
) -> None:
    numbers, strings = tmp_path / "numbers", tmp_path / "strings"
    lists = {"in_dist": [7, 3], "ood": [2]}
    named = {k: NAMES[ids].tolist() for k, ids in lists.items()}
    for folder, content in ((numbers, lists), (strings, named)):
        folder.mkdir()
        (folder / "s.json").write_text(json.dumps(content))
    ours, theirs = write(numbers / "data", None), write(strings / "data")
    renamed = {
        name: {k: NAMES[v].tolist() if k == "articles" else v for k, v in selector.items()}
        for name, selector in split.items()
    }

    a = resolve_splits(case_of(numbers, **split), ours)
    b = resolve_splits(case_of(strings, **renamed), theirs)

    for name, mine in a.items():
        assert b[name].articles.tolist() == NAMES[mine.articles].tolist()
        left, right = (find_windows(s.dataset, 4, s.articles) for s in (mine, b[name]))
        np.testing.assert_array_equal(left.starts, right.starts)
        assert right.article_ids.tolist() == NAMES[left.article_ids].tolist()


@pytest.mark.parametrize(
    ("names", "articles", "message"),
    [
        (NAMES, "1-3", "split.ood: expected strings, as the article ids of the data set are, got"),
        (NAMES, "a-c", "split.ood.articles: expected ids and ranges like '1-400, 512', got 'a-c'"),
        (NAMES, [1, 2], "split.ood: expected strings, as the article ids of the data set are, got"),
        (None, ["1"], "split.ood: expected whole numbers, as the article ids of the data set are"),
    ],
)
def test_ids_of_the_other_kind_are_refused(
    tmp_path: Path, names: Any, articles: Any, message: str
) -> None:
    dataset = write(tmp_path / "data", names)
    case = case_of(tmp_path, in_dist={"fraction": 0.2}, ood={"articles": articles})

    with pytest.raises(ConfigError, match=re.escape(message)):
        resolve_splits(case, dataset)


def test_two_data_sets_of_a_case_have_ids_of_one_kind(tmp_path: Path) -> None:
    dataset = write(tmp_path / "data")
    write(tmp_path / "other", None)
    case = case_of(tmp_path, in_dist={"fraction": 0.2}, ood={"dataset": "other"})

    with pytest.raises(ConfigError, match=r"split\.ood\.dataset: expected strings"):
        resolve_splits(case, dataset)


def test_scores_of_strings_are_stored_without_pickle(tmp_path: Path) -> None:
    ones = np.linspace(0, 1, len(NAMES))
    chunks = np.arange(len(NAMES), dtype=np.int32)
    scores = SplitScores(ones, ones, NAMES, chunks, norm_error=0.0, rank=1.0, target_rank=1.0)
    references = dict.fromkeys(REFERENCES, ones)
    save_evaluation(tmp_path, Evaluation({"ood": scores}, {"ood": references}))

    found = load_evaluation(tmp_path).scores["ood"]

    assert found.article_ids.tolist() == NAMES.tolist()


def test_a_checkpoint_remembers_the_strings_it_was_trained_on(tmp_path: Path) -> None:
    spec = ModelSpec(architecture="amn/recency/1", dim=8, context=3, attention_dim=4, hidden_dim=4)
    model = build_model(spec)
    save_checkpoint(tmp_path / "m.safetensors", model, spec, articles=NAMES[::-1], provenance={})

    assert load_checkpoint(tmp_path / "m.safetensors").articles.tolist() == NAMES.tolist()


def test_later_ids_come_after_all_others() -> None:
    for ids in (NAMES, np.array([3, 2**62])):
        more = later_ids(ids, 12)

        every = np.concatenate([ids, more])
        assert every.tolist() == sorted(set(every.tolist()))
