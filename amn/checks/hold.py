"""R: may a case be trained yet: a case that waits for another one is held while that fails."""

from __future__ import annotations

from dataclasses import dataclass

from amn.checks.check import check
from amn.training.records.history import RunStatus
from amn.verdict import HOLD, Finding, Measured, Verdict

MOST_NAMED = 3  # checks of the other case, in one line


@dataclass(frozen=True, slots=True)
class Hold:
    """The case that this one waits for, and how its gate ended.

    Attributes:
        case: Its name.
        verdict: None where it has not been trained, and nothing is to be for the answer.
        failed: Labels of its checks that failed; not of those that these kept from running.
        command: What gives its verdict.
    """

    case: str
    verdict: Verdict | None
    failed: tuple[str, ...] = ()
    command: str = ""

    @property
    def got(self) -> str:
        """`FAIL (C002-ood)`."""
        if self.verdict is None:
            return "no verdict: it is not trained here yet"
        names = ", ".join(self.failed[:MOST_NAMED])
        more = len(self.failed) - MOST_NAMED
        rest = f" and {more} more" if more > 0 else ""
        return f"{self.verdict.value} ({names}{rest})" if names else self.verdict.value


def blocker_fails(hold: Hold) -> dict[str, object]:
    """The case that this one waits for fails."""
    return {"hold": Hold(hold.case, Verdict.FAIL, ("C002-ood",), hold.command)}


@check(HOLD, "hold", broken_by=[blocker_fails], means=RunStatus.NOT_MEASURED)
def check_hold(hold: Hold) -> Measured:
    """The case named in blocked_by passes; before that, nothing of this one is looked at.

    Why: While it is open whether the data are at fault, models trained on them decide nothing and
    cost as much as any.
    Fix: Mend the case that is named: amn gate NAME; or take blocked_by out of case.toml
    """
    findings = []
    if hold.verdict is not Verdict.PASS:
        message = f"expected it to pass before this case is trained, got {hold.got}"
        findings = [Finding(f"BLOCKED BY {hold.case}", message, hold.command)]
    return Measured(f"{hold.case}: {hold.got}", "PASS", findings)
