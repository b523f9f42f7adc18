from __future__ import annotations

import functools
import json
import operator
import re
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from amn.case.config import CaseConfig
from amn.case.load import Case
from amn.data.splits import resolve_splits
from amn.errors import ConfigError, DataError
from tests.strategies import in_memory, running_keys, written

if TYPE_CHECKING:
    from pathlib import Path

    from amn.data.dataset import DataSet


def toy_case(folder: Path, **split: Any) -> Case:
    config = CaseConfig.model_validate({"schema": 1, "dataset": {"path": "data"}, "split": split})
    return Case(folder=folder, config=config)


def toy_data(n_articles: int = 40) -> DataSet:
    return in_memory(*running_keys(*[2] * n_articles))


def resolved(folder: Path, **split: Any) -> dict[str, list[int]]:
    splits = resolve_splits(toy_case(folder, **split), toy_data())
    return {name: part.articles.tolist() for name, part in splits.items()}


def test_train_takes_the_articles_that_are_left(tmp_path: Path) -> None:
    splits = resolved(tmp_path, in_dist={"articles": [1, 3]}, ood={"articles": "35-39"})

    assert splits["in_dist"] == [1, 3]
    assert splits["ood"] == [35, 36, 37, 38, 39]
    assert splits["train"] == sorted(set(range(35)) - {1, 3})


def test_splits_come_in_the_order_train_in_dist_ood(tmp_path: Path) -> None:
    splits = resolved(tmp_path, ood={"articles": [1]}, in_dist={"articles": [2]})

    assert list(splits) == ["train", "in_dist", "ood"]


def test_a_fraction_is_drawn_from_articles_that_nobody_names(tmp_path: Path) -> None:
    splits = resolved(tmp_path, in_dist={"fraction": 0.2}, ood={"articles": "30-39"})

    assert len(splits["in_dist"]) == 6
    assert set(splits["in_dist"]) < set(range(30))
    assert splits["in_dist"] == sorted(splits["in_dist"])
    assert len(splits["train"]) == 24


def test_the_same_fraction_and_seed_draw_the_same_articles(tmp_path: Path) -> None:
    split = {"in_dist": {"fraction": 0.2, "seed": 3}, "ood": {"articles": "30-39"}}

    assert resolved(tmp_path, **split) == resolved(tmp_path, **split)


def test_another_seed_draws_other_articles(tmp_path: Path) -> None:
    ood = {"articles": "30-39"}

    three = resolved(tmp_path, in_dist={"fraction": 0.2, "seed": 3}, ood=ood)
    four = resolved(tmp_path, in_dist={"fraction": 0.2, "seed": 4}, ood=ood)

    assert three["in_dist"] != four["in_dist"]


def test_two_fractions_never_overlap(tmp_path: Path) -> None:
    splits = resolved(tmp_path, in_dist={"fraction": 0.5}, ood={"fraction": 0.5})

    assert not set(splits["in_dist"]) & set(splits["ood"])
    assert sorted(functools.reduce(operator.iadd, splits.values(), [])) == list(range(40))


def test_overlaps_that_a_person_wrote_are_kept(tmp_path: Path) -> None:
    splits = resolved(tmp_path, in_dist={"articles": [1, 2]}, ood={"articles": [2, 3]})

    assert splits["in_dist"] == [1, 2]
    assert splits["ood"] == [2, 3]


@pytest.mark.parametrize(
    ("text", "ids"),
    [("7", [7]), ("1-3, 7", [1, 2, 3, 7]), (" 2 - 3 ", [2, 3]), ("5,1,5", [1, 5]), ("4-4", [4])],
)
def test_ranges_are_read(tmp_path: Path, text: str, ids: list[int]) -> None:
    splits = resolved(tmp_path, in_dist={"articles": text}, ood={"articles": [39]})

    assert splits["in_dist"] == ids


@pytest.mark.parametrize("part", ["3-1", "a", "", "1-", "-4", "1-2-3", "1.5"])
def test_a_range_that_is_none_is_refused_with_its_text(tmp_path: Path, part: str) -> None:
    message = f"split.ood.articles: expected ids and ranges like '1-400, 512', got {part!r}"

    with pytest.raises(ConfigError, match=re.escape(message)):
        resolved(tmp_path, in_dist={"articles": [1]}, ood={"articles": f"7,{part}"})


def test_ids_that_the_data_do_not_have_are_reported_as_missing(tmp_path: Path) -> None:
    case = toy_case(tmp_path, in_dist={"articles": "38-41"}, ood={"articles": [1]})

    splits = resolve_splits(case, toy_data())

    assert splits["in_dist"].articles.tolist() == [38, 39]
    assert splits["in_dist"].missing.first(9).tolist() == [40, 41]
    assert not splits["ood"].missing


def test_a_file_lists_the_articles_of_each_split(tmp_path: Path) -> None:
    (tmp_path / "splits.json").write_text(json.dumps({"in_dist": [3, 1], "ood": [5]}))
    selector = {"file": "splits.json"}

    splits = resolved(tmp_path, in_dist=selector, ood=selector)

    assert (splits["in_dist"], splits["ood"]) == ([1, 3], [5])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "splits.json: expected JSON, got"),
        ("[1]", "expected a list of article ids under 'ood', got NoneType"),
        ('{"ood": "1-3"}', "expected a list of article ids under 'ood', got str"),
        ('{"ood": [1, true]}', "expected a list of article ids under 'ood'"),
    ],
)
def test_a_file_without_a_list_of_ids_is_refused(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "splits.json").write_text(text)

    with pytest.raises(DataError, match=re.escape(message)):
        resolved(tmp_path, in_dist={"articles": [1]}, ood={"file": "splits.json"})


def test_a_missing_file_is_refused_with_its_name(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"splits\.json: expected a file with lists of article ids"):
        resolved(tmp_path, in_dist={"articles": [1]}, ood={"file": "splits.json"})


def test_another_data_set_gives_all_its_articles(tmp_path: Path) -> None:
    written(tmp_path / "other", 2, 2, 2)
    case = toy_case(tmp_path, in_dist={"articles": [1]}, ood={"dataset": "other"})

    splits = resolve_splits(case, toy_data())

    assert splits["ood"].dataset.path == tmp_path / "other"
    assert splits["ood"].articles.tolist() == [0, 1, 2]
    np.testing.assert_array_equal(splits["train"].articles, np.delete(np.arange(40), 1))


def test_another_data_set_that_is_missing_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"other.dataset\.json: expected a data set manifest"):
        resolved(tmp_path, in_dist={"articles": [1]}, ood={"dataset": "other"})
