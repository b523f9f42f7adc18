"""`amn train`: runs of a case, without a verdict."""

from __future__ import annotations

from pathlib import Path

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
def command(case: str, out: Path, seeds: tuple[int, ...]) -> None:
    """Train the seeds of CASE; each makes a folder with record, checkpoint and scores.

    A folder appears when its training has ended; one that exists is not touched. The data is not
    checked first: that is what `amn gate` does.

    \b
    Examples:
      amn train wiki-mini
      amn train wiki-mini --seed 7 --out runs/seven
    """  # noqa: D301 - \b keeps click from wrapping the examples
    from amn.gate.training import train_case  # noqa: PLC0415 - loads torch

    table = Table(box=None, pad_edge=False)
    for column in ("run", "status", "best epoch", "val cosine", "in_dist", "ood"):
        table.add_column(column)
    with progress_bar() as progress:
        for run in train_case(find_case(case), out, seeds, progress=progress):
            record, scores = run.record, run.evaluation.scores
            table.add_row(
                str(run.folder),
                record.status,
                f"{record.best_epoch}/{len(record.epochs)}",
                f"{record.best_val_cosine:.4f}",
                f"{scores['in_dist'].mean:.4f}",
                f"{scores['ood'].mean:.4f}",
            )
    results().print(table)
    click.echo(
        f"next: amn gate {case} "
        + " ".join(f"--run {out}/{Path(case).name}-seed-{s}" for s in seeds or ("…",))
    )
