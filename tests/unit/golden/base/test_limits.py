"""What a changed case.toml lets through that the old one did not, key by key."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from pydantic import ValidationError

from amn.case.config import CaseConfig
from amn.case.limits import IndexConfig
from amn.case.load import Case
from amn.golden.base.loosenings import limit_loosenings, selector_loosenings

if TYPE_CHECKING:
    from pathlib import Path


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


IVF = {"id": "I101", "name": "ivf", "kind": "ivf", "recall": 0.9}


def with_index(*own: dict[str, Any], **limits: Any) -> CaseConfig:
    index = IndexConfig.model_validate({"configuration": own, **limits})
    return config().model_copy(update={"index": index})


@pytest.mark.parametrize(
    ("old", "new", "what"),
    [
        ([IVF], [], "removed a configuration of the index"),
        ([IVF], [{**IVF, "name": "other"}], "removed a configuration of the index"),
        ([IVF], [{**IVF, "recall": 0.89}], "lowered a floor"),
        ([IVF], [{**IVF, "recall": None}], "lowered a floor"),
        ([IVF], [{**IVF, "recall": 0.95}], None),
        ([IVF], [{**IVF, "kind": "ivf", "parameters": {"nprobe": 2}}], None),
        ([], [IVF], None),
    ],
)
def test_a_configuration_of_the_index_that_asks_less_is_a_loosening(
    old: list[dict[str, Any]], new: list[dict[str, Any]], what: str | None
) -> None:
    before, after = (with_index(*own, recall=0.8) for own in (old, new))

    found = list(limit_loosenings(before, after, "case.toml"))

    assert [one.what for one in found] == ([what] if what else [])
    assert [one.where for one in found] == (["case.toml index.configuration I101"] if what else [])


def test_a_margin_of_recall_needs_something_that_it_is_the_margin_of() -> None:
    raw = {
        "schema": 1,
        "dataset": {"path": "data"},
        "split": {"in_dist": {"articles": "1-5"}, "ood": {"articles": "6-9"}},
        "golden": {"margins": {"recall": 0.01}},
    }

    with pytest.raises(ValidationError, match=r"golden.margins: expected .*, got recall"):
        CaseConfig.model_validate(raw)
    CaseConfig.model_validate({**raw, "index": {"configuration": [IVF]}})


def test_what_a_case_is_to_others_does_not_change_where_it_has_no_configuration() -> None:
    assert "configuration" not in config().resolved()["index"]
    assert with_index(IVF).digest() != config().digest()


def other(**sections: Any) -> CaseConfig:
    raw = {
        "schema": 1,
        "dataset": {"path": "data"},
        "split": {"in_dist": {"articles": "1-5"}, "ood": {"articles": "6-9"}},
    }
    return CaseConfig.model_validate(raw | sections)


def indexed(**index: bool) -> dict[str, Any]:
    return {"dataset": {"path": "data", **index}}


def ranged(*delta: float) -> dict[str, Any]:
    return {"criteria": {"profile": "minimum", **({"delta": delta} if delta else {})}}


@pytest.mark.parametrize(
    ("old", "new", "what"),
    [
        (indexed(), indexed(index=False), "removed the checks of the index"),
        (indexed(index=True), indexed(index=False), "removed the checks of the index"),
        (indexed(index=False), indexed(index=False), None),
        (indexed(index=False), indexed(), None),
        ({"index": {"recall_at": 10}}, {"index": {"recall_at": 20}}, "changed what recall is"),
        ({"index": {"recall_at": 10}}, {}, None),  # the default
        ({"blocked_by": "first"}, {}, "no longer waits for a case"),
        ({"blocked_by": "first"}, {"blocked_by": "second"}, "no longer waits for a case"),
        ({}, {"blocked_by": "first"}, None),
        (ranged(-0.03, 0.03), ranged(-0.03, 0.04), "widened a range"),
        (ranged(-0.03, 0.03), ranged(-0.04, 0.03), "widened a range"),
        (ranged(-0.03, 0.03), ranged(), "widened a range"),
        (ranged(-0.03, 0.03), ranged(-0.02, 0.03), None),
        (ranged(), ranged(-0.5, 0.5), None),
    ],
)
def test_what_asks_less_of_a_case_is_a_loosening_by_its_name(
    old: dict[str, Any], new: dict[str, Any], what: str | None
) -> None:
    found = list(limit_loosenings(other(**old), other(**new), "case.toml"))

    assert [one.what for one in found] == ([what] if what else [])


@pytest.mark.parametrize(
    ("old", "new", "what"),
    [
        ({"articles": "6-9"}, {"articles": "6-12"}, None),
        ({"articles": "6-9"}, {"articles": "6-8"}, "shrank the evaluation set"),
        ({"articles": "6-9"}, {"articles": "6-8, 11-20"}, "changed the evaluation set"),
        ({"articles": "6-9"}, {"file": "splits.json"}, "changed the evaluation set"),
        ({"file": "splits.json"}, {"file": "splits.json"}, None),
    ],
)
def test_another_selection_of_articles_is_a_loosening_unless_it_only_grew(
    old: dict[str, Any], new: dict[str, Any], what: str | None, tmp_path: Path
) -> None:
    before, after = (
        Case(tmp_path, other(split={"in_dist": {"articles": "1-5"}, "ood": ood}))
        for ood in (old, new)
    )

    found = list(selector_loosenings(before, after, "case.toml"))

    assert [(one.what, one.where) for one in found] == (
        [(what, "case.toml split.ood")] if what else []
    )
