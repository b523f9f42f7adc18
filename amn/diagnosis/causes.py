"""Causes as data (`causes.toml`): what speaks for and against each, what settles it, what to do."""

from __future__ import annotations

import tomllib
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from amn.diagnosis.figures import FIGURES
from amn.verdict import Status

if TYPE_CHECKING:
    from amn.verdict import Outcome

End = Literal["fails", "warns", "passes", "undecided", "errs"]
TrialId = Literal["rescore", "resort", "deduplicate", "splits", "coherent_part", "trainings"]
STATUSES: dict[End, tuple[Status, ...]] = {
    "fails": (Status.FAIL, Status.HARNESS),
    "warns": (Status.WARN,),
    "passes": (Status.PASS,),
    "undecided": (Status.INCONCLUSIVE,),
    "errs": (Status.ERROR,),
}


class _Entry(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Sign(_Entry):
    """One thing that speaks for a cause or against it: how checks ended, or where a figure is.

    Attributes:
        checks: Ids, or a letter for a whole family; one that ended so is enough.
        ends: How they end.
        figure: Name of a figure, in place of checks.
        above: The figure is larger.
        below: The figure is smaller.
        weight: 4 or more settles a cause by itself, 2 is strong, 1 is a hint.
        says: What it means.
    """

    checks: tuple[str, ...] = ()
    ends: tuple[End, ...] = ("fails",)
    figure: str = ""
    above: float | None = None
    below: float | None = None
    weight: Annotated[float, Field(gt=0)]
    says: str

    @model_validator(mode="after")
    def _one_kind(self) -> Sign:
        if bool(self.checks) == bool(self.figure):
            raise ValueError("expected either checks or a figure")
        if self.figure and (
            self.figure not in FIGURES or (self.above is None) == (self.below is None)
        ):
            raise ValueError(f"expected a known figure above or below, got {self.figure!r}")
        return self

    def matches(self, outcome: Outcome) -> bool:
        """Tell whether a check that it names ended as it says."""
        is_named = not {outcome.check, outcome.check[0]}.isdisjoint(self.checks)
        return is_named and any(outcome.status in STATUSES[end] for end in self.ends)

    def holds(self, value: float) -> bool:
        """Tell whether a value of its figure is on the side that it says; NaN is on neither."""
        if self.above is not None:
            return value > self.above
        return self.below is not None and value < self.below

    @property
    def limit(self) -> str:
        """`> 0.03`."""
        return f"> {self.above:g}" if self.above is not None else f"< {self.below:g}"


class Cause(_Entry):
    """What may be behind failed checks, and what to do about it.

    Attributes:
        why: What it does to a run.
        sign: Each of them raises the suspicion.
        support: They add weight to a suspicion and raise none.
        against: They take weight away.
        experiment: What would settle it.
        trial: The experiment that `--run-experiments` does, where it is a cheap one.
        actions: What to do, in order.
        avoid: What not to do.
        next: The step that settles it for good.
        tunes: Whether it asks for other data or settings: not before measurement, rows and loss
            are sound.
    """

    id: str
    title: str
    why: str
    sign: tuple[Sign, ...]
    support: tuple[Sign, ...] = ()
    against: tuple[Sign, ...] = ()
    experiment: str
    trial: TrialId | None = None
    actions: tuple[str, ...]
    avoid: tuple[str, ...]
    next: tuple[str, ...]
    tunes: bool = False


class Changes(_Entry):
    """Ids of the checks that name which data and which settings are not the golden's."""

    data: str
    settings: str


@cache
def causes() -> tuple[Cause, ...]:
    """Return every cause, in the order in which to decide."""
    return tuple(Cause.model_validate(item) for item in _file()["cause"])


@cache
def changes() -> Changes:
    """Return the checks that name what changed since the golden."""
    return Changes.model_validate(_file()["changes"])


def _file() -> dict[str, Any]:
    return tomllib.loads(files("amn.diagnosis").joinpath("causes.toml").read_text("utf-8"))
