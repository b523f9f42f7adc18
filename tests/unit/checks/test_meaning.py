"""One word for a run: the status that explains most comes first."""

from __future__ import annotations

import pytest

from amn.checks.meaning import by_cause, statuses
from amn.verdict import Outcome, Status


def outcome(
    check: str, status: Status = Status.FAIL, *, number: float | None = None, data: object = None
) -> Outcome:
    return Outcome(check, "name", status, number=number, data=data)


@pytest.mark.parametrize(
    ("outcomes", "expected"),
    [
        ([], "SUCCESS"),
        ([outcome("R001", Status.PASS), outcome("R013", Status.WARN)], "SUCCESS"),
        ([outcome("C001"), outcome("E005", Status.HARNESS)], "HARNESS"),
        ([outcome("R001"), outcome("R007", data="info")], "INFONCE_DOMINANCE"),
        ([outcome("R007", data="variance")], "DOMINANT_TERM"),
        ([outcome("R007")], "DOMINANT_TERM"),
        ([outcome("C002", Status.ERROR), outcome("R007", data="info_nce")], "INFONCE_DOMINANCE"),
        ([outcome("R006"), outcome("R001")], "UNDECLARED_TERM"),
        ([outcome("R001"), outcome("R013")], "NO_SKILL"),
        ([outcome("C004")], "NO_SKILL"),
        ([outcome("R005"), outcome("R001", Status.NOT_RUN)], "CRASHED"),
        ([outcome("C001")], "BELOW_FLOOR"),
        ([outcome("C002", number=0.39)], "OOD_COLLAPSE"),  # a score that a harness can produce
        ([outcome("C002", number=0.55)], "BELOW_FLOOR"),
        ([outcome("D007"), outcome("C001", Status.NOT_RUN)], "BROKEN_DATA"),
        ([outcome("M005")], "HARNESS"),
        ([outcome("G001")], "WORSE_THAN_GOLDEN"),
        ([outcome("X001")], "BELOW_FLOOR"),
        ([outcome("C002", Status.ERROR)], "NOT_MEASURED"),
        ([outcome("E008", Status.INCONCLUSIVE)], "INCONCLUSIVE"),
    ],
)
def test_the_status_is_the_one_that_explains_most(outcomes: list[Outcome], expected: str) -> None:
    assert statuses(outcomes)[0].value == expected


def test_every_status_that_applies_is_listed_once() -> None:
    found = [outcome("R002"), outcome("R006"), outcome("C001"), outcome("C003")]

    assert [s.value for s in statuses(found)] == [
        "UNDECLARED_TERM",
        "STALL",
        "BELOW_FLOOR",
        "DELTA_OUTSIDE",
    ]


def test_what_explains_most_comes_first_whatever_its_id() -> None:
    found = [outcome("C001"), outcome("R001"), outcome("R006"), outcome("D001", Status.PASS)]

    assert [one.check for one in by_cause(found)] == ["R006", "R001", "C001", "D001"]
