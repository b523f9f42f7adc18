"""One word for a run: the status that explains most comes first."""

from __future__ import annotations

import pytest

from amn.findings import Outcome, Status
from amn.records.status import RunStatus, statuses


def outcome(check: str, status: Status = Status.FAIL, value: str = "") -> Outcome:
    return Outcome(check, "name", status, value=value)


@pytest.mark.parametrize(
    ("outcomes", "expected"),
    [
        ([], "SUCCESS"),
        ([outcome("R001", Status.PASS), outcome("R013", Status.WARN)], "SUCCESS"),
        ([outcome("C001"), outcome("E005", Status.HARNESS)], "HARNESS"),
        ([outcome("R001"), outcome("R007", value="info 99.9%, 692 : 1 to mse")],
         "INFONCE_DOMINANCE"),
        ([outcome("R007", value="variance 61.0%")], "DOMINANT_TERM"),
        ([outcome("C002", Status.ERROR), outcome("R007", value="info_nce 90%")],
         "INFONCE_DOMINANCE"),
        ([outcome("R006"), outcome("R001")], "UNDECLARED_TERM"),
        ([outcome("R001"), outcome("R013")], "NO_SKILL"),
        ([outcome("C004")], "NO_SKILL"),
        ([outcome("R005"), outcome("R001", Status.NOT_RUN)], "CRASHED"),
        ([outcome("C001")], "BELOW_FLOOR"),
        ([outcome("D007"), outcome("C001", Status.NOT_RUN)], "BROKEN_DATA"),
        ([outcome("G001")], "WORSE_THAN_GOLDEN"),
        ([outcome("C002", Status.ERROR)], "NOT_MEASURED"),
        ([outcome("E008", Status.INCONCLUSIVE)], "INCONCLUSIVE"),
    ],
)  # fmt: skip
def test_the_status_is_the_one_that_explains_most(outcomes: list[Outcome], expected: str) -> None:
    assert statuses(outcomes, {})[0].value == expected


@pytest.mark.parametrize(
    ("ood", "expected"), [(0.39, RunStatus.OOD_COLLAPSE), (0.55, RunStatus.BELOW_FLOOR)]
)
def test_an_ood_collapse_is_a_score_that_a_harness_can_produce(
    ood: float, expected: RunStatus
) -> None:
    assert statuses([outcome("C002")], {"ood": ood}) == (expected,)


def test_every_status_that_applies_is_listed_once() -> None:
    found = [outcome("R002"), outcome("R006"), outcome("C001"), outcome("C003")]

    assert [s.value for s in statuses(found, {})] == ["UNDECLARED_TERM", "STALL", "BELOW_FLOOR"]
