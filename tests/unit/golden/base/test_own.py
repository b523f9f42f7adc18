"""What a change did to a check of one's own, as its file says."""

from __future__ import annotations

import pytest

from amn.golden.base.own import check_loosenings

BEFORE = '''\
from amn import Finding, Measured, check
import limits

FLOOR = 0.5
SLACK = 0.1
UNUSED = 1


def floor():
    return FLOOR - SLACK


def broken(copy):
    """It is broken."""


@check("X001", "high", broken_by=[broken])
def high(summaries):
    """It is high."""
    value = summaries["ood"].mean
    return Measured("", "", [Finding("", "")] * (value < floor()))


@check("X002", "low")
def low(summaries):
    """It is low."""
    value = summaries["ood"].mean
    return Measured("", "", [Finding("", "")] * (value > limits.MOST))
'''


def whats(after: str, before: str = BEFORE) -> list[tuple[str, str]]:
    return [(one.what, one.where) for one in check_loosenings("conftest.py", before, after)]


HIGH, LOW = "conftest.py X001", "conftest.py X002"


@pytest.mark.parametrize(
    ("old", "new", "found"),
    [
        ("FLOOR = 0.5", "FLOOR = 0.4", [("changed a check", HIGH)]),
        ("SLACK = 0.1", "SLACK = 0.4", [("changed a check", HIGH)]),
        ("FLOOR - SLACK", "FLOOR - 2 * SLACK", [("changed a check", HIGH)]),
        ("UNUSED = 1", "FLOOR -= 0.2", [("changed a check", HIGH)]),
        ("import limits", "import others as limits", [("changed a check", LOW)]),
        ("value > limits", "value > 1 + limits", [("changed a check", LOW)]),
        (", broken_by=[broken]", "", [("changed a check", HIGH)]),
        ('"""It is broken."""', "copy.configure()", [("changed a check", HIGH)]),
        ('"low")', '"low", severity=0)', [("changed a check", LOW)]),
        ('"X002"', '"X003"', [("removed a check", LOW)]),
        ('@check("X002", "low")\n', "", [("removed a check", LOW)]),
        ("UNUSED = 1", "UNUSED = 2", []),
        ("UNUSED = 1", "# a comment", []),
        ("Measured, check", "Measured, Severity, check", []),
        ("import limits\n", "import limits\nimport json\n", []),
        ("Finding, Measured, check", "(Finding,\n    Measured,\n    check)", []),
    ],
)  # fmt: skip
def test_a_check_is_what_it_says_and_what_it_uses_of_its_file(
    old: str, new: str, found: list[tuple[str, str]]
) -> None:
    assert BEFORE.count(old) == 1

    assert whats(BEFORE.replace(old, new)) == found


@pytest.mark.parametrize("after", ["", "def half(:", "import amn\n"])
def test_a_file_that_declares_nothing_any_more_has_lost_every_check(after: str) -> None:
    assert whats(after) == [("removed a check", HIGH), ("removed a check", LOW)]


def test_a_check_that_is_new_is_none_that_changed() -> None:
    assert whats(BEFORE, "") == []


def test_the_decorator_may_have_any_name() -> None:
    before = BEFORE.replace(
        "import Finding, Measured, check", "import Finding, Measured, check as c"
    )
    before = before.replace("@check", "@c")

    assert whats("", before) == [("removed a check", HIGH), ("removed a check", LOW)]


def test_what_is_no_check_is_of_no_account() -> None:
    before = '@fixture("all", 3)\ndef one():\n    pass\n\n\n@mark("D001")\ndef two():\n    pass\n'

    assert whats("", before) == []
