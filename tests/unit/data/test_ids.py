from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from amn.data.ids import IdSet
from amn.errors import ArgumentError

EDGE = 2**63 - 1
NUMBERS = st.integers(-3, 40)
# A lowest id and how many follow it: also at either end of what 64 bits hold.
SPANS = st.tuples(st.one_of(NUMBERS, st.integers(EDGE - 40, EDGE)), st.integers(0, 12))
SETS = st.lists(SPANS, max_size=6).map(
    lambda spans: [i for low, n in spans for i in range(low, min(low + n, EDGE) + 1)]
)
WORDS = st.lists(st.text(max_size=3).filter(lambda text: "\0" not in text), max_size=8)


def numbers(ids: set[int]) -> np.ndarray:
    return np.array(sorted(ids), np.int64)


@given(SETS, SETS)
def test_a_set_of_ranges_holds_what_its_expanded_list_holds(
    named: list[int], ids: list[int]
) -> None:
    found = IdSet.of(named)

    assert found.size == len(set(named))
    assert found.first(10**6).tolist() == sorted(set(named))
    assert found.holds(np.array(ids, np.int64)).tolist() == [i in set(named) for i in ids]


@given(SETS, SETS)
def test_what_is_left_of_ranges_is_what_is_left_of_the_list(
    named: list[int], ids: list[int]
) -> None:
    left = IdSet.of(named).without(numbers(set(ids)))

    assert left.first(10**6).tolist() == sorted(set(named) - set(ids))
    assert left.size == len(set(named) - set(ids))


@given(SETS, SETS)
def test_ranges_are_a_subset_where_their_lists_are(left: list[int], right: list[int]) -> None:
    assert IdSet.of(left).issubset(IdSet.of(right)) == (set(left) <= set(right))


@given(WORDS, WORDS)
def test_strings_are_a_set_as_they_stand(left: list[str], right: list[str]) -> None:
    a, b = IdSet.of(left), IdSet.of(right)

    assert a.first(99).tolist() == sorted(set(left))
    assert a.issubset(b) == (set(left) <= set(right))
    assert a.without(b.names).first(99).tolist() == sorted(set(left) - set(right))
    if right:
        assert a.holds(np.array(right)).tolist() == [text in left for text in right]


@given(st.lists(st.integers(0, 60), min_size=1))
def test_ids_written_as_ranges_are_read_back(ids: list[int]) -> None:
    assert IdSet.of(IdSet.of(ids).to_json()).first(99).tolist() == sorted(set(ids))


@given(WORDS.filter(len))
def test_strings_that_were_written_are_read_back(ids: list[str]) -> None:
    assert IdSet.of(IdSet.of(ids).to_json()).names.tolist() == sorted(set(ids))


def test_ids_that_follow_each_other_become_one_range() -> None:
    assert str(IdSet.of([10, 9, 7, 1, 3, 2])) == "1-3, 7, 9-10"


def test_a_range_of_all_ids_costs_nothing() -> None:
    every = IdSet.of(f"0-{EDGE}")

    assert every.size == 2**63
    assert every.holds(np.array([-1, 0, EDGE])).tolist() == [False, True, True]
    assert every.without(np.array([5])).size == 2**63 - 1


def test_strings_are_ordered_by_code_point_and_no_number_is_read_out_of_them() -> None:
    names = ["\U0001f600", "\uffff", "é", "e\u0301", "Z", "a", "10", "9", " 9"]

    found = IdSet.of(names).names.tolist()

    assert found == [" 9", "10", "9", "Z", "a", "e\u0301", "é", "\uffff", "\U0001f600"]
    assert found == sorted(names, key=str.encode)


@pytest.mark.parametrize("part", ["", "a", "4-", "8-3", "1.5", "-2", "99999999999999999999"])
def test_what_is_no_range_is_named(part: str) -> None:
    with pytest.raises(ArgumentError, match=r"expected ids and ranges like '1-400, 512', got '"):
        IdSet.of(f"1, {part}")


@pytest.mark.parametrize("ids", [[1, "a"], [True], [1.5], [None], [2**63]])
def test_a_list_of_other_things_is_refused(ids: list[object]) -> None:
    with pytest.raises(ArgumentError, match="expected ids"):
        IdSet.of(ids)  # type: ignore[arg-type]


def test_strings_are_not_looked_for_among_numbers_nor_the_reverse() -> None:
    with pytest.raises(ArgumentError, match="expected whole numbers, as the article ids"):
        IdSet.of(["a"]).holds(np.array([1]))
    with pytest.raises(ArgumentError, match="expected strings, as the article ids"):
        IdSet.of("1-3").holds(np.array(["1"]))


def test_no_ids_are_in_any_data_set() -> None:
    assert not IdSet().holds(np.array([1])).any()
    assert not IdSet().holds(np.array(["a"])).any()


@pytest.mark.parametrize(
    ("part", "fix"),
    [("5-1", "1-5"), ("11-20x", "11-20"), ("#7", "7"), ("a-c", "whole numbers below"),
     (str(2**63), "whole numbers below")],
)  # fmt: skip
def test_what_was_meant_by_a_slip_in_ids_is_said_and_is_read(part: str, fix: str) -> None:
    with pytest.raises(ArgumentError, match=rf"got {part!r}\. Fix: {fix}"):
        IdSet.of(part)

    if fix[0].isdigit():
        assert IdSet.of(fix).holds(np.array([int(fix.split("-", maxsplit=1)[0])])).all()
