"""G027: a recorded PASS stands only where every input is what it was."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from amn.checks.check import checks
from amn.checks.recorded import Recorded, other_input
from amn.gate.scope import scope_of
from amn.verdict import Status

DIGESTS = {"case": "a" * 64, "data": "b" * 64}


def recorded(now: dict[str, str]) -> Recorded:
    time = datetime(2026, 3, 1, tzinfo=UTC)
    return Recorded("c" * 40, time, ("data", "model", "record", "golden"), DIGESTS, now)


def run(one: Recorded) -> Any:
    return checks()["G027"].run({"recorded": one})


def test_equal_digests_stand_and_the_scope_says_since_when() -> None:
    outcome = run(recorded(DIGESTS))
    scope = scope_of({"recorded": recorded(DIGESTS)})

    assert outcome.status is Status.PASS
    assert outcome.value == "0 of 2 inputs differ"
    assert scope.since == "c" * 10
    assert scope.note == "not judged again: as at its PASS of 2026-03-01"
    assert [lack.kind for lack in scope.lacks] == ["merge base"]  # which is compared each time


@pytest.mark.parametrize(
    ("now", "names"),
    [
        ({**DIGESTS, "data": "d" * 64}, ["data"]),
        ({"case": "a" * 64}, ["data"]),
        ({**DIGESTS, "amn": "d" * 64}, ["amn"]),
        ({}, ["case", "data"]),
    ],
)
def test_g027_fires_on_an_input_that_differs_or_is_on_one_side_alone(
    now: dict[str, str], names: list[str]
) -> None:
    outcome = run(recorded(now))

    assert outcome.status is Status.FAIL
    assert [finding.where for finding in outcome.findings] == names
    assert outcome.value == f"{len(names)} of {len({*DIGESTS, *now})} inputs differ"


def test_g027_fires_on_its_defect() -> None:
    assert run(other_input(recorded(DIGESTS))["recorded"]).status is Status.FAIL  # type: ignore[arg-type]
