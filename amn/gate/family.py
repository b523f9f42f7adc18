"""One family of checks on one thing: what `amn check` does."""

from __future__ import annotations

import shlex
from dataclasses import replace
from typing import TYPE_CHECKING

from amn.case import Case, load_case
from amn.checks.registry import BEFORE_TRAINING, Family
from amn.config import CaseConfig
from amn.errors import ArgumentError
from amn.findings import GateResult, Outcome
from amn.gate.options import GateOptions
from amn.gate.session import GateSession

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import date
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

    from amn.mergebase.review import MergeBase

    Report = Callable[[int, int, str], None]


def _some(session: GateSession, families: tuple[Family, ...], command: str) -> GateResult:
    """Run the declared checks of some families."""
    chosen = [rule for rule in session.declared if rule.family in families]
    outcomes: tuple[Outcome, ...] = tuple(session.outcome(rule.id) for rule in chosen)
    return GateResult(
        case=session.case.name,
        declared=tuple(rule.label for rule in chosen),
        outcomes=outcomes,
        facts={"title": session.case.config.title},
        reproduce=command,
    )


def _bare_case(dataset: Path, *, index: bool) -> Case:
    """Return a case around a data set alone, for checks that need no split."""
    config = CaseConfig.model_validate(
        {
            "schema": 1,
            "dataset": {"path": ".", "index": index},
            "split": {"in_dist": {"fraction": 0.1}, "ood": {"fraction": 0.1}},
        }
    )
    return Case(folder=dataset, config=config)


def _require_folder(dataset: Path) -> None:
    """Raise ArgumentError for a file: vectors that are no data set yet."""
    if dataset.is_file():
        fix = shlex.join(["amn", "data", "import", str(dataset), "FOLDER"])
        raise ArgumentError(f"{dataset}: expected the folder of a data set, got a file. Fix: {fix}")


def check_data(
    dataset: Path,
    *,
    encode: Callable[[list[str]], NDArray[np.float32]] | None = None,
    progress: Report | None = None,
) -> GateResult:
    """Run the D checks on a data set folder; with an encoder, re-encode a sample of its texts."""
    _require_folder(dataset)
    case = _bare_case(dataset, index=False)
    options = GateOptions(cache=dataset, encode=encode)
    session = GateSession(case, options, progress=progress)
    return _some(session, ("data",), shlex.join(["amn", "check", "data", str(dataset)]))


def check_index(dataset: Path, *, progress: Report | None = None) -> GateResult:
    """Run the I checks, and the D checks they need, on a data set folder."""
    _require_folder(dataset)
    case = _bare_case(dataset, index=True)
    session = GateSession(case, GateOptions(cache=dataset), progress=progress)
    return _some(session, ("data", "index"), shlex.join(["amn", "check", "index", str(dataset)]))


def check_split(
    case_path: Path, *, today: date | None = None, progress: Report | None = None
) -> GateResult:
    """Run everything that a gate runs before training: D, I, S and W."""
    case = load_case(case_path)
    session = GateSession(case, GateOptions(cache=case.folder, today=today), progress=progress)
    return _some(session, BEFORE_TRAINING, shlex.join(["amn", "check", "split", str(case_path)]))


def check_custody(
    case: Case, *, merge_base: MergeBase | None = None, today: date | None = None
) -> GateResult:
    """Run the G checks that ask how the golden is kept; nothing is trained, no data are read."""
    options = GateOptions(cache=case.folder, merge_base=merge_base, today=today, custody_only=True)
    result = GateSession(case, options).result()
    return replace(result, reproduce=shlex.join(["amn", "golden", "verify", case.name]))


def check_run(
    run: Path, case_path: Path, *, today: date | None = None, progress: Report | None = None
) -> GateResult:
    """Run the R, M and E checks on a run folder."""
    case = load_case(case_path)
    options = GateOptions(cache=case.folder, runs=(run,), first_run=True, today=today)
    session = GateSession(case, options, progress=progress)
    families: tuple[Family, ...] = (*BEFORE_TRAINING, "record", "model", "evaluation")
    return _some(
        session, families, shlex.join(["amn", "check", "run", str(run), "--case", str(case_path)])
    )
