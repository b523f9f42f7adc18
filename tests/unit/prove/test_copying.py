"""A copy stands for its case: nothing of it is left behind, and nothing points back."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from amn.checks.broken import copying
from amn.checks.broken.copying import copy_case
from amn.data.index.reader import read_index_manifest
from amn.errors import ArgumentError, DataError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from amn.case.load import Case


def test_a_copy_never_points_to_the_data_of_its_original(
    gated_case: Case, make_case: Callable[..., Case], tmp_path: Path
) -> None:
    absolute = make_case(gated_case.folder, dataset={"path": str(gated_case.dataset_path)})

    copied = copy_case(absolute, tmp_path / "copy")

    assert copied.case.dataset_path == copied.data


def test_lists_of_articles_come_along_from_beside_the_case_and_from_elsewhere(
    gated_case: Case, make_case: Callable[..., Case], tmp_path: Path
) -> None:
    folder = tmp_path / "case"
    folder.mkdir()
    (tmp_path / "elsewhere.json").write_text('{"ood": [53, 54]}')
    (folder / "beside.json").write_text('{"in_dist": [41, 42]}')
    case = make_case(
        folder,
        dataset={"path": str(gated_case.dataset_path)},
        split={
            "in_dist": {"file": "beside.json"},
            "ood": {"file": "../elsewhere.json"},
        },
    )

    copied = copy_case(case, tmp_path / "copy")

    splits = copied.splits()
    assert splits["in_dist"].articles.tolist() == [41, 42]
    assert splits["ood"].articles.tolist() == [53, 54]
    assert copied.config.split.in_dist == case.config.split.in_dist
    assert copied.data == tmp_path / "copy" / "data"


def test_a_large_case_is_sampled_by_article_with_its_kind_of_index(
    gated_case: Case, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(copying, "MOST_ROWS", 900)

    copied = copy_case(gated_case, tmp_path / "copy")

    splits = copied.splits()
    assert len(copied.dataset()) == 16 * sum(len(split.articles) for split in splits.values())
    assert len(copied.dataset()) < 900
    assert len(splits["ood"].articles) == len(splits["in_dist"].articles) == 8
    assert read_index_manifest(copied.data).kind == "flat"
    assert not (copied.folder / "golden.json").exists()


def test_a_case_of_several_data_sets_is_refused(
    gated_case: Case, make_case: Callable[..., Case], tmp_path: Path
) -> None:
    case = make_case(
        tmp_path,
        dataset={"path": str(gated_case.dataset_path)},
        split={"ood": {"dataset": str(gated_case.dataset_path)}},
    )

    with pytest.raises(ArgumentError, match=r"expected a case of one data set, got 2\. Fix: "):
        copy_case(case, tmp_path / "copy")


def test_a_case_without_its_data_set_is_refused(
    make_case: Callable[..., Case], tmp_path: Path
) -> None:
    with pytest.raises(DataError, match="expected a data set manifest, found none"):
        copy_case(make_case(tmp_path, dataset={"path": "nowhere"}), tmp_path / "copy")
