from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from amn.data.splits import format_ranges, parse_ranges, within
from amn.errors import ArgumentError

IDS = st.sets(st.integers(0, 60)).map(lambda ids: np.array(sorted(ids), np.int64))


@given(IDS.filter(len))
def test_ids_written_as_ranges_are_read_back(ids: np.ndarray) -> None:
    every = np.arange(100)

    assert every[within(every, parse_ranges(format_ranges(ids)))].tolist() == ids.tolist()


def test_ids_that_follow_each_other_become_one_range() -> None:
    assert format_ranges(np.array([1, 2, 3, 7, 9, 10])) == "1-3, 7, 9-10"


def test_ranges_may_overlap_and_come_in_any_order() -> None:
    ids = np.arange(12)

    assert ids[within(ids, parse_ranges("9-10, 2-8, 3"))].tolist() == [*range(2, 11)]


def test_a_range_of_a_billion_ids_costs_nothing() -> None:
    ranges = parse_ranges("0-999999999999")

    assert within(np.array([0, 10**12 - 1, 10**12]), ranges).tolist() == [True, True, False]


def test_no_ranges_hold_no_ids() -> None:
    assert not within(np.arange(3), np.empty((0, 2), np.int64)).any()


@pytest.mark.parametrize("part", ["", "a", "4-", "8-3", "1.5", "-2", "99999999999999999999"])
def test_what_is_no_range_is_named(part: str) -> None:
    with pytest.raises(ArgumentError, match=r"expected ids and ranges like '1-400, 512', got '"):
        parse_ranges(f"1, {part}")
