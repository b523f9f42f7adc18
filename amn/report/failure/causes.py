"""From findings to root causes: a table, looked up; nothing is inferred that no check has found."""

from __future__ import annotations

import tomllib
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict

from amn.findings import Status

if TYPE_CHECKING:
    from collections.abc import Iterable

    from amn.findings import Outcome

COUNTED = (Status.FAIL, Status.HARNESS)


class Cause(BaseModel):
    """What may be behind failed checks, and what to do about it.

    Attributes:
        checks: Ids, or a letter for a whole family.
        why: What it does to a run.
        actions: What to do, in order.
        avoid: What not to do.
        next: The step that settles it.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    id: str
    title: str
    checks: tuple[str, ...]
    why: str
    actions: tuple[str, ...]
    avoid: tuple[str, ...]
    next: tuple[str, ...]

    def explains(self, outcome: Outcome) -> bool:
        """Tell whether a failed check points at it: the id is listed, or its family is."""
        names = {outcome.check, outcome.check[0]}
        return outcome.status in COUNTED and not names.isdisjoint(self.checks)


@cache
def causes() -> tuple[Cause, ...]:
    """Return every cause, the one to look at first on top."""
    text = files("amn.report.failure").joinpath("causes.toml").read_text("utf-8")
    return tuple(Cause.model_validate(item) for item in tomllib.loads(text)["cause"])


def find_causes(outcomes: Iterable[Outcome]) -> dict[Cause, list[Outcome]]:
    """Return the causes that failed checks point at, each with those checks, in their order."""
    failed = [outcome for outcome in outcomes if outcome.status in COUNTED]
    found = {cause: [o for o in failed if cause.explains(o)] for cause in causes()}
    return {cause: evidence for cause, evidence in found.items() if evidence}
