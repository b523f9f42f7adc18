"""One family of checks on one thing: what `amn check` does."""

from __future__ import annotations

import shlex
from dataclasses import replace
from typing import TYPE_CHECKING

from amn.case.config import CaseConfig
from amn.case.load import Case, load_case
from amn.checks.own import load_conftests
from amn.errors import ArgumentError
from amn.gate.modes import GateOptions, gate_of
from amn.gate.run import Gate, is_early

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from datetime import date
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

    from amn.checks.check import Check
    from amn.gate.result import GateResult
    from amn.golden.base.review import MergeBase

    Report = Callable[[int, int, str], None]


def _some(gate: Gate, chosen: Iterable[Check], command: str) -> GateResult:
    """Run some of the declared checks."""
    about = replace(gate.about, mode="", reproduce=command)
    return Gate(gate.evidence, about, declared=tuple(chosen)).result()


def _of(gate: Gate, *families: str) -> list[Check]:
    """Return the declared checks of some families."""
    return [check for check in gate.declared if check.family in families]


def _before_training(gate: Gate) -> list[Check]:
    """Return the declared checks that run before anything is trained."""
    return [check for check in gate.declared if is_early(check)]


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


def _load(case_path: Path) -> Case:
    """Load a case, and the checks of one's own that hold for it."""
    case = load_case(case_path)
    load_conftests([case.folder])
    return case


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
    gate = gate_of(case, options, progress=progress)
    return _some(gate, _of(gate, "data"), shlex.join(["amn", "check", "data", str(dataset)]))


def check_index(dataset: Path, *, progress: Report | None = None) -> GateResult:
    """Run the I checks, and the D checks they need, on a data set folder."""
    _require_folder(dataset)
    case = _bare_case(dataset, index=True)
    gate = gate_of(case, GateOptions(cache=dataset), progress=progress)
    return _some(
        gate, _of(gate, "data", "index"), shlex.join(["amn", "check", "index", str(dataset)])
    )


def check_split(
    case_path: Path, *, today: date | None = None, progress: Report | None = None
) -> GateResult:
    """Run everything that a gate runs before training: D, I, S and W."""
    case = _load(case_path)
    gate = gate_of(case, GateOptions(cache=case.folder, today=today), progress=progress)
    return _some(
        gate, _before_training(gate), shlex.join(["amn", "check", "split", str(case_path)])
    )


def check_custody(
    case: Case, *, merge_base: MergeBase | None = None, today: date | None = None
) -> GateResult:
    """Run the G checks that ask how the golden is kept; nothing is trained, no data are read."""
    options = GateOptions(cache=case.folder, merge_base=merge_base, today=today, custody_only=True)
    result = gate_of(case, options).result()
    return replace(result, reproduce=shlex.join(["amn", "golden", "verify", case.name]))


def check_run(
    run: Path, case_path: Path, *, today: date | None = None, progress: Report | None = None
) -> GateResult:
    """Run the R, M and E checks on a run folder."""
    case = _load(case_path)
    options = GateOptions(cache=case.folder, runs=(run,), first_run=True, today=today)
    gate = gate_of(case, options, progress=progress)
    chosen = [*_before_training(gate), *_of(gate, "record", "model", "evaluation")]
    return _some(
        gate, chosen, shlex.join(["amn", "check", "run", str(run), "--case", str(case_path)])
    )
