"""`amn diagnose`: why a run failed, in the order in which to look."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import TYPE_CHECKING

import click

from amn.cli.cases import find_case, is_case, nearest_target, today
from amn.cli.console import progress_bar, results
from amn.cli.options import CACHE, FORMAT
from amn.cli.records import DEFAULT_PROFILE, REFERENCES, words_of
from amn.cli.slips import typed
from amn.diagnosis.diagnosis import Diagnosis
from amn.diagnosis.records import ABORT_PROFILES, judge_records
from amn.diagnosis.subject import of_record, of_result, read_subjects
from amn.diagnosis.trials import MINUTES, Budget, run_trials
from amn.errors import ConfigError
from amn.gate.modes import GateOptions, gate_of
from amn.report.diagnosis_text import print_diagnosis
from amn.report.json import dumps
from amn.training.records.find import RUN_FILE

if TYPE_CHECKING:
    from collections.abc import Callable

    from amn.case.load import Case
    from amn.gate.run import Gate

    Report = Callable[[int, int, str], None]

SCHEMA = 1
CHECKPOINTS = (".safetensors", ".pt")


def _size(_: click.Context, __: click.Parameter, text: str | None) -> tuple[int, int] | None:
    """Return `512x3` as steps and seeds; anything else is wrong use."""
    found = re.fullmatch(r"([1-9]\d{0,6})x([1-9]\d?)", text or "")
    if text is not None and not found:
        raise click.BadParameter(f"expected STEPSxSEEDS such as 512x3, got {text!r}")
    return (int(found[1]), int(found[2])) if found else None


@click.command("diagnose")
@click.argument("target")
@click.option(
    "--case", "case_name", metavar="CASE", help="The case that a run or checkpoint is of."
)
@click.option("--first-run", is_flag=True, help="There is no golden yet: gate without one.")
@REFERENCES
@FORMAT
@click.option(
    "--run-experiments",
    "is_trying",
    is_flag=True,
    help="Run the cheap experiments that settle causes, the hypotheses first.",
)
@click.option(
    "--minutes",
    type=click.FloatRange(min=0, min_open=True),
    help=f"That the experiments may take, after the gate.  [default: {MINUTES:g}]",
)
@click.option(
    "--plan",
    "size",
    metavar="STEPSxSEEDS",
    callback=_size,
    help="Trainings of exactly this size, instead of what fits into the minutes.",
)
@click.option(
    "--new",
    metavar="IDS",
    help="Training articles that are new.  [default: those that the golden had not, or the last]",
)
@click.option("-v", "--verbose", is_flag=True, help="Every cause in full.")
@CACHE
def command(
    target: str,
    case_name: str | None,
    first_run: bool,
    references: dict[str, float],
    style: str,
    is_trying: bool,
    minutes: float | None,
    size: tuple[int, int] | None,
    new: str | None,
    verbose: bool,
    cache: Path,
) -> None:
    """Rank the causes of what failed: evidence for and against, what settles it, what to do.

    TARGET is a case (a name under golden/, or a path), which is gated first; a run folder or a
    checkpoint, with --case for all checks; a record as in amn check run; or the JSON of amn gate.
    The diagnosis judges nothing new: it exits with 0 once it is written.

    \b
    Examples:
      amn diagnose wiki-mini
      amn diagnose wiki-mini --run-experiments --minutes 5
      amn diagnose runs/seed-0 --case wiki-mini
      amn diagnose training_history.json
      amn diagnose verdict.json --format json
    """  # noqa: D301 - \b keeps click from wrapping the examples
    if (minutes or size or new is not None) and not is_trying:
        raise click.UsageError("--minutes, --plan, --new: expected --run-experiments with them")
    if minutes and size:
        raise click.UsageError("--plan: expected no --minutes beside it: it says the size")
    budget = Budget(minutes or MINUTES, size, new)
    with progress_bar() as progress:
        gate = _gate(target, case_name, cache, progress, first_run=first_run)
        if gate and is_trying:
            subject = of_result(gate.result())
            found = [run_trials(gate, subject, budget=budget, progress=progress)]
        elif is_trying:
            raise click.UsageError("--run-experiments: expected a case, or a run with --case")
        elif gate:
            found = [Diagnosis(of_result(gate.result()), can_try=True)]
        else:
            found = _without_case(Path(target), references)
    if style == "json":
        document = {"schema": SCHEMA, "diagnoses": [one.to_json() for one in found]}
        click.echo(dumps(document))
        return
    out = results()
    for number, one in enumerate(found):
        if number:
            out.print()
        print_diagnosis(one, out, verbose=verbose)


def _gate(
    target: str, case_name: str | None, cache: Path, progress: Report, *, first_run: bool
) -> Gate | None:
    """Return the gate that the target asks for; None where it is a record or a verdict."""
    path = Path(target)
    case: Case | None = find_case(case_name) if case_name else None
    if is_case(target):
        if case:
            raise click.UsageError(f"expected a run or checkpoint with --case, got case {target}")
        options = GateOptions(cache=cache, first_run=first_run, today=today())
        return gate_of(find_case(target), options, progress=progress)
    if not path.exists():
        fix = typed(target, nearest_target(target)) or "amn diagnose CASE"
        raise ConfigError(
            path, [f"expected a case, run, record or verdict, found none. Fix: {fix}"]
        )
    is_run, is_checkpoint = (path / RUN_FILE).is_file(), path.suffix in CHECKPOINTS
    if case is None:
        if is_checkpoint:
            raise click.UsageError(f"{path}: expected the case of this checkpoint. Fix: --case")
        return None
    if not (is_run or is_checkpoint):
        raise click.UsageError(f"expected a run folder or checkpoint with --case, got {path}")
    options = GateOptions(
        cache=cache,
        runs=(path,) if is_run else (),
        checkpoint=None if is_run else path,
        first_run=first_run,
        today=today(),
    )
    return gate_of(case, options, progress=progress)


def _without_case(path: Path, references: dict[str, float]) -> list[Diagnosis]:
    """Diagnose the JSON of a gate, or records."""
    gated = read_subjects(path) if path.is_file() else None
    if gated is not None:
        return [Diagnosis(subject) for subject in gated]
    words = ["amn", "diagnose", str(path), *words_of(references)]
    judged = judge_records([path], ABORT_PROFILES[DEFAULT_PROFILE], references)
    return [Diagnosis(of_record(one, shlex.join(words))) for one in judged]
