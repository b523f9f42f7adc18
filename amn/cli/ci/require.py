"""`amn ci require`: what the final job of a workflow asks of the result file."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from amn.case.load import case_files
from amn.cli.options import PathName
from amn.cli.workflows.require import read_results, unmet
from amn.system import GOLDEN_FOLDER
from amn.verdict import Verdict, worst_of

if TYPE_CHECKING:
    from pathlib import Path


@click.command("require")
@click.argument("file", type=PathName())
@click.option("--strict", is_flag=True, help="INCONCLUSIVE exits with 4.")
def command(file: Path, *, strict: bool) -> None:
    """Fail unless FILE shows that every case under golden/ was judged by all its declared checks.

    FILE is what `amn gate -o verdict.json` wrote. It needs neither torch nor faiss, so that a job
    of its own, which needs all others, can run it in seconds. Exit codes as those of `amn gate`.

    \b
    Examples:
      amn ci require verdict.json
    """  # noqa: D301 - \b keeps click from wrapping the examples
    results = read_results(file)
    cases = [path.parent.name for path in case_files(GOLDEN_FOLDER)]
    problems = list(unmet(results, cases))
    for problem in problems:
        click.echo(f"ERROR: {problem}", err=True)
    for result in results:
        ran = f"{len(result['checks'])} checks, {len(result['declared'])} declared"
        click.echo(f"{result['case']}: {result['verdict']} ({ran})")
    said = worst_of(Verdict[result["verdict"]] for result in results)
    worst = Verdict.ERROR if problems else said
    sys.exit(worst.exit_code(strict=strict))
