"""`amn eval`: the scores of a checkpoint or run on a case, without a verdict."""

from __future__ import annotations

from pathlib import Path
from shlex import quote

import click

from amn.case.config import EVALUATED
from amn.cli.cases import find_case
from amn.cli.console import progress_bar, results
from amn.cli.options import CHECKPOINT
from amn.evaluation.storage import save_evaluation
from amn.evaluation.summary import summarise_split
from amn.gate.modes import plan_of
from amn.report.text import scores_table


@click.command("eval")
@click.argument("case")
@click.option(
    "--checkpoint",
    type=CHECKPOINT,
    required=True,
    help="A .safetensors checkpoint, a model in .onnx, or an original .pt.",
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
    from amn.training.scorer import evaluate  # noqa: PLC0415 - loads torch

    with progress_bar() as progress:
        plan = plan_of(find_case(case))
        progress(0, 1, "scoring every window")
        evaluation = evaluate(plan, checkpoint)
    own = plan.config.model.reference
    scores = {name: summarise_split([evaluation], name, own) for name in EVALUATED}
    results().print(scores_table(scores))
    click.echo(f"delta   {scores['ood'].mean - scores['in_dist'].mean:+.4f}  (OOD - in-dist)")
    if out:
        out.mkdir(parents=True, exist_ok=True)
        save_evaluation(out, evaluation)
        click.echo(f"wrote {out / 'evaluation.json'} and {out / 'cosines.npz'}")
    click.echo(f"next: amn gate {quote(case)} --checkpoint {quote(str(checkpoint))}")
