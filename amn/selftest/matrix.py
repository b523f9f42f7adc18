"""The result of a self-test: defect x caught by x when x time, and what fired on clean variants."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal

from amn.checks.check import checks

When = Literal["before training", "after training"]


@dataclass(frozen=True)
class DefectRow:
    """What became of one defect.

    Attributes:
        check: Label of the check that owns it.
        state: `caught` by that check, `missed`, or `not applicable` to this case.
        status: How the check ended; empty when it is not applicable.
        message: What the check said; why it was missed or does not apply.
        seconds: Bringing the defect in, and running the check and what it needs.
    """

    defect: str
    title: str
    check: str
    when: When
    state: Literal["caught", "missed", "not applicable"]
    status: str
    message: str
    seconds: float


@dataclass(frozen=True)
class CleanRow:
    """What happened on one clean variant.

    Attributes:
        alarms: What fired, check and message; empty when nothing did.
        checks: Checks that ran.
    """

    variant: str
    kind: str
    alarms: tuple[str, ...]
    checks: int
    seconds: float


@dataclass(frozen=True)
class Matrix:
    """The whole result.

    Attributes:
        seconds: From the first copy to the last variant; `early_seconds` of it without a model.
    """

    case: str
    defects: tuple[DefectRow, ...]
    clean: tuple[CleanRow, ...]
    seconds: float
    early_seconds: float

    def count(self, state: str, when: str | None = None) -> int:
        """Return how many defects ended so."""
        return sum(row.state == state and when in (None, row.when) for row in self.defects)

    @property
    def alarms(self) -> tuple[CleanRow, ...]:
        """The clean variants on which something fired."""
        return tuple(row for row in self.clean if row.alarms)

    @property
    def unproven(self) -> tuple[str, ...]:
        """Labels of the checks that no caught defect proves able to fail here."""
        proven = {row.check for row in self.defects if row.state == "caught"}
        return tuple(check.label for check in checks().values() if check.label not in proven)

    @property
    def passed(self) -> bool:
        """Whether a defect was tried, all were caught, and nothing fired on clean variants."""
        return bool(self.count("caught")) and not self.count("missed") and not self.alarms

    def to_json(self) -> dict[str, Any]:
        """Return the result as plain JSON data."""
        return {
            "schema": 1,
            "case": self.case,
            "passed": self.passed,
            "caught": self.count("caught"),
            "missed": self.count("missed"),
            "not_applicable": self.count("not applicable"),
            "before_training": self.count("caught", "before training"),
            "clean_variants": len(self.clean),
            "false_alarms": len(self.alarms),
            "unproven_checks": list(self.unproven),
            "seconds": round(self.seconds, 3),
            "seconds_before_training": round(self.early_seconds, 3),
            "defects": [asdict(row) for row in self.defects],
            "variants": [{**asdict(row), "alarms": list(row.alarms)} for row in self.clean],
        }
