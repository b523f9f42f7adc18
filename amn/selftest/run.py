"""Running a self-test: every defect into a copy, its check asked, then the clean variants."""

from __future__ import annotations

import tempfile
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from amn.checks.check import Defect, checks
from amn.errors import ArgumentError, CheckNotRunError
from amn.findings import FAMILIES, STATUS_OF, WORST_FIRST, Status
from amn.gate.run import Gate, is_early
from amn.selftest.clean import variants
from amn.selftest.lab import Lab
from amn.selftest.matrix import CleanRow, DefectRow, Matrix

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from amn.case import Case
    from amn.checks.check import Check
    from amn.findings import Measured, Outcome
    from amn.selftest.clean import Variant
    from amn.selftest.matrix import When

CLEAN_VARIANTS = 100


@dataclass(frozen=True)
class Trial:
    """One defect, and the check that has to catch it.

    Attributes:
        instead: Stands in for the check's own function, where the defect is that it does not look.
    """

    check: Check
    defect: Defect
    instead: Callable[..., Measured] | None = None

    @property
    def when(self) -> When:
        """Whether it is caught before a training step is spent."""
        return "before training" if is_early(self.check) else "after training"

    def is_caught(self, status: Status) -> bool:
        """Tell whether a status of the check is one that catches the defect."""
        if self.instead:
            return status is Status.ERROR
        least = self.check.severity if self.defect.least is None else self.defect.least
        worst = WORST_FIRST.index(STATUS_OF[least])
        looked = status in STATUS_OF.values()
        return looked and WORST_FIRST.index(status) <= worst


def check_returns_nothing() -> None:
    """A check returns nothing."""


def check_skipped() -> None:
    """A check was skipped."""


def _returns_nothing(**_: object) -> Any:  # noqa: ANN401 - that it is no Measured is the defect
    return None


def _skips(**_: object) -> Measured:
    raise CheckNotRunError("skipped")


def trials() -> tuple[Trial, ...]:
    """Return every known defect with its check, in the order in which a gate could see them."""
    every = list(checks().values())
    listed = [Trial(check, defect) for check in every for defect in check.broken_by]
    early = [check for check in every if is_early(check) and check.needs]
    listed += [
        Trial(early[0], Defect(check_returns_nothing), _returns_nothing),
        Trial(early[-1], Defect(check_skipped), _skips),
    ]
    return tuple(sorted(listed, key=lambda trial: trial.when != "before training"))


def choose(only: Sequence[str]) -> tuple[Trial, ...]:
    """Return the trials of defects, checks or families (`nan-row`, `D007`, `D`).

    Raises:
        ArgumentError: If a word names none.
    """
    known = trials()
    if not only:
        return known
    chosen: list[Trial] = []
    for word in only:
        upper = word.upper()
        mine = [t for t in known if t.defect.id == word or upper in (t.check.id, t.check.id[0])]
        if not mine:
            raise ArgumentError(
                f"--only: expected a defect, a check or the letter of a family, got {word!r}. "
                "Fix: amn selftest --list"
            )
        chosen += mine
    return tuple(trial for trial in known if trial in chosen)


def run_selftest(
    case: Case,
    *,
    cache: Path,
    only: Sequence[str] = (),
    n_variants: int = CLEAN_VARIANTS,
    after_training: bool = True,
    progress: Callable[[int, int, str], None] | None = None,
) -> Matrix:
    """Inject every defect into a copy of a case and require that its check catches it.

    Args:
        case: Only read; it has to pass its gate.
        cache: Finished runs, by content; seeds that are not there are trained.
        only: As `choose`.
        n_variants: Clean variants on which nothing may fire.
        after_training: Whether to try what needs a trained candidate.

    Raises:
        CheckNotRunError: If the case does not pass its own gate.
    """
    chosen = [d for d in choose(only) if after_training or d.when == "before training"]
    if not chosen:
        raise ArgumentError("--only: expected defects that need no training, got others")
    planned = list(variants(n_variants, after_training=after_training))
    rows: list[DefectRow] = []
    clean: list[CleanRow] = []
    begin = time.perf_counter()
    with tempfile.TemporaryDirectory(prefix="amn-selftest-") as folder:
        lab = Lab(case, cache, Path(folder), progress=progress)
        lab.early  # noqa: B018 - a case that fails its own checks ends here
        early_seconds = 0.0
        for is_first in (True, False):
            if not is_first and after_training:
                lab.clean  # noqa: B018 - trains what is not in the cache, or ends here
            for trial in [t for t in chosen if (t.when == "before training") == is_first]:
                _report(progress, rows, clean, len(chosen) + len(planned))
                rows.append(_try(lab, trial))
            for variant in [v for v in planned if (v.kind != "scores") == is_first]:
                _report(progress, rows, clean, len(chosen) + len(planned))
                clean.append(_try_clean(lab, variant))
            early_seconds = early_seconds or time.perf_counter() - begin
    seconds = time.perf_counter() - begin
    return Matrix(case.name, tuple(rows), tuple(clean), seconds, early_seconds)


def _report(
    progress: Callable[[int, int, str], None] | None,
    rows: Sequence[DefectRow],
    clean: Sequence[CleanRow],
    total: int,
) -> None:
    """Say how many defects and variants are done."""
    if progress:
        progress(len(rows) + len(clean), total, "self-test, defects and clean variants")


def _try(lab: Lab, trial: Trial) -> DefectRow:
    """Bring one defect in and ask its check."""
    check, begin = trial.check, time.perf_counter()
    row = DefectRow(
        trial.defect.id, trial.defect.title, check.label, trial.when, "not applicable", "", "", 0.0
    )
    is_declared = check.id in {one.id for one in lab.early.declared}
    if not (lab.has_golden if check.family == FAMILIES["G"] else is_declared):
        return replace(row, message=f"{check.label} is not declared for this case")
    outcome = _ask(lab, trial)
    return replace(
        row,
        state="caught" if trial.is_caught(outcome.status) else "missed",
        status=outcome.status.value,
        message=lab.readable(_message(outcome)),
        seconds=time.perf_counter() - begin,
    )


def _ask(lab: Lab, trial: Trial) -> Outcome:
    """Return how the check ends on the case with the defect in it."""
    check, early = trial.check, lab.early
    if trial.instead:
        lazy = replace(check, function=trial.instead)
        declared = [lazy if one.id == lazy.id else one for one in early.declared]
        return Gate(early.evidence, early.about, declared=declared).outcome(lazy.id)
    with lab.broken(trial.defect, is_early=is_early(check)) as gate:
        return gate.outcome(check.id)


def _message(outcome: Outcome) -> str:
    """Return what a check said first."""
    if outcome.findings:
        return f"{outcome.findings[0].where}: {outcome.findings[0].message}"
    return outcome.detail or f"{outcome.value} {outcome.limit}".strip()


def _try_clean(lab: Lab, variant: Variant) -> CleanRow:
    """Run the checks of one clean variant."""
    begin = time.perf_counter()
    outcomes = variant.outcomes(lab)
    alarms = tuple(
        f"{o.label} {o.status.value}: {lab.readable(_message(o))}"
        for o in outcomes
        if o.has_failed or o.status is Status.NOT_RUN
    )
    return CleanRow(variant.id, variant.kind, alarms, len(outcomes), time.perf_counter() - begin)
