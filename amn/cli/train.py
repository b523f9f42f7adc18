"""`amn train`: runs of a case, without a verdict."""

from __future__ import annotations

import sys
from functools import partial
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING, Any

import click
from rich.table import Table

from amn.case.config import EVALUATED
from amn.cli.cases import find_case, today
from amn.cli.console import progress_bar, results
from amn.cli.options import CHECKPOINT, Existing, engine_options, open_engine
from amn.cli.sweep import Style, sweep_case
from amn.errors import ArgumentError, CheckNotRunError
from amn.gate.modes import GateOptions, gate_of, plan_of
from amn.system import CACHE_FOLDER
from amn.verdict import HOLD, Verdict

if TYPE_CHECKING:
    from amn.case.load import Case
    from amn.engines import Engine
    from amn.gate.evidence import Evidence
    from amn.training.command import Trainer

RUNS_FOLDER = Path("runs")


@click.command("train")
@click.argument("case")
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    default=RUNS_FOLDER,
    show_default=True,
    help="Where the run folders go.",
)
@click.option(
    "--seed",
    "seeds",
    type=int,
    multiple=True,
    help="Train this seed; repeat for several. Default: the case's seeds.",
)
@click.option(
    "--init-from",
    type=CHECKPOINT,
    help="Checkpoint to go on from: at lr 1e-4, on the articles that it has not seen.",
)
@click.option(
    "--sweep",
    type=Existing("a sweep file", "write one as docs/sweeps.md shows", dir_okay=False),
    help="Train every point of this sweep file; one table and one plot at the end.",
)
@click.option(
    "--format",
    "style",
    type=click.Choice(["text", "json", "markdown"]),
    default="text",
    show_default=True,
    help="Of the table of a sweep.",
)
@click.option(
    "--device",
    type=click.Choice(["cpu", "cuda", "auto"]),
    default="cpu",
    show_default=True,
    help="What to train on; auto: a GPU where there is one.",
)
@engine_options
def command(
    case: str,
    out: Path,
    seeds: tuple[int, ...],
    init_from: Path | None,
    sweep: Path | None,
    style: Style,
    device: str,
    engine: str,
    address: str | None,
) -> None:
    """Train the seeds of CASE; each makes a folder with record, checkpoint and scores.

    A folder appears when its training has ended; one that exists is not touched. After a kill the
    same command goes on: finished seeds are taken, others begin after their last whole epoch.

    The data is not checked first: that is what `amn gate` does. A case with `blocked_by` is trained
    only while the case named there passes, which has to be trained already: amn gate NAME.

    What a command trains (`[model] command`) leaves its predictions; on this machine.

    A sweep keeps its course and its runs in .amn: started again, it goes on where it was.

    A training that a rule stopped is named with the rule, number and limit; the exit code is 1.

    With --engine ray seeds and points are tasks of a cluster whose nodes see the same files.

    \b
    Examples:
      amn train wiki-mini
      amn train wiki-mini --seed 7 --out runs/seven
      amn train wiki-mini --init-from runs/wiki-mini-seed-0/model.safetensors --out runs/blend
      amn train wiki-mini --sweep sweep.toml --engine ray --address auto
    """  # noqa: D301 - \b keeps click from wrapping the examples
    from amn.training.device import find_device  # noqa: PLC0415 - loads torch

    found = find_case(case)
    _require_fitting(found, sweep, init_from, style=style, device=device, engine=engine)
    if init_from:
        found = found.going_on_from(init_from)
    if sweep and (seeds or device != "cpu"):
        raise ArgumentError(
            "--sweep: expected no --seed and no --device beside it. Fix: seeds in the file"
        )
    with open_engine(engine, address) as cluster:
        with progress_bar() as bar:
            options = GateOptions(
                cache=CACHE_FOLDER, today=today(), first_run=True, trains_blocker=False
            )
            gate = gate_of(found, options, progress=bar)
            held = gate.outcome(HOLD) if found.config.blocked_by else None
        if held and held.has_failed:
            for finding in held.findings:
                click.echo(str(finding))
            sys.exit(Verdict.FAIL.exit_code())
        if found.config.model.command:
            _run_command(case, gate.evidence, out, seeds)
            return
        if sweep:
            sweep_case(found, sweep, out, style, engine=cluster)
            return
        ended = _train(found, out, seeds, find_device(device), cluster)
    for line in ended:
        click.echo(line)
    click.echo(f"next: {_next(case, found, out, seeds, init_from)}")
    if ended:
        sys.exit(Verdict.FAIL.exit_code())


def _require_fitting(
    case: Case,
    sweep: Path | None,
    init_from: Path | None,
    *,
    style: str,
    device: str,
    engine: str,
) -> None:
    """Raise unless options go together, and with what trains the case."""
    if style != "text" and not sweep:
        raise click.UsageError(f"--format {style}: expected --sweep beside it")
    if device != "cpu" and engine == "ray":
        raise ArgumentError(f"--device: expected cpu with --engine ray, got {device}")
    if case.config.model.command is None:
        return
    asked = {"--sweep": sweep, "--init-from": init_from, "--device": device != "cpu"}
    if given := [option for option, is_asked in asked.items() if is_asked]:
        message = f"{given[0]}: expected none where model.command trains, got it"
        raise ArgumentError(f"{message}. Fix: leave it out, and say it in an input of the command")


def _run_command(name: str, evidence: Evidence, out: Path, seeds: tuple[int, ...]) -> None:
    """Run the command of a case for some seeds, and print what each has left."""
    case = evidence["case"]
    trainer: Trainer = evidence["trainer"]
    folders = {s: out / f"{case.name}-seed-{s}" for s in seeds or case.config.training.seeds}
    table = Table(box=None, pad_edge=False)
    for column in ("run", "in_dist", "ood"):
        table.add_column(column)
    unsound = []
    with progress_bar() as bar:
        for one in trainer.train_into(folders, bar):
            if not one.is_sound:
                unsound += [f"{one.joined.name}: {fault}" for fault in one.joined.faults]
                unsound += [str(one.history)] * (not one.joined.faults)
                continue
            means = [f"{one.joined.scores[split].mean:.4f}" for split in EVALUATED]
            table.add_row(str(folders[one.seed]), *means)
    results().print(table)
    if unsound:
        fix = "one row for each window in AMN_JUDGED, and what model.history promises"
        raise CheckNotRunError(f"expected sound trainings, got {'; '.join(unsound)}. Fix: {fix}")
    files = (next(folder.glob("predictions.*")) for folder in folders.values())
    given = " ".join(f"--predictions {quote(str(file))}" for file in files)
    click.echo(f"next: amn gate {quote(name)} {given}")


def _next(case: str, found: Case, out: Path, seeds: tuple[int, ...], init_from: Path | None) -> str:
    """Return how what was trained is gated: by a case that declares what it was made by."""
    wanted = seeds or found.config.training.seeds
    runs = " ".join(f"--run {quote(f'{out}/{found.name}-seed-{seed}')}" for seed in wanted)
    if not init_from:
        return f"amn gate {quote(case)} {runs}"
    said = f'init_from = "{init_from.resolve()}", lr = {found.config.training.rate:g}'
    return f"declare it in [training] of a case ({said}), then amn gate CASE {runs}"


def _train(
    found: Case, out: Path, seeds: tuple[int, ...], device: str, engine: Engine | None
) -> list[str]:
    """Train seeds and print a line each; return why those ended that did not finish."""
    from amn.training.record import mixture_in_words  # noqa: PLC0415 - used here alone
    from amn.training.workers import train_seeds  # noqa: PLC0415 - loads torch

    notify = partial(click.echo, err=True)
    table = Table(box=None, pad_edge=False)
    columns = ("run", "status", "best epoch", "val cosine", "in_dist", "ood")
    is_blend = found.config.training.init_from is not None
    is_mixed = found.config.model.stack
    more = ["mixture"] * is_mixed + ["old articles"] * is_blend
    for column in (*columns, *more):
        table.add_column(column)
    ended = []
    with progress_bar() as bar:
        plan = plan_of(found)
        wanted = seeds or found.config.training.seeds
        folders = {seed: out / f"{found.name}-seed-{seed}" for seed in wanted}
        for run in train_seeds(
            plan, folders, progress=bar, notify=notify, device=device, engine=engine
        ):
            record, scores = run.record, run.evaluation.scores
            retention = run.info.get("retention")
            if record.stop:
                rule = f"{record.status} by {record.stop.check} in epoch {record.stop.epoch}"
                fix = f"amn rules {record.stop.check}; or amn diagnose {quote(str(run.folder))}"
                ended.append(f"{run.folder}: {rule}: {record.stop.message}. Fix: {fix}")
            table.add_row(
                str(run.folder),
                record.status,
                f"{record.best_epoch}/{len(record.epochs)}",
                f"{record.best_val_cosine:.4f}",
                f"{scores['in_dist'].mean:.4f}",
                f"{scores['ood'].mean:.4f}",
                *([mixture_in_words([record])] if is_mixed else []),
                *([_retention(retention)] if retention else []),
            )
    results().print(table)
    return ended


def _retention(facts: dict[str, Any]) -> str:
    """Return what became of the score on the articles that a checkpoint had seen."""
    if facts["after"] is None:
        return "none in train"
    change = facts["after"] - facts["before"]
    return f"{facts['before']:.4f} -> {facts['after']:.4f} ({change:+.4f})"
