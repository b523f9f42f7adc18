"""Shards of a gate: each case once, and nothing lost or brought in when they are put together."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from amn.errors import ArgumentError
from amn.report.json import to_json
from amn.report.shards import Shard, merged, problems
from amn.verdict import Status
from tests.unit.report.conftest import outcome, result

NAMES = ["a", "b", "c", "d", "e"]


def documents(of: int = 2, names: list[str] = NAMES) -> dict[str, dict[str, Any]]:
    """Return what the shards of a gate of some cases write, by the name of the file."""
    every = {name: result(outcome("C001", Status.PASS), case=name) for name in names}
    found = {}
    for number in range(1, of + 1):
        shard = Shard(number, of)
        mine = [every[name] for name in shard.take(names)]
        found[f"{number}.json"] = json.loads(to_json(mine, shard.to_json(names)))
    return found


@given(n=st.integers(1, 40), of=st.integers(1, 40), order=st.randoms(use_true_random=False))
def test_all_shards_together_have_every_case_once_and_say_so(n: int, of: int, order: Any) -> None:
    names = [f"case-{i}" for i in range(n)]
    of = min(of, n)
    files = list(documents(of, names).items())
    order.shuffle(files)

    assert not list(problems(dict(files)))
    whole = merged(dict(files))
    alone = json.loads(to_json([result(outcome("C001", Status.PASS), case=name) for name in names]))
    assert whole == alone


@pytest.mark.parametrize("text", ["0/2", "3/2", "1", "1/0", "a/b", "1/2/3", "-1/2", "1 / 2", ""])
def test_what_is_no_shard_is_refused(text: str) -> None:
    with pytest.raises(ArgumentError, match="expected K/N with K of 1 to N"):
        Shard.parse(text)


def test_a_shard_is_read_as_it_is_written() -> None:
    assert Shard.parse("2/3") == Shard(2, 3)
    assert Shard(2, 3).take(NAMES) == ["b", "e"]


def lost(found: dict[str, Any]) -> None:
    del found["2.json"]


def doubled(found: dict[str, Any]) -> None:
    found["again.json"] = found["2.json"]


def whole(found: dict[str, Any]) -> None:
    del found["2.json"]["shard"]


def of_more(found: dict[str, Any]) -> None:
    found["2.json"]["shard"]["of"] = 3


def of_other_cases(found: dict[str, Any]) -> None:
    found["2.json"]["shard"]["cases"][1] = "other"


def case_left_out(found: dict[str, Any]) -> None:
    del found["2.json"]["results"][0]


def case_brought_in(found: dict[str, Any]) -> None:
    found["2.json"]["results"].append(copy.deepcopy(found["1.json"]["results"][0]))


def other_base(found: dict[str, Any]) -> None:
    for name, base in (("1.json", "a" * 40), ("2.json", "b" * 40)):
        found[name]["results"][0]["review"] = {"base": base}


def number_of_text(found: dict[str, Any]) -> None:
    found["2.json"]["shard"]["number"] = "2"


def no_number(found: dict[str, Any]) -> None:
    found["2.json"]["shard"]["number"] = True


def cases_twice(found: dict[str, Any]) -> None:
    for document in found.values():
        document["shard"]["cases"] = ["a", "a", "b", "c", "d"]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lost, "shard 2/2: expected one result, found 0"),
        (doubled, "shard 2/2: expected one result, found 2"),
        (whole, "2.json: expected the result of amn gate --shard K/N, got one of a whole gate"),
        (of_more, "2.json: expected 2 shards of 5 cases, as 1.json, got 3 of 5, or of other cases"),
        (of_other_cases, "2.json: expected 2 shards of 5 cases, as 1.json, got 2 of 5"),
        (case_left_out, "2.json: expected the results of b, d, got d"),
        (case_brought_in, "2.json: expected the results of b, d, got b, d, a"),
        (other_base, "merge base: expected one of all shards, got 1.json aaaaaaaaaaaa; 2.json bbb"),
        (number_of_text, "2.json: expected the result of amn gate --shard K/N"),
        (no_number, "2.json: expected the result of amn gate --shard K/N"),
        (cases_twice, "1.json: expected the result of amn gate --shard K/N"),
    ],
)
def test_what_is_not_whole_is_said(change: Any, said: str) -> None:
    found = documents()
    change(found)

    assert any(said in line for line in problems(found)), list(problems(found))


@pytest.mark.parametrize(
    "facts",
    [{}, {"comparisons": []}, {"comparisons": {"p": []}}, {"comparisons": {"p": {"G": "x"}}}],
)
def test_facts_that_are_none_are_no_alarm(facts: Any) -> None:
    found = documents(2, ["a", "b"])
    found["1.json"]["results"][0]["facts"] = facts

    assert merged(found)["alarms"] is None


def test_alarms_are_over_the_cases_of_all_shards() -> None:
    found = documents(2, ["a", "b"])
    for document, p in zip(found.values(), (0.001, None), strict=True):
        facts = document["results"][0]["facts"]
        facts["comparisons"] = {"alpha": 0.05, "p": {"G001": p, "G002": None}}

    alarms = merged(found)["alarms"]

    assert alarms["comparisons"] == 4
    assert alarms["standing"] == ("a G001",)
