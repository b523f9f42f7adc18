"""The list, the record and the wanted differences of the net agree; how it compares is shown."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.net.commands import COMMANDS
from tests.net.compare import (
    Difference,
    Recorded,
    Wanted,
    differences,
    judge,
    read_recorded,
    read_wanted,
    write_wanted,
)
from tests.net.record import WANTED, read_record

if TYPE_CHECKING:
    from pathlib import Path

GATE = {"exit": 0, "case D001-finite": {"status": "PASS", "number": 0.25}, "stdout": ["a", "b 1"]}


def found(**changes: Any) -> list[tuple[str, Any, Any]]:
    far = changes.pop("far", False)
    now = {**GATE, **changes}
    return [(d.field, d.was, d.now) for d in differences("x", GATE, now, far=far)]


IDS = [command.id for command in COMMANDS]


def test_the_list_is_long_and_every_command_is_recorded_once() -> None:
    left = {w.commands for w in read_wanted(WANTED) if w.field == "command" and w.now is None}

    assert len(IDS) >= 300
    assert len(set(IDS)) == len(IDS)
    assert set(read_record()) - {name for names in left for name in names} == set(IDS)


def test_every_wanted_difference_is_of_a_recorded_command() -> None:
    named = {name for wanted in read_wanted(WANTED) for name in wanted.commands}

    assert named <= set(read_record())


def test_each_value_of_a_check_and_each_line_is_compared() -> None:
    check = {"status": "FAIL", "number": 0.25}

    assert found() == []
    assert found(exit=1) == [("exit", 0, 1)]
    assert found(**{"case D001-finite": check}) == [("case D001-finite, status", "PASS", "FAIL")]
    assert found(**{"case D002-unit_norm": {"status": "PASS"}}) == [
        ("case D002-unit_norm, status", None, "PASS")
    ]
    assert found(stdout=["new", "a", "b 2"]) == [("stdout", None, "new"), ("stdout", "b 1", "b 2")]
    assert list(differences("x", GATE, {"exit": 0})) == [
        Difference("x", "case D001-finite, status", "PASS", None),
        Difference("x", "case D001-finite, number", 0.25, None),
        Difference("x", "stdout", "a", None),
        Difference("x", "stdout", "b 1", None),
    ]


@pytest.mark.parametrize(
    ("number", "far", "is_same"),
    [
        (0.25 + 1e-7, False, True),
        (0.25 + 1e-5, False, False),
        (0.251, True, True),
        (0.26, True, False),
        (float("nan"), True, False),
    ],
)
def test_numbers_are_close_and_those_of_another_machine_near(
    number: float, far: Any, is_same: Any
) -> None:
    check = {"status": "PASS", "number": number}

    assert (found(**{"case D001-finite": check}, far=far) == []) is is_same


def test_a_count_in_a_text_is_exact_on_every_machine() -> None:
    assert found(stdout=["a", "b 2"], far=True) == [("stdout", "b 1", "b 2")]


def test_a_difference_is_a_fault_unless_listed_and_listed_in_vain_is_one_too() -> None:
    one, two = Difference("x", "exit", 0, 1), Difference("x", "exit", 0, 2)
    wanted = Wanted(("x", "y"), "exit", 0, 1, "why")

    assert judge([one, one], [wanted], {"x"}, set()) == ([], [])
    assert judge([two], [wanted], {"x"}, set()) == ([two], [one])
    assert judge([], [wanted], {"x"}, set()) == ([], [one])


def test_what_is_written_is_read_and_a_reason_is_needed(tmp_path: Path) -> None:
    path = tmp_path / "differences.toml"
    pair = [Wanted((name,), "stdout", 'a "b"', None, "why") for name in ("x", "y")]
    again = [Recorded(("z",), "drawn anew")]
    write_wanted(path, "# head", pair, again)

    assert read_recorded(path) == again
    assert read_wanted(path) == [Wanted(("x", "y"), "stdout", 'a "b"', None, "why")]
    path.write_text(path.read_text("utf-8").replace('"why"', '" "'), "utf-8")
    with pytest.raises(ValueError, match="entry 1: expected commands, field, reason"):
        read_wanted(path)


def test_order_alone_is_no_difference() -> None:
    was = {
        "stdout": ["D003 readable", "D001 finite", "x"],
        "detail": "not run: D012-a, D001-b failed",
    }
    now = {
        "stdout": ["D001 finite", "x", "D003 readable"],
        "detail": "not run: D001-b, D012-a failed",
    }
    less = {"stdout": ["D001 finite", "x"], "detail": "not run: D001-b failed"}

    assert list(differences("c", was, now)) == []
    assert [(one.field, one.was) for one in differences("c", was, less)] == [
        ("stdout", "D003 readable"),
        ("detail", "not run: D012-a, D001-b failed"),
    ]


def test_a_line_that_came_to_be_equal_to_another_does_not_take_its_place() -> None:
    was = {"stdout": ["a 0.2000, limit >= 0.01", "a 0.1001, limit >= 0.01", "x"]}
    now = {"stdout": ["a 0.1001, limit >= 0.01", "a 0.1002, limit >= 0.01", "x"]}

    assert [(one.was, one.now) for one in differences("c", was, now, far=True)] == [
        ("a 0.2000, limit >= 0.01", "a 0.1001, limit >= 0.01")
    ]
