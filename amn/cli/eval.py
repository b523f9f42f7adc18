"""`amn eval`: the scores of a checkpoint or run on a case, without a verdict."""

from __future__ import annotations

from pathlib import Path
from shlex import quote

import click

from amn.cli.cases import find_case
from amn.cli.console import progress_bar, results
from amn.report.text import scores_table


@click.command("eval")
@click.argument("case")
@click.option(
    "--checkpoint",
    type=click.Path(path_type=Path),
    required=True,
    help="A .safetensors checkpoint, or an original .pt.",
)
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    help="Write evaluation.json and cosines.npz to this folder.",
)
def command(case: str, checkpoint: Path, out: Path | None) -> None:
    """Score a checkpoint on every window of CASE, beside the reference predictors.

    \b
    Examples:
      amn eval wiki-mini --checkpoint runs/wiki-mini-seed-0/model.safetensors
    """  # noqa: D301 - \b keeps click from wrapping the examples
    from amn.gate.training import evaluate_checkpoint  # noqa: PLC0415 - loads torch

    with progress_bar() as progress:
        scores = evaluate_checkpoint(find_case(case), checkpoint, out, progress=progress)
    results().print(scores_table(scores))
    if out:
        click.echo(f"wrote {out / 'evaluation.json'} and {out / 'cosines.npz'}")
    click.echo(f"next: amn gate {quote(case)} --checkpoint {quote(str(checkpoint))}")
