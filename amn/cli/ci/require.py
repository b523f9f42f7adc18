"""`amn ci require`: what the final job of a workflow asks of the result file."""

from __future__ import annotations

import os
import sys
from datetime import UTC, datetime
from pathlib import Path

import click

from amn.case.load import case_files
from amn.checks.recorded import is_of
from amn.cli.options import PathName
from amn.cli.options import one_line as one_line_option
from amn.cli.workflows.require import (
    is_bundle,
    let_through,
    read_results,
    unmet,
    unproven,
    verdict_of,
)
from amn.gate.replay import Checkout, replay
from amn.golden.base.review import MergeBase
from amn.golden.base.target import PLACE
from amn.report.visible import one_line
from amn.system import GOLDEN_FOLDER
from amn.verdict import Verdict, count_of, worst_of

WAY_OUT = {
    Verdict.PARTIAL: "gate all of it, or declare criteria.scope in a change of its own",
    Verdict.INCONCLUSIVE: "more articles or seeds, as the check says; or an approval",
    Verdict.LOOSENED: "take it into a change of its own; or an approval",
}


@click.command("require")
@click.argument("file", type=PathName())
@click.option(
    "--approve-loosening",
    "approval",
    callback=one_line_option,
    metavar="'NAME: WHY'",
    help="What amn gate was given: a bundle is judged again with it.",
)
@click.option(
    "--recorded",
    metavar="[BRANCH:]FOLDER",
    default=PLACE,
    show_default=True,
    callback=one_line_option,
    help="What amn gate --changed was given: results that stand are looked up again.",
)
def command(file: Path, approval: str | None, recorded: str) -> None:
    """Fail unless FILE shows that every case under golden/ was judged, and passes.

    FILE is what `amn gate --bundle bundle.zip` wrote, or -o verdict.json. Of a bundle the scores
    alone are believed: case, golden and limits are this checkout's, git is asked for its merge
    base, and every check whose evidence is here is judged again; the others are what the job of the
    change said. PASS is accepted, with its waived and approved checks listed; PARTIAL where the
    case at the merge base declares that scope (criteria.scope), which git is asked for: a checkout
    without the merge base refuses it; nothing else. A case that amn gate --changed did not judge
    has to be unchanged here, too, since the PASS that git has of the default branch. It needs
    neither torch nor faiss, so that a job of its own, which needs all others, can run it in
    seconds. Exit codes as those of `amn gate --strict`.

    \b
    Examples:
      amn ci require bundle.zip
      amn ci require verdict.json
    """  # noqa: D301 - \b keeps click from wrapping the examples
    results = read_results(file)
    cases = [path.parent.name for path in case_files(GOLDEN_FOLDER)]
    stands = any(is_of(result["declared"]) for result in results)
    base = MergeBase.within(os.environ, Path(), approval=approval, recorded=recorded * stands)
    verdicts = []
    problems = [*unmet(results, cases), *unproven(results, base, recorded)]
    for problem in problems:
        click.echo(f"ERROR: {one_line(problem)}", err=True)
    again = _judged_again(file, base, problems)
    for result in results:
        ran = f"{count_of(len(result['checks']), 'check')}, {len(result['declared'])} declared"
        click.echo(one_line(f"{result['case']}: {result['word']} ({ran})"))
        for line in let_through(result):
            click.echo(f"  {one_line(line)}")
        verdict = worst_of([verdict_of(result, base), *again.get(result["case"], ())])
        verdicts.append(verdict)
        if verdict in WAY_OUT:
            message = (
                f"{result['case']}: expected PASS, got {result['word']}. Fix: {WAY_OUT[verdict]}"
            )
            click.echo(f"{verdict.value}: {one_line(message)}", err=True)
    worst = Verdict.ERROR if problems else worst_of(verdicts)
    sys.exit(worst.exit_code(strict=True))


def _judged_again(file: Path, base: MergeBase, problems: list[str]) -> dict[str, list[Verdict]]:
    """Judge a bundle again, say how much of it, and add where it differs to the problems."""
    if not is_bundle(file):
        return {}
    verdicts = {}
    for one in replay(file, Checkout(base, datetime.now(UTC).date())):
        click.echo(
            one_line(
                f"{one.case}: {count_of(len(one.again), 'check')} judged again, "
                f"{len(one.carried)} carried over"
            )
        )
        for difference in one.differences:
            problems.append(f"{one.case}: {difference}")
            click.echo(f"ERROR: {one_line(problems[-1])}", err=True)
        whole = one.verdict is not Verdict.PARTIAL  # scope is asked of the merge base
        verdicts[one.case] = [one.verdict] * whole
    return verdicts
