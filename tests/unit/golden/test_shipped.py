"""The shipped golden: read, small, and laid out so that any update of it fits a screen."""

from __future__ import annotations

import difflib
import json
from pathlib import Path

import pytest

from amn.evaluation.numerics import numeric_values
from amn.golden.ledger import read_ledger
from amn.golden.schema import UNKNOWN, Golden, GoldenRecord
from amn.golden.store import read_golden

FOLDER = Path(__file__).parents[3] / "golden" / "wiki-mini"


@pytest.fixture(scope="module")
def golden() -> Golden:
    return read_golden(FOLDER)


def test_every_article_of_the_case_has_a_line(golden: Golden) -> None:
    n = {split: len(table.articles) for split, table in golden.tables.items()}

    assert n == {"train": 390, "in_dist": 60, "ood": 110}
    assert all(all(table.vectors) and table.rows.min() > 0 for table in golden.tables.values())


def test_it_names_its_numerics_class_and_what_was_computed_there(golden: Golden) -> None:
    numerics = golden.record.numerics

    assert numerics.class_.startswith("float32, ")
    assert UNKNOWN not in numerics.class_
    assert set(numerics.values) == set(numeric_values())


def test_it_was_migrated_and_says_the_same_as_before() -> None:
    entries = read_ledger(FOLDER)
    first, migrated = entries[0], entries[1]

    assert migrated.kind == "migrated"
    assert migrated.digests.windows == first.digests.windows
    for split in ("in_dist", "ood"):
        assert migrated.mean(split) == pytest.approx(first.mean(split), abs=1e-11)


def test_an_update_that_changes_all_that_an_update_can_fits_a_screen(golden: Golden) -> None:
    old = golden.record
    values = json.loads(old.to_bytes())
    values["accepted"].update(reason="other", previous="0" * 64, created="2030-01-01")
    for found in values["metrics"]["cosine"].values():
        found["se"] *= 1.01
    for group in values["checks"].values():
        for ended in group.values():
            ended[1] = 0.5
    values["digests"]["table"] = "0" * 64
    values["versions"]["torch"] = "9.0"
    values["course"]["best"][0][0] = 0.5
    values["numerics"] = {"class": "float32, AVX9, MKL", "values": {"gelu": 0.5}, "machine": {}}
    config = old.model_copy(update={"config": {**old.config, "title": "other"}})
    new = GoldenRecord.model_validate(values)
    texts = [
        record.to_bytes().decode().splitlines()
        for record in (old, new.model_copy(update={"config": config.config}))
    ]

    diff = list(difflib.unified_diff(*texts))

    assert 2 + len(diff) <= 24  # git has two lines more at the top


def test_with_four_metrics_and_sketches_it_is_hardly_a_third_of_what_its_cosines_took() -> None:
    assert (FOLDER / "golden.csv").stat().st_size < 199_506 * 0.36
