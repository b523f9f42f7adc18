from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pytest

from amn.corpus.study.filtered import worth_of, write_filtered
from amn.corpus.study.filtering import plan_filter
from amn.corpus.study.region import open_region
from amn.corpus.study.rules import parse_rules
from amn.corpus.study.study import Study
from amn.data.dataset import open_dataset
from amn.data.writer import Chunks, write_dataset

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from amn.corpus.study.region import Region


def test_the_worth_is_measured_on_articles_that_no_rule_has_touched(study: Study) -> None:
    least = float(np.nanquantile(study.region.coherence, 0.4))
    plan = plan_filter(study, parse_rules(f"coherence={least}"))

    worth = worth_of(plan)
    fits = {fit.judged_on: fit for fit in worth.fits}

    assert worth.coherence.low > 0
    assert fits["common"].a == fits["A"].a
    assert fits["B"].a > fits["common"].a


def test_what_is_written_is_what_the_plan_keeps(study: Study, tmp_path: Path) -> None:
    source = study.region.dataset
    plan = plan_filter(study, parse_rules("stubs=500"))

    made = write_filtered(plan, tmp_path / "clean", name="clean")

    rows = study.region.take(plan.kept).rows
    assert np.array_equal(made.gather(np.arange(len(made))), source.gather(rows))
    assert np.array_equal(made.article_ids, source.article_ids[rows])
    assert np.array_equal(made.chunk_index, source.chunk_index[rows])
    assert made.column("title").to_pylist()[0] == "title 1"  # type: ignore[union-attr]
    assert made.columns == source.columns
    assert [stage.name for stage in made.manifest.stages] == ["read", "filter"]
    assert made.manifest.stages[1].settings["parent"] == source.digest
    assert made.manifest.stages[1].settings["rules"] == {"stubs": 500.0}


def test_row_groups_of_the_source_leave_no_trace(
    study: Study, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = plan_filter(study, parse_rules("stubs=500,language=en"))
    source, rows = study.region.dataset, study.region.take(plan.kept).rows
    extra = {name: source.column(name).take(rows) for name in ("title", "n_chars", "language")}  # type: ignore[union-attr]
    monkeypatch.setattr("amn.data.writer.GROUP_ROWS", 50)

    made = write_filtered(plan, tmp_path / "clean", name="clean")

    keys = source.article_ids[rows], source.chunk_index[rows]
    chunks = Chunks(article_ids=keys[0], chunk_index=keys[1], extra=extra)
    whole = write_dataset(
        tmp_path / "whole", source.gather(rows), chunks, name="clean", dtype="float32"
    )
    assert made.digest == whole.digest


def test_texts_are_not_held_in_memory(
    region: Callable[..., Region], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("amn.data.writer.GROUP_ROWS", 100)
    articles = [f"{n} is the number. " * 500 for n in range(500)]  # 9 kB a chunk
    found = region([4] * len(articles), columns={"text": articles})
    plan = plan_filter(Study(found, context=3), parse_rules("short=2"))
    held = [pa.total_allocated_bytes()]

    write_filtered(
        plan,
        tmp_path / "clean",
        name="clean",
        progress=lambda *_: held.append(pa.total_allocated_bytes()),
    )

    in_all = 4 * sum(map(len, articles))
    assert max(held) - held[0] < in_all / 4


def test_a_filtered_set_can_be_filtered_again(study: Study, tmp_path: Path) -> None:
    plan = plan_filter(study, parse_rules("lists"))
    made = write_filtered(plan, tmp_path / "once", name="once")

    again = plan_filter(Study(open_region(open_dataset(made.path))), parse_rules("lists"))

    assert again.stage().dropped == {}
    assert again.rows == len(made)


def test_an_existing_folder_is_left_alone(study: Study, tmp_path: Path) -> None:
    (tmp_path / "clean").mkdir()

    with pytest.raises(FileExistsError):
        write_filtered(plan_filter(study, parse_rules("lists")), tmp_path / "clean", name="clean")

    assert list((tmp_path / "clean").iterdir()) == []
