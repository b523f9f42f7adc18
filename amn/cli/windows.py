"""`amn windows`: what has to be predicted, for models of any framework."""

from __future__ import annotations

from pathlib import Path
from shlex import quote

import click

from amn.case.config import EVALUATED, SPLITS
from amn.cli.cases import find_case
from amn.cli.options import PathName
from amn.errors import ArgumentError
from amn.gate.modes import GateOptions, evidence_of
from amn.verdict import count_of


@click.command("windows")
@click.argument("case")
@click.option(
    "-o",
    "--output",
    type=PathName(dir_okay=False),
    required=True,
    help="The .parquet or .csv file to write.",
)
@click.option(
    "--split",
    "splits",
    multiple=True,
    type=click.Choice(SPLITS),
    help="Windows of these splits; default: in_dist and ood, which are judged.",
)
@click.option(
    "--vectors",
    is_flag=True,
    help="Write the vectors of each context too, and of the target where it is of train.",
)
def command(case: str, output: Path, splits: tuple[str, ...], *, vectors: bool) -> None:
    """Write the windows of CASE: name, split, article, context rows and target row of each.

    A row of the file is a window. Predict its target from its context, and write a file with two
    columns: `window`, the name as it is here, and `prediction`, a list of numbers.

    \b
    Examples:
      amn windows wiki-mini -o windows.parquet
      amn windows wiki-mini -o windows.parquet --vectors --split train --split ood
      amn gate wiki-mini --predictions mine.parquet
    """  # noqa: D301 - \b keeps click from wrapping the examples
    from amn.evaluation.window_files import write_windows  # noqa: PLC0415 - loads pyarrow

    if output.suffix not in (".parquet", ".csv"):
        fix = f"-o {output.with_suffix('.parquet')}"
        message = f"-o: expected a name that ends in .parquet or .csv, got {output}"
        raise ArgumentError(f"{message}. Fix: {fix}")
    evidence = evidence_of(find_case(case), GateOptions(cache=Path()))
    chosen = {name: evidence["windows"][name] for name in splits or EVALUATED}
    n = write_windows(output, chosen, with_vectors=vectors)
    click.echo(f"wrote {output}: {count_of(n, 'window')} of {', '.join(chosen)}")
    click.echo(f"next: amn gate {quote(case)} --predictions FILE, a row for each `window`")
