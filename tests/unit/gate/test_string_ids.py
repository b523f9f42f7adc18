"""Ids are names: what they are made of changes no number and no verdict."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from amn.gate.options import GateOptions

from amn.case.config import CaseConfig
from amn.case.load import Case
from amn.data.dataset import open_dataset
from amn.data.ids import IdSet
from amn.data.writer import Chunks, write_dataset
from amn.gate.modes import run_gate
from tests.unit.conftest import CASE

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


def test_a_gate_of_strings_is_the_gate_of_numbers_in_the_same_order(
    toy_data: Path, make_case: Callable[..., Case], tmp_path: Path
) -> None:
    numbers = open_dataset(toy_data)
    names = np.array([f"page {i:03d}" for i in numbers.articles])
    chunks = Chunks(article_ids=names[numbers.codes], chunk_index=numbers.chunk_index)
    vectors = numbers.gather(np.arange(len(numbers)))
    write_dataset(tmp_path / "data", vectors, chunks, name="toy", dtype="float32")
    split = {
        name: {"articles": names[IdSet.of(s["articles"]).holds(numbers.articles)].tolist()}
        for name, s in CASE["split"].items()
    }
    values = {**CASE, "dataset": {"path": "data"}, "split": split}
    options = GateOptions(cache=tmp_path / "cache", first_run=True)

    ours = run_gate(make_case(tmp_path / "numbers"), options)
    theirs = run_gate(Case(tmp_path, CaseConfig.model_validate(values)), options)

    assert theirs.verdict is ours.verdict
    for left, right in zip(ours.outcomes, theirs.outcomes, strict=True):
        assert (right.label, right.status) == (left.label, left.status)
        np.testing.assert_equal(right.number, left.number)
