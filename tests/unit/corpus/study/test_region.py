from __future__ import annotations

import json
from typing import TYPE_CHECKING

import numpy as np
import pytest

from amn.corpus.study.region import open_region, read_ids
from amn.errors import ArgumentError, DataError
from tests.strategies import unit_rows

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from amn.corpus.study.region import Region


def test_a_region_has_the_rows_of_its_articles_and_no_others(
    region: Callable[..., Region],
) -> None:
    part = region([3, 1, 4, 2], articles="1-2")

    assert part.ids.tolist() == [1, 2]
    assert part.rows.tolist() == [3, 4, 5, 6, 7]
    assert part.article_of.tolist() == [0, 1, 1, 1, 1]
    assert part.label == "toy 1-2"


def test_coherence_is_the_mean_cosine_of_neighbours_and_unknown_for_one_row(
    region: Callable[..., Region],
) -> None:
    rows = unit_rows(5, dim=8, dtype=np.float32)
    part = region([1, 4], rows)

    expected = np.mean([rows[k] @ rows[k + 1] for k in (1, 2, 3)])
    assert np.isnan(part.coherence[0])
    assert part.coherence[1] == pytest.approx(expected, abs=1e-6)


def test_a_row_that_an_earlier_row_equals_is_a_repeat(region: Callable[..., Region]) -> None:
    rows = unit_rows(6, dim=8, dtype=np.float32)
    rows[4] = rows[1]

    assert region([3, 3], rows).repeats.tolist() == [0, 1]
    assert region([3, 3], rows, articles="1").repeats.tolist() == [0]


def test_columns_are_summed_and_taken_by_article(region: Callable[..., Region]) -> None:
    part = region(
        [2, 1, 3], columns={"n_chars": [10, 20, 30], "title": ["a", "b", "c"]}, articles="1-2"
    )

    assert part.sums("n_chars").tolist() == [20, 90]  # type: ignore[union-attr]
    assert part.first_values("title").tolist() == ["b", "c"]  # type: ignore[union-attr]
    assert part.sums("no such") is None


def test_ids_that_the_data_set_does_not_have_are_an_error(region: Callable[..., Region]) -> None:
    with pytest.raises(ArgumentError, match=r"got none of them\. Fix: --articles 0-1, or some"):
        region([2, 2], articles="5-9")


NUMBERS, STRINGS = np.array([1]), np.array(["a"])


def test_strings_are_read_as_they_stand_one_a_line(tmp_path: Path) -> None:
    (tmp_path / "ids.txt").write_text("# held out\na, b\n1-2\n")

    assert read_ids(str(tmp_path / "ids.txt"), STRINGS).names.tolist() == ["1-2", "a, b"]
    assert read_ids("x, y,z", STRINGS).names.tolist() == ["x", "y", "z"]


@pytest.mark.parametrize(
    ("name", "content", "key", "expected"),
    [
        ("ids.txt", "# held out\n1-2,\n7\n", "", [1, 2, 7]),
        ("ids.json", json.dumps([7, 1]), "", [1, 7]),
        ("splits.json", json.dumps({"ood": [3], "in_dist": [5]}), "", [3, 5]),
        ("splits.json", json.dumps({"ood": [3], "in_dist": [5]}), ":ood", [3]),
    ],
)
def test_ids_are_read_from_files(
    tmp_path: Path, name: str, content: str, key: str, expected: list[int]
) -> None:
    (tmp_path / name).write_text(content)

    found = read_ids(f"{tmp_path / name}{key}", NUMBERS)

    assert found.first(9).tolist() == expected


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{", "expected JSON"),
        ('{"ood": "x"}', "expected lists of article ids"),
        ("[]", "expected lists of article ids"),
        ("[1.5]", "expected lists of article ids"),
    ],
)
def test_a_file_without_ids_is_an_error(tmp_path: Path, content: str, message: str) -> None:
    (tmp_path / "ids.json").write_text(content)

    with pytest.raises(DataError, match=message):
        read_ids(str(tmp_path / "ids.json"), NUMBERS)


def test_a_list_that_the_file_lacks_is_named(tmp_path: Path) -> None:
    (tmp_path / "s.json").write_text('{"train": [1]}')

    with pytest.raises(DataError, match="expected a list named 'ood', got train"):
        read_ids(f"{tmp_path / 's.json'}:ood", NUMBERS)


def test_text_that_is_neither_ranges_nor_a_file_is_an_error() -> None:
    with pytest.raises(ArgumentError, match=r"got 'nothing\.txt', which is no file either"):
        read_ids("nothing.txt", NUMBERS)


def test_an_option_that_names_ids_is_named_in_its_messages(region: Callable[..., Region]) -> None:
    known = region([2, 2]).dataset

    with pytest.raises(ArgumentError, match=r"^--articles-b: .*no file either\. Fix: 1-9$"):
        open_region(known, "9-1", option="--articles-b")
    with pytest.raises(ArgumentError, match=r"^--articles-b 7-9: expected ids"):
        open_region(known, "7-9", option="--articles-b")
