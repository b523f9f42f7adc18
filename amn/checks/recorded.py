"""G: a case that is not judged again, because nothing of it is another than when it last passed."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from amn.checks.check import check
from amn.verdict import Finding, Measured

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import datetime

SHOWN_DIGITS = 10  # of a commit
UNCHANGED = "G027"  # declared for a case that is not judged again


@dataclass(frozen=True, slots=True)
class Recorded:
    """The last verdict of a case that the default branch recorded, and what is there now.

    Attributes:
        commit: Of the default branch that was judged.
        time: When it was.
        looked: The parts of a whole gate that were looked at.
        then: Name of an input of the verdict -> its digest when it was reached.
        now: The same here.
    """

    commit: str
    time: datetime
    looked: tuple[str, ...]
    then: Mapping[str, str]
    now: Mapping[str, str]

    @property
    def since(self) -> str:
        """The commit, as people write it."""
        return self.commit[:SHOWN_DIGITS]

    @property
    def others(self) -> list[str]:
        """Names of the inputs that are others now, or were none then."""
        names = sorted({*self.then, *self.now})
        return [name for name in names if self.then.get(name) != self.now.get(name)]


def other_input(recorded: Recorded) -> dict[str, object]:
    """The files of the case are others than when it passed."""
    return {"recorded": replace(recorded, now={**recorded.now, "case": "0" * 64})}


@check(UNCHANGED, "unchanged", broken_by=[other_input])
def check_unchanged(recorded: Recorded) -> Measured:
    """All that the verdict rests on is what it rested on when the default branch recorded a PASS.

    By digests of the case's files and golden, its data, amn and what it runs on, and what runs the
    gate. Declared by amn gate --changed, for cases that it does not judge again.

    Why: What is not looked at passes by proof alone.
    Fix: Judge the case itself: amn gate CASE
    """
    findings = [
        Finding(name, "expected what it was at the recorded PASS, got another", "amn gate CASE")
        for name in recorded.others
    ]
    detail = f"PASS at {recorded.since} of {recorded.time:%Y-%m-%d}"
    n = len({*recorded.then, *recorded.now})
    return Measured(f"{len(findings)} of {n} inputs differ", "none", findings, detail)


def is_of(declared: Iterable[str]) -> bool:
    """Tell by the labels of its checks whether a result is of a case that was not judged again."""
    return any(label.partition("-")[0] == UNCHANGED for label in declared)
