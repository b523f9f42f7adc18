"""`amn train`: runs of a case, without a verdict."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import click
from rich.table import Table

from amn.cli.cases import find_case
from amn.cli.console import progress_bar, results

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
def command(case: str, out: Path, seeds: tuple[int, ...], init_from: Path | None) -> None:
    """Train the seeds of CASE; each makes a folder with record, checkpoint and scores.

    A folder appears when its training has ended; one that exists is not touched. A training that
    was killed goes on after its last whole epoch. The data is not checked first: that is what
    `amn gate` does.

    \b
    Examples:
      amn train wiki-mini
      amn train wiki-mini --seed 7 --out runs/seven
      amn train wiki-mini --init-from runs/wiki-mini-seed-0/model.safetensors --out runs/blend
    """  # noqa: D301 - \b keeps click from wrapping the examples
    from amn.gate.training import train_case, with_init_from  # noqa: PLC0415 - loads torch

    found = find_case(case)
    if init_from:
        found = with_init_from(found, init_from)
    notify = partial(click.echo, err=True)
    table = Table(box=None, pad_edge=False)
    columns = ("run", "status", "best epoch", "val cosine", "in_dist", "ood")
    is_blend = found.config.training.init_from is not None
    for column in (*columns, *(["old articles"] if is_blend else [])):
        table.add_column(column)
    with progress_bar() as progress:
        for run in train_case(found, out, seeds, progress=progress, notify=notify):
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
    results().print(table)
    click.echo(
        f"next: amn gate {case} "
        + " ".join(f"--run {out}/{Path(case).name}-seed-{s}" for s in seeds or ("…",))
    )


def _retention(facts: dict[str, Any]) -> str:
    """Return what became of the score on the articles that a checkpoint had seen."""
    if facts["after"] is None:
        return "none in train"
    change = facts["after"] - facts["before"]
    return f"{facts['before']:.4f} -> {facts['after']:.4f} ({change:+.4f})"
