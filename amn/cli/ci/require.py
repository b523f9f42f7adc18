"""`amn ci require`: what the final job of a workflow asks of the result file."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import click

from amn.case.load import case_files
from amn.cli.options import PathName
from amn.cli.workflows.require import let_through, read_results, unmet, verdict_of
from amn.golden.base.review import MergeBase
from amn.report.visible import one_line
from amn.system import GOLDEN_FOLDER
from amn.verdict import Verdict, worst_of

WAY_OUT = {
    Verdict.PARTIAL: "gate all of it, or declare criteria.scope in a change of its own",
    Verdict.INCONCLUSIVE: "more articles or seeds, as the check says; or an approval",
    Verdict.LOOSENED: "take it into a change of its own; or an approval",
}


@click.command("require")
@click.argument("file", type=PathName())
def command(file: Path) -> None:
    """Fail unless FILE shows that every case under golden/ was judged, and passes.

    FILE is what `amn gate -o verdict.json` wrote. PASS is accepted, with its waived and approved
    checks listed; PARTIAL where the case at the merge base declares that scope (criteria.scope),
    which git is asked for: a checkout without the merge base refuses it; nothing else. It needs
    neither torch nor faiss, so that a job of its own, which needs all others, can run it in
    seconds. Exit codes as those of `amn gate --strict`.

    \b
    Examples:
      amn ci require verdict.json
    """  # noqa: D301 - \b keeps click from wrapping the examples
    results = read_results(file)
    cases = [path.parent.name for path in case_files(GOLDEN_FOLDER)]
    problems = list(unmet(results, cases))
    for problem in problems:
        click.echo(f"ERROR: {one_line(problem)}", err=True)
    base, verdicts = MergeBase.within(os.environ, Path()), []
    for result in results:
        ran = f"{len(result['checks'])} checks, {len(result['declared'])} declared"
        click.echo(one_line(f"{result['case']}: {result['word']} ({ran})"))
        for line in let_through(result):
            click.echo(f"  {one_line(line)}")
        verdict = verdict_of(result, base)
        verdicts.append(verdict)
        if verdict in WAY_OUT:
            message = (
                f"{result['case']}: expected PASS, got {result['word']}. Fix: {WAY_OUT[verdict]}"
            )
            click.echo(f"{verdict.value}: {one_line(message)}", err=True)
    worst = Verdict.ERROR if problems else worst_of(verdicts)
    sys.exit(worst.exit_code(strict=True))
