"""Results for the tests of reports, one of every kind, and texts that try to break out."""

from __future__ import annotations

from typing import Any

import pytest

from amn.evaluation.summary import Summary
from amn.gate.result import GateResult
from amn.verdict import Finding, Outcome, Standing, Status
from tests.whole import WHOLE

HOSTILE = (
    "<script>alert(1)</script> ]]> | `x` **b** @team #1 [a](b)\n\n# head \x00\x1b[31m & 😀 ~~s~~"
)


def outcome(check: str, status: Status, *findings: Finding, **changes: Any) -> Outcome:
    return Outcome(check, "name", status, findings=findings, **changes)


def result(*outcomes: Outcome, **changes: Any) -> GateResult:
    values: dict[str, Any] = {
        "case": "wiki-mini",
        "declared": tuple(o.label for o in outcomes),
        "outcomes": outcomes,
        "made": WHOLE,
        "reproduce": "amn gate wiki-mini",
    }
    return GateResult(**(values | changes))


@pytest.fixture
def make_result() -> Any:
    """Make a result of outcomes."""
    return result


@pytest.fixture
def make_outcome() -> Any:
    """Make an outcome of a status and findings."""
    return outcome


@pytest.fixture
def failed() -> GateResult:
    """A result in which something of every status happened."""
    below = Finding("ood", "expected at least 0.6, got 0.5701", "look at the data")
    return result(
        outcome("D001", Status.PASS, value="0 of 9 rows", limit="0 rows", seconds=0.25),
        outcome("D009", Status.WARN, Finding("case", "expected stages, found none")),
        outcome("R002", Status.INCONCLUSIVE, Finding("seed 0", "cannot tell")),
        outcome(
            "C002",
            Status.FAIL,
            below,
            value="0.5701",
            limit=">= 0.6000",
            number=0.5701,
            standing=Standing(0.55, 0.59, least=0.6),
        ),
        outcome("G001", Status.NOT_RUN, detail="not run: C002-name failed first"),
    )


@pytest.fixture
def hostile() -> GateResult:
    """A result whose every text comes from somebody who means harm."""
    finding = Finding(HOSTILE, HOSTILE, HOSTILE)
    bad = outcome("C002", Status.FAIL, finding, value=HOSTILE, limit=HOSTILE, detail=HOSTILE)
    scores = {HOSTILE: Summary(0.5, references={HOSTILE: 0.4})}
    return result(bad, case=HOSTILE, title=HOSTILE, made={"summaries": scores}, reproduce=HOSTILE)
