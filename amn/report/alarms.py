"""Alarms of all the cases of one gate: which stand, when every comparison that was made counts.

A FAIL stays a FAIL: each case is held to its own levels, whoever is gated beside it. With 20 cases,
though, one false alarm in a run is to be expected at 5 % each, and Holm's step-down over all of the
comparisons (Holm 1979) says which alarms are no such accident.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from amn.checks.comparison import holm

if TYPE_CHECKING:
    from collections.abc import Sequence

    from amn.gate.result import GateResult


@dataclass(frozen=True, slots=True)
class Alarms:
    """The alarms of several cases together.

    Attributes:
        comparisons: With goldens, in all cases.
        alpha: Chance of any false alarm among them; the smallest of the cases'.
        standing: `case check` of the alarms that Holm's levels uphold.
        doubtful: The others.
    """

    comparisons: int
    alpha: float
    standing: tuple[str, ...]
    doubtful: tuple[str, ...]

    def __str__(self) -> str:
        n = len(self.standing) + len(self.doubtful)
        verb = "survives" if len(self.standing) == 1 else "survive"
        which = f" ({', '.join(self.standing)})" if self.standing else ""
        text = (
            f"{len(self.standing)} of {n} alarms {verb} Holm at {self.alpha * 100:g} % over the "
            f"{self.comparisons} comparisons of this run{which}"
        )
        if self.doubtful:
            names = ", ".join(self.doubtful)
            text += f"; {names} may be chance among so many, and fails by its own case all the same"
        return text


def alarms_of(results: Sequence[GateResult]) -> Alarms | None:
    """Return the alarms of several cases; None for one case, and where there is no alarm."""
    made = [(result.case, result.compared) for result in results]
    tests: dict[str, tuple[str, float | None]] = {  # by place: two folders may have one name
        f"{place} {check}": (f"{case} {check}", one.p)
        for place, (case, compared) in enumerate(made)
        for check, one in compared.items()
    }
    found = {key: p for key, (_, p) in tests.items() if p is not None}
    if len(results) < 2 or not found:  # noqa: PLR2004 - one case has Holm's levels of its own
        return None
    alpha = min(one.alpha for _, compared in made for one in compared.values())
    standing = holm(tests, lambda key, level: found.get(key, 1.0) <= level, alpha)
    return Alarms(
        comparisons=len(tests),
        alpha=alpha,
        standing=tuple(tests[key][0] for key in found if key in standing),
        doubtful=tuple(tests[key][0] for key in found if key not in standing),
    )
