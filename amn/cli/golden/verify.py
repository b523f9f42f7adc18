"""`amn golden verify`: custody of goldens, without training anything."""

from __future__ import annotations

import sys

import click

from amn.api import check_custody
from amn.cli.cases import find_cases, merge_base, today
from amn.cli.options import FORMAT, one_line
from amn.report.json import to_json
from amn.report.text import print_results
from amn.report.verdict import worst_verdict


@click.command("verify")
@click.argument("cases", nargs=-1)
@click.option(
    "--target",
    callback=one_line,
    help="Branch to compare with. Default: what CI names, or origin's.",
)
@FORMAT
def command(cases: tuple[str, ...], target: str | None, style: str) -> None:
    """Check how goldens are kept: files, ledger, drift, waivers, orphans, and the merge base.

    Any edit, deletion or new order of the ledger is found, and a golden that is not its last entry.
    In seconds: nothing is trained, no data are read.

    \b
    Examples:
      amn golden verify
      amn golden verify wiki-mini --target origin/main
    """  # noqa: D301 - \b keeps click from wrapping the examples
    named = find_cases(cases)
    base, day = merge_base(named, target), today()
    found = [check_custody(case, merge_base=base, today=day) for case in named]
    if style == "json":
        click.echo(to_json(found))
    else:
        print_results(found, verbose=True)
    sys.exit(worst_verdict(found).exit_code())
