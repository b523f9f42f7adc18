"""Evidence: each part once, from what its maker names; a copy with other parts makes them anew."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from amn.errors import CheckNotRunError, DataError
from amn.gate.evidence import Evidence

made: Counter[str] = Counter()


@pytest.fixture(autouse=True)
def _forget() -> None:
    made.clear()


def double(base: int) -> int:
    made["double"] += 1
    return 2 * base


def plus(double: int, step: int) -> int:
    made["plus"] += 1
    return double + step


def lonely(nowhere: int) -> int:
    return nowhere


def asking(evidence: Evidence) -> int:
    made["asking"] += 1
    total: int = evidence["double"] + 1
    return total


def refused(base: int) -> int:
    made["refused"] += 1
    raise DataError(__import__("pathlib").Path("x"), f"expected more, got {base}")


MAKERS = {f.__name__: f for f in (double, plus, lonely, asking, refused)}


def evidence(**given_: Any) -> Evidence:
    return Evidence(MAKERS, **{"base": 3, "step": 1, **given_})


def test_a_part_is_made_once_when_it_is_first_asked_for() -> None:
    found = evidence()
    assert made == {}

    assert (found["plus"], found["plus"], found["double"]) == (7, 7, 6)
    assert made == {"double": 1, "plus": 1}
    assert found.made == {"base": 3, "step": 1, "double": 6, "plus": 7}


def test_a_part_is_promised_when_all_that_it_is_made_from_is() -> None:
    assert "plus" in evidence()
    assert "lonely" not in evidence()
    assert "plus" not in Evidence(MAKERS, base=3)
    assert evidence().promises(["plus", "double"])
    assert not evidence().promises(["plus", "lonely"])
    assert made == {}  # nothing is made for the answer


def test_makers_that_wait_for_each_other_promise_nothing() -> None:
    circle = Evidence({"left": lambda right: right, "right": lambda left: left})

    assert "left" not in circle
    with pytest.raises(CheckNotRunError, match="left: expected evidence of that name, got none"):
        circle["left"]


def test_a_failure_is_remembered_like_a_value_and_is_nothing_that_was_made() -> None:
    found = evidence()
    for _ in range(2):
        with pytest.raises(DataError, match="expected more, got 3"):
            found["refused"]

    assert made["refused"] == 1
    assert "refused" not in found.made


def test_what_nobody_makes_is_no_pass_and_a_default_where_one_is_given() -> None:
    with pytest.raises(CheckNotRunError, match="lonely: expected evidence of that name, got none"):
        evidence()["lonely"]
    assert evidence().get("lonely", 5) == 5
    assert evidence().get("double", 5) == 6


def test_a_copy_with_another_part_makes_anew_what_was_made_from_it_and_nothing_else() -> None:
    found = evidence()
    assert found["plus"] == 7
    other = found.with_(step=10)

    assert other["plus"] == 16
    assert made == {"double": 1, "plus": 2}  # double does not depend on it
    assert found["plus"] == 7


def test_a_part_that_is_replaced_needs_no_maker_and_cuts_off_what_was_above_it() -> None:
    found = evidence()
    assert found["plus"] == 7

    assert found.with_(double=100)["plus"] == 101
    assert made["double"] == 1
    assert found.with_(lonely=1)["lonely"] == 1


def test_what_asks_other_questions_of_the_evidence_is_always_made_anew() -> None:
    found = evidence()
    assert found["asking"] == 7

    assert found.with_(step=5)["asking"] == 7
    assert made["asking"] == 2


def test_a_copy_without_a_part_promises_nothing_that_is_made_from_it() -> None:
    found = evidence()
    assert found["plus"] == 7
    fewer = found.without("double")

    assert "plus" not in fewer
    assert "double" not in fewer
    assert fewer.made == {"base": 3, "step": 1}


def test_a_part_can_be_made_once_more_whatever_was_given() -> None:
    assert evidence(double=100).anew("double") == 6


def test_a_function_is_called_with_the_parts_that_it_names_and_arguments_of_its_own() -> None:
    assert evidence().call(lambda plus, own: (plus, own), own="x") == (7, "x")


@given(
    st.dictionaries(st.sampled_from(["base", "step", "double"]), st.integers(-9, 9)),
    st.lists(st.sampled_from(["double", "plus", "asking"]), max_size=4),
)
def test_a_changed_copy_says_what_fresh_evidence_with_these_parts_says(
    changes: dict[str, int], asked_before: list[str]
) -> None:
    found = evidence()
    for part in asked_before:
        found[part]

    copy, fresh = found.with_(**changes), evidence(**changes)

    assert {part: copy[part] for part in ("double", "plus", "asking")} == {
        part: fresh[part] for part in ("double", "plus", "asking")
    }
