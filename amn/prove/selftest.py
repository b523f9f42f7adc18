"""Running a self-test: every defect into a copy, its check asked, then the clean variants."""

from __future__ import annotations

import tempfile
import time
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from amn.checks.check import Defect, checks
from amn.checks.limits import all_checks
from amn.errors import ArgumentError, CheckNotRunError, DoesNotApplyError
from amn.gate.run import Gate, is_early
from amn.prove.clean import variants
from amn.prove.lab import Lab
from amn.verdict import FAMILIES, STATUS_OF, WORST_FIRST, Status

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from amn.case.config import CaseConfig
    from amn.case.load import Case
    from amn.checks.check import Check
    from amn.prove.clean import Variant
    from amn.verdict import Measured, Outcome


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


def trials(config: CaseConfig | None = None) -> tuple[Trial, ...]:
    """Return every known defect with its check, in the order in which a gate could see them.

    Args:
        config: Whose own limits are tried as well.
    """
    every = list(all_checks(config).values())
    listed = [Trial(check, defect) for check in every for defect in check.broken_by]
    early = [check for check in every if is_early(check) and check.needs]
    listed += [
        Trial(early[-2], Defect(check_returns_nothing), _returns_nothing),
        Trial(early[-1], Defect(check_skipped), _skips),
    ]
    return tuple(sorted(listed, key=lambda trial: trial.when != "before training"))


def choose(only: Sequence[str], config: CaseConfig | None = None) -> tuple[Trial, ...]:
    """Return the trials of defects, checks or families (`nan-row`, `D007`, `D`).

    Raises:
        ArgumentError: If a word names none.
    """
    known = trials(config)
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
    asked = choose(only, case.config)
    chosen = [d for d in asked if after_training or d.when == "before training"]
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
    try:
        outcome = _ask(lab, trial)
    except DoesNotApplyError as error:
        return replace(row, message=str(error), seconds=time.perf_counter() - begin)
    is_caught = trial.is_caught(outcome.status)
    message = lab.readable(_message(outcome))
    if not is_caught and outcome.limit:
        message = f"got {outcome.value} against a limit of {outcome.limit}: {message}"
    return replace(
        row,
        state="caught" if is_caught else "missed",
        status=outcome.status.value,
        message=message,
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
