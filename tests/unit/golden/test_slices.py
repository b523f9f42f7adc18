"""A golden keeps its sums by the slices that limits name."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from amn.gate.acceptance import accept
from amn.golden.store import read_golden, write_golden

if TYPE_CHECKING:
    from pathlib import Path

    from amn.golden.schema import Golden

SLICES = [{"chunk_index": "3-8"}, {"articles": "53-60"}]
NAMES = ["chunk_index=3-8", "articles=53-60"]


@pytest.fixture(scope="module")
def sliced(make_case: Any, toy_cache: Path, tmp_path_factory: pytest.TempPathFactory) -> Golden:
    limits = [
        {"id": f"C10{i}", "metric": "cosine", "split": "ood", "least": 0.1, "slice": one}
        for i, one in enumerate(SLICES)
    ]
    return accept(
        make_case(tmp_path_factory.mktemp("sliced") / "case", criteria={"limit": limits}),
        cache=toy_cache,
        seeds=range(5),
        reason="first",
        author="me",
        created=date(2025, 1, 31),
    ).golden


def test_an_article_has_a_line_for_each_part_that_slices_make(sliced: Golden) -> None:
    ood, train = sliced.tables["ood"], sliced.tables["train"]

    assert [*ood.slices] == NAMES
    assert ood.articles.tolist() == np.repeat(np.arange(53, 65), 2).tolist()
    assert ood.windows[:2] == ("9-15", "3-8")
    assert ood.slices["chunk_index=3-8"] == ("", "in") * 12
    assert ood.slices["articles=53-60"] == ("in",) * 16 + ("",) * 8
    assert {*train.slices["articles=53-60"]} == {""}
    assert len(train.articles) == len(np.unique(train.articles)) == 40


def test_the_parts_come_to_the_golden_without_slices(sliced: Golden, toy_golden: Golden) -> None:
    for split, table in toy_golden.tables.items():
        mine = sliced.tables[split].judged() if split != "train" else sliced.tables[split]
        assert mine.windows == table.windows
        assert mine.vectors == table.vectors
        for name, sums in table.sums.items():
            np.testing.assert_allclose(mine.sums[name], sums, rtol=1e-9, err_msg=name)
    for split, figures in toy_golden.record.metrics.items():
        assert sliced.record.metrics[split].mean == pytest.approx(figures.mean, abs=1e-9)


def test_a_sum_of_a_slice_is_that_of_its_windows(
    sliced: Golden, toy_runs: Any, toy_splits: Any
) -> None:
    table, windows = sliced.tables["ood"], toy_splits["judged"]["ood"]
    is_in = np.array([cell == "in" for cell in table.slices["chunk_index=3-8"]])
    cosines = toy_runs[0].evaluation.scores["ood"].cosines

    total = table.sums["cosine.0"][is_in].sum()

    assert total == pytest.approx(cosines[windows.target_chunks <= 8].sum(), rel=1e-9)


def test_it_is_read_as_it_was_written(sliced: Golden, tmp_path: Path) -> None:
    write_golden(tmp_path, sliced)

    again = read_golden(tmp_path)

    assert again.digest == sliced.digest
    assert again.tables["ood"].slices == sliced.tables["ood"].slices
