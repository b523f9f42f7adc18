"""`amn train`: runs of a case, without a verdict."""

from __future__ import annotations

import signal
import sys
from functools import partial
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING, Any

import click
from rich.table import Table

from amn.cli.cases import find_case, today
from amn.cli.console import progress_bar, results
from amn.cli.sweep import Style, sweep_case
from amn.errors import ArgumentError
from amn.places import CACHE_FOLDER

if TYPE_CHECKING:
    from amn.case import Case
    from amn.training.compute import Compute

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
    type=click.Path(path_type=Path, dir_okay=False),
    help="Checkpoint to go on from: at lr 1e-4, on the articles that it has not seen.",
)
@click.option(
    "--sweep",
    type=click.Path(path_type=Path, dir_okay=False),
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
    help="Where to train; auto: on a GPU where there is one.",
)
def command(
    case: str,
    out: Path,
    seeds: tuple[int, ...],
    init_from: Path | None,
    sweep: Path | None,
    style: Style,
    device: str,
) -> None:
    """Train the seeds of CASE; each makes a folder with record, checkpoint and scores.

    A folder appears when its training has ended; one that exists is not touched. After a kill the
    same command goes on: finished seeds are taken, others begin after their last whole epoch.

    The data is not checked first: that is what `amn gate` does. A case with `blocked_by` is trained
    only while the case named there passes.

    Under torchrun all processes train each seed together, with the result of one.

    A sweep keeps its runs by content in .amn/runs: started again, it goes on where it was.

    \b
    Examples:
      amn train wiki-mini
      amn train wiki-mini --seed 7 --out runs/seven
      amn train wiki-mini --init-from runs/wiki-mini-seed-0/model.safetensors --out runs/blend
      amn train wiki-mini --sweep sweep.toml
      torchrun --nproc-per-node 2 -m amn train wiki-mini
    """  # noqa: D301 - \b keeps click from wrapping the examples
    from amn.gate.training import require_trainable, with_init_from  # noqa: PLC0415 - loads torch
    from amn.training.compute import is_launched, take_part  # noqa: PLC0415 - as above

    found = find_case(case)
    if init_from:
        found = with_init_from(found, init_from)
    if style != "text" and not sweep:
        raise click.UsageError(f"--format {style}: expected --sweep beside it")
    if sweep:
        if seeds or device != "cpu" or is_launched():
            raise ArgumentError(
                "--sweep: expected neither --seed, --device nor torchrun beside it. "
                "Fix: seeds in the sweep file"
            )
        with progress_bar() as bar:
            require_trainable(found, CACHE_FOLDER, today=today(), progress=bar)
        sweep_case(found, sweep, out, style)
        return
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # what torchrun sends: clean up, then end
    with take_part(device) as compute:
        _train(found, out, seeds, compute)
    if compute.rank == 0:
        click.echo(
            f"next: amn gate {quote(case)} "
            + " ".join(
                f"--run {quote(f'{out}/{found.name}-seed-{seed}')}"
                for seed in seeds or found.config.training.seeds
            )
        )


def _train(found: Case, out: Path, seeds: tuple[int, ...], compute: Compute) -> None:
    """Train seeds and print a line each; of several processes, the first one prints."""
    from amn.gate.training import require_trainable, train_case  # noqa: PLC0415 - loads torch

    notify = partial(click.echo, err=True)
    table = Table(box=None, pad_edge=False)
    columns = ("run", "status", "best epoch", "val cosine", "in_dist", "ood")
    is_blend = found.config.training.init_from is not None
    for column in (*columns, *(["old articles"] if is_blend else [])):
        table.add_column(column)
    is_first = compute.rank == 0
    with progress_bar() as bar:
        told = bar if is_first else None
        require_trainable(found, CACHE_FOLDER, today=today(), progress=told, compute=compute)
        for run in train_case(
            found,
            out,
            seeds,
            progress=told,
            notify=notify if is_first else None,
            compute=compute,
        ):
            record, scores = run.record, run.evaluation.scores
            retention = run.info.get("retention")
            table.add_row(
                str(run.folder),
                record.status,
                f"{record.best_epoch}/{len(record.epochs)}",
                f"{record.best_val_cosine:.4f}",
                f"{scores['in_dist'].mean:.4f}",
                f"{scores['ood'].mean:.4f}",
                *([_retention(retention)] if retention else []),
            )
    if is_first:
        results().print(table)


def _retention(facts: dict[str, Any]) -> str:
    """Return what became of the score on the articles that a checkpoint had seen."""
    if facts["after"] is None:
        return "none in train"
    change = facts["after"] - facts["before"]
    return f"{facts['before']:.4f} -> {facts['after']:.4f} ({change:+.4f})"
