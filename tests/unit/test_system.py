from __future__ import annotations

import os

import numpy as np
import pytest

from amn.system import available_cores, in_threads


@pytest.mark.skipif(not hasattr(os, "sched_getaffinity"), reason="no affinity on this system")
def test_cores_are_those_that_this_process_may_use(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {3, 5})

    assert available_cores() == 2


def test_where_no_affinity_is_known_every_core_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(os, "sched_getaffinity", raising=False)

    for count, expected in ((6, 6), (None, 1)):
        monkeypatch.setattr(os, "cpu_count", lambda count=count: count)
        assert available_cores() == expected


def test_what_threads_make_comes_in_the_order_of_the_items() -> None:
    sizes = [100_000, 10, 50_000, 1] * 9  # the largest is not done first

    found = in_threads(lambda size: np.ones(size) @ np.ones(size), sizes)

    assert list(found) == sizes


def test_items_are_taken_no_more_than_a_few_ahead() -> None:
    taken = list[int]()
    made = in_threads(lambda item: item, (taken.append(i) or i for i in range(1000)))

    assert next(made) == 0
    assert len(taken) <= available_cores() + 2


def test_an_error_in_a_thread_is_raised_where_its_result_is_asked_for() -> None:
    with pytest.raises(ZeroDivisionError):
        list(in_threads(lambda item: 1 // item, [1, 0]))
