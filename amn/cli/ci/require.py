"""`amn ci require`: what the final job of a workflow asks of the result file."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from amn.findings import Verdict
from amn.places import CASE_FILE, GOLDEN_FOLDER
from amn.workflows.require import read_results, unmet

NOT_EVALUATED = 3


@click.command("require")
@click.argument("file", type=click.Path(path_type=Path))
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
    cases = sorted(path.parent.name for path in GOLDEN_FOLDER.glob(f"*/{CASE_FILE}"))
    problems = list(unmet(results, cases))
    for problem in problems:
        click.echo(f"ERROR: {problem}", err=True)
    codes = [Verdict[result["verdict"]].exit_code(strict=strict) for result in results]
    for result in results:
        ran = f"{len(result['checks'])} checks, {len(result['declared'])} declared"
        click.echo(f"{result['case']}: {result['verdict']} ({ran})")
    worst = next((code for code in (3, 1, 5, 4) if code in codes), 0)
    sys.exit(NOT_EVALUATED if problems else worst)
