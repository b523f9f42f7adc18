"""What a changed case.toml lets through that the old one did not, key by key."""

from __future__ import annotations

from typing import Any

import pytest

from amn.case.config import CaseConfig
from amn.golden.base.loosenings import limit_loosenings


def config(**abort: Any) -> CaseConfig:
    return CaseConfig.model_validate(
        {
            "schema": 1,
            "dataset": {"path": "data"},
            "split": {"in_dist": {"articles": "1-5"}, "ood": {"articles": "6-9"}},
            "training": {"abort": abort},
        }
    )


@pytest.mark.parametrize(
    ("old", "new", "keys"),
    [
        ({}, {"first_epoch_share": 0.1}, ["first_epoch_share"]),
        ({"first_epoch_share": 0.1}, {}, []),
        ({}, {"first_epoch": 0.1}, ["first_epoch"]),
        ({"first_epoch": 0.1}, {"first_epoch_share": 0.1}, []),
        ({"first_epoch": 0.1}, {"first_epoch": 0.1, "first_epoch_share": 0.1}, []),
        ({"stall_epochs": 5}, {"stall_epochs": 10, "drop": 0.1}, ["stall_epochs", "drop"]),
    ],
)
def test_a_stopping_rule_that_stops_later_is_a_loosening(
    old: dict[str, float], new: dict[str, float], keys: list[str]
) -> None:
    found = list(limit_loosenings(config(**old), config(**new), "case.toml"))

    assert [one.where for one in found] == [f"case.toml training.abort.{key}" for key in keys]
    assert {one.what for one in found} <= {"loosened a stopping rule"}


@pytest.mark.parametrize(
    ("old", "new", "named"),
    [
        ({}, {"sim": "val_cosine"}, ["sim"]),
        ({"sim": "val_cosine"}, {"sim": "ignore", "nce": "terms.info"}, ["nce", "sim"]),
        ({"sim": "val_cosine"}, {}, ["sim"]),
        ({"sim": "val_cosine"}, {"sim": "val_cosine"}, []),
    ],
)
def test_a_column_that_is_read_as_something_else_is_named(
    old: dict[str, str], new: dict[str, str], named: list[str]
) -> None:
    before, after = (config().model_copy(update={"columns": columns}) for columns in (old, new))
    found = list(limit_loosenings(before, after, "case.toml"))

    assert [one.where for one in found] == [f"case.toml columns.{name}" for name in named]
    assert (before.digest() == after.digest()) is (old == new)
