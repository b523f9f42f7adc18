"""Calls beside this process give what they would have given in it."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from amn.engines import LocalEngine, Tell
from amn.errors import DataError, WorkerError

if TYPE_CHECKING:
    from collections.abc import Iterator


def square(number: int, tell: Tell) -> int:
    tell(f"{number} in {os.getpid()}")
    return number * number


@pytest.mark.parametrize("cores", [1, 2])
def test_every_item_is_called_once_and_heard(cores: int) -> None:
    heard: list[str] = []

    results = list(LocalEngine(cores).map(square, range(7), tell=heard.append))

    assert sorted(results) == [0, 1, 4, 9, 16, 25, 36]
    assert sorted(text.split()[0] for text in heard) == [str(number) for number in range(7)]
    processes = {int(text.split()[-1]) for text in heard}
    assert (os.getpid() in processes) == (cores == 1)
    assert len(processes) <= cores


def test_where_one_call_uses_every_core_it_is_made_in_this_process() -> None:
    heard: list[str] = []

    list(LocalEngine(2).map(square, range(2), cores=2, tell=heard.append))

    assert {int(text.split()[-1]) for text in heard} == {os.getpid()}


@pytest.mark.parametrize("cores", [1, 2])
def test_items_are_taken_as_they_are_needed(cores: int) -> None:
    taken: list[int] = []

    def numbers() -> Iterator[int]:
        for number in range(100):
            taken.append(number)
            yield number

    results = LocalEngine(cores).map(square, numbers())
    next(results)
    results.close()

    assert len(taken) <= 2 * cores + 1


def refuse_odd(number: int, _: Tell) -> int:
    if number % 2:
        raise DataError(Path("file"), f"got {number}")
    return number


@pytest.mark.parametrize("cores", [1, 2])
def test_an_error_in_a_call_is_raised_here(cores: int) -> None:
    with pytest.raises(DataError, match=r"^file: got 3$"):
        list(LocalEngine(cores).map(refuse_odd, [0, 2, 3]))


def end(_: int, __: Tell) -> None:
    os._exit(9)


def be_killed(_: int, __: Tell) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def break_down(_: int, __: Tell) -> None:
    raise ZeroDivisionError


@pytest.mark.parametrize(
    ("function", "said"),
    [
        (end, r"ended with 9\. Fix: see its own error above"),
        (break_down, r"ended with 1\. Fix: see its own error above"),
        (be_killed, r"ended with -9\. Fix: more memory, or fewer at a time"),
    ],
)
def test_a_process_that_dies_is_an_error_with_its_item(function: object, said: str) -> None:
    with pytest.raises(
        WorkerError, match=rf"^7[57]: expected a result, got a process that {said}; the same"
    ):
        list(LocalEngine(2).map(function, [75, 77]))  # type: ignore[arg-type]


def wait_and_mark(mark: Path, _: Tell) -> None:
    try:
        mark.with_suffix(".begun").touch()
        time.sleep(60)
    finally:
        mark.touch()


def raise_when_begun(item: Path | None, tell: Tell) -> None:
    if item is not None:
        wait_and_mark(item, tell)
        return
    raise OSError("no")


def test_when_one_call_fails_the_others_are_ended_and_clean_up(tmp_path: Path) -> None:
    def items() -> Iterator[Path | None]:
        yield tmp_path / "mark"
        while not (tmp_path / "mark.begun").exists():
            time.sleep(0.01)
        yield None

    with pytest.raises(OSError, match="no"):
        list(LocalEngine(2).map(raise_when_begun, items()))

    assert (tmp_path / "mark").exists()
