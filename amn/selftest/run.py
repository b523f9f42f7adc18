"""Running a self-test: every defect into a copy, its check asked, then the clean variants."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from amn.checks.registry import rules
from amn.errors import ArgumentError
from amn.findings import Status
from amn.selftest import (
    custody_defects,
    data_defects,
    golden_defects,
    index_defects,
    record_defects,
    split_defects,
)
from amn.selftest.clean import variants
from amn.selftest.lab import Lab
from amn.selftest.matrix import CleanRow, DefectRow, Matrix

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from amn.case import Case
    from amn.findings import Outcome
    from amn.selftest.clean import Variant
    from amn.selftest.defects import Defect

CLEAN_VARIANTS = 100
# Checks without a defect, and why; every other one has at least one.
NO_DEFECT = {
    "D013": "encodes texts again: asked for with an encoder, on a data set that keeps its texts"
}


def defects() -> tuple[Defect, ...]:
    """Return every known defect, in the order in which a gate could see them."""
    listed = (
        *data_defects.DEFECTS,
        *index_defects.DEFECTS,
        *split_defects.DEFECTS,
        *record_defects.DEFECTS,
        *golden_defects.DEFECTS,
        *custody_defects.DEFECTS,
    )
    return tuple(sorted(listed, key=lambda defect: defect.when != "before training"))


def choose(only: Sequence[str]) -> tuple[Defect, ...]:
    """Return the defects with these ids, or of these checks or families (`D`, `D007`, `nan-row`).

    Raises:
        ArgumentError: If a word names none.
    """
    known = defects()
    if not only:
        return known
    chosen: set[str] = set()
    for word in only:
        upper = word.upper()
        mine = {d.id for d in known if d.id == word or upper in (d.check, d.check[0])}
        if not mine:
            raise ArgumentError(
                f"--only: expected a defect, a check or the letter of a family, got {word!r}. "
                "Fix: amn selftest --list"
            )
        chosen |= mine
    return tuple(defect for defect in known if defect.id in chosen)


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
        for is_early in (True, False):
            if not is_early and after_training:
                lab.clean  # noqa: B018 - trains what is not in the cache, or ends here
            for defect in [d for d in chosen if (d.when == "before training") == is_early]:
                _report(progress, rows, clean, len(chosen) + len(planned))
                rows.append(_try(lab, defect))
            for variant in [v for v in planned if (v.kind != "scores") == is_early]:
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


def _try(lab: Lab, defect: Defect) -> DefectRow:
    """Inject one defect and ask its check."""
    rule = rules()[defect.check]
    label = rule.label
    is_declared = defect.check in {r.id for r in lab.early.declared}
    if not (lab.has_golden if rule.family == "golden" else is_declared):
        reason = f"{label} is not declared for this case"
        return DefectRow(
            defect.id, defect.title, label, defect.when, "not applicable", "", reason, 0.0
        )
    begin = time.perf_counter()
    with defect.inject(lab) as session:
        outcome = session.outcome(defect.check)
    seconds = time.perf_counter() - begin
    is_caught = outcome.status in defect.statuses
    return DefectRow(
        defect=defect.id,
        title=defect.title,
        check=label,
        when=defect.when,
        state="caught" if is_caught else "missed",
        status=outcome.status.value,
        message=lab.readable(_message(outcome)),
        seconds=seconds,
    )


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
