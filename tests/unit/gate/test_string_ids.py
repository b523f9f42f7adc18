"""Ids are names: what they are made of changes no number and no verdict."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

import numpy as np
import pytest

from amn.case.config import CaseConfig
from amn.case.load import Case
from amn.data.dataset import open_dataset
from amn.data.ids import IdSet
from amn.data.writer import Chunks, write_dataset
from amn.gate.acceptance import accept
from amn.gate.modes import GateOptions, run_gate
from amn.golden.store import read_golden, write_golden
from tests.unit.conftest import CASE

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


@pytest.fixture(scope="module")
def pair(
    toy_data: Path, make_case: Callable[..., Case], tmp_path_factory: pytest.TempPathFactory
) -> tuple[Case, Case]:
    """A case of numbers, and the same one of strings in their order."""
    folder = tmp_path_factory.mktemp("strings")
    numbers = open_dataset(toy_data)
    names = np.array([f"page {i:03d}" for i in numbers.articles])
    chunks = Chunks(article_ids=names[numbers.codes], chunk_index=numbers.chunk_index)
    vectors = numbers.gather(np.arange(len(numbers)))
    write_dataset(folder / "data", vectors, chunks, name="toy", dtype="float32")
    split = {
        name: {"articles": names[IdSet.of(s["articles"]).holds(numbers.articles)].tolist()}
        for name, s in CASE["split"].items()
    }
    values = {**CASE, "dataset": {"path": "data"}, "split": split}
    numbered = make_case(tmp_path_factory.mktemp("numbers"))
    return numbered, Case(folder, CaseConfig.model_validate(values))


def test_a_gate_of_strings_is_the_gate_of_numbers_in_the_same_order(
    pair: tuple[Case, Case], toy_cache: Path
) -> None:
    options = GateOptions(cache=toy_cache, first_run=True)

    ours, theirs = (run_gate(case, options) for case in pair)

    assert theirs.verdict is ours.verdict
    for left, right in zip(ours.outcomes, theirs.outcomes, strict=True):
        assert (right.label, right.status) == (left.label, left.status)
        np.testing.assert_equal(right.number, left.number)


def test_a_golden_of_strings_has_the_sums_of_one_of_numbers(
    pair: tuple[Case, Case], toy_cache: Path
) -> None:
    goldens = []
    for case in pair:
        made = accept(
            case,
            cache=toy_cache,
            seeds=range(5),
            reason="first accepted result",
            author="A. Nonymous",
            created=date(2025, 1, 31),
        )
        write_golden(case.folder, made.golden)
        goldens.append(read_golden(case.folder))

    ours, theirs = goldens

    assert theirs.record.metrics == ours.record.metrics
    for split, table in ours.tables.items():
        names = [f"page {i:03d}" for i in table.articles]
        assert theirs.tables[split].articles.tolist() == names
        assert theirs.tables[split].windows == table.windows
        for name, sums in table.sums.items():
            np.testing.assert_array_equal(theirs.tables[split].sums[name], sums)
