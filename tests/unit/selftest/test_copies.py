"""A copy shares files until they are changed; what is changed in it changes nowhere else."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from amn.errors import ArgumentError, DataError
from amn.gate.options import GateOptions
from amn.gate.session import GateSession
from amn.index.manifest import read_index_manifest
from amn.selftest import copies
from amn.selftest.copies import CaseCopy, copy_case
from amn.storage import sha256_file

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from amn.case import Case


def digests(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): sha256_file(path)
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


@pytest.fixture
def copy(gated_case: Case, tmp_path: Path) -> CaseCopy:
    return copy_case(gated_case, tmp_path / "copy" / "toy")


def test_a_copy_has_the_case_s_files_and_settings(copy: CaseCopy, gated_case: Case) -> None:
    assert digests(copy.folder) == digests(gated_case.folder)
    assert copy.config == gated_case.config
    assert copy.case.name == gated_case.name


def test_a_copy_never_points_to_the_data_of_its_original(
    gated_case: Case, make_case: Callable[..., Case], tmp_path: Path
) -> None:
    absolute = make_case(gated_case.folder, dataset={"path": str(gated_case.dataset_path)})

    copied = copy_case(absolute, tmp_path / "copy")

    assert copied.case.dataset_path == copied.data


def test_a_clone_is_changed_alone(copy: CaseCopy, tmp_path: Path) -> None:
    before = digests(copy.folder)
    clone = copy.clone(tmp_path / "clone")

    clone.change_vectors(lambda vectors: vectors.fill(0))
    clone.change_bytes(clone.data / "index.faiss", lambda content: content.clear())
    clone.change_json(clone.data / "dataset.json", lambda manifest: manifest.clear())

    assert digests(copy.folder) == before
    assert set(digests(clone.folder).values()) != set(before.values())


def test_a_clone_shares_what_it_does_not_change(copy: CaseCopy, tmp_path: Path) -> None:
    clone = copy.clone(tmp_path / "clone")

    shared, own = clone.data / "index.faiss", clone.own(clone.data / "dataset.json")

    assert shared.samefile(copy.data / "index.faiss")
    assert not own.samefile(copy.data / "dataset.json")


def test_a_rebuilt_copy_is_sound_and_has_no_index(copy: CaseCopy) -> None:
    dataset = copy.dataset()
    rows = np.arange(len(dataset) - 5)

    copy.rebuild(dataset.gather(rows), dataset.article_ids[rows], dataset.chunk_index[rows])

    assert len(copy.dataset()) == len(rows)
    assert not copy.has_index
    session = GateSession(copy.case, GateOptions(cache=copy.folder, first_run=True))
    assert not any(session.outcome(c).has_failed for c in ("D003", "D009", "D011", "D012"))


def test_splits_that_are_set_are_the_splits(copy: CaseCopy) -> None:
    before = copy.splits()

    copy.set_splits(ood=before["ood"].articles[:9])

    after = copy.splits()
    assert np.array_equal(after["ood"].articles, before["ood"].articles[:9])
    assert np.array_equal(after["train"].articles, before["train"].articles)


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
    monkeypatch.setattr(copies, "MOST_ROWS", 900)

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
