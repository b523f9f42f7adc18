"""A copy shares files until they are changed; what is changed in it changes nowhere else."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from amn.checks.broken.copying import copy_case
from amn.gate.modes import GateOptions, gate_of
from amn.storage import sha256_file

if TYPE_CHECKING:
    from pathlib import Path

    from amn.case.load import Case
    from amn.checks.broken.copies import CaseCopy


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
    gate = gate_of(copy.case, GateOptions(cache=copy.folder, first_run=True))
    assert not any(gate.outcome(c).has_failed for c in ("D003", "D009", "D011", "D012"))


def test_splits_that_are_set_are_the_splits(copy: CaseCopy) -> None:
    before = copy.splits()

    copy.set_splits(ood=before["ood"].articles[:9])

    after = copy.splits()
    assert np.array_equal(after["ood"].articles, before["ood"].articles[:9])
    assert np.array_equal(after["train"].articles, before["train"].articles)
