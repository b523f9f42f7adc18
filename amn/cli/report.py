"""`amn report`: what happened, why, and what to do next, as the document that people read."""

from __future__ import annotations

import os
import shlex
from pathlib import Path
from typing import TYPE_CHECKING

import click

from amn.cli.cases import find_case, is_case, nearest_target, today
from amn.cli.console import progress_bar, results
from amn.cli.options import CACHE, PathName, one_line
from amn.cli.records import PROFILE, REFERENCES, words_of
from amn.cli.slips import typed
from amn.diagnosis.records import ABORT_PROFILES, judge_records
from amn.errors import expect
from amn.gate.modes import GateOptions, run_gate
from amn.report.failure.gather import gather
from amn.report.failure.render import print_report, to_markdown
from amn.report.failure.runs import from_gate, from_record
from amn.storage import write_bytes
from amn.verdict import count_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from amn.gate.result import GateResult
    from amn.report.failure.runs import ReportedRun


@click.command("report")
@click.argument("targets", nargs=-1, required=True)
@click.option(
    "--format",
    "style",
    type=click.Choice(["text", "markdown", "html"]),
    default="text",
    show_default=True,
)
@click.option(
    "-o",
    "--output",
    type=PathName(dir_okay=False),
    help="Write it to this file: markdown, or the page of cases when it ends in .html.",
)
@click.option(
    "--title",
    callback=one_line,
    default="What happened, why, and what to do next",
    show_default=True,
)
@PROFILE
@REFERENCES
@CACHE
def command(
    targets: tuple[str, ...],
    style: str,
    output: Path | None,
    title: str,
    profile: str,
    references: dict[str, float],
    cache: Path,
) -> None:
    """Write the failure report of runs, records or cases.

    TARGETS are run folders, records or metrics files as in amn check run, folders of these, or
    cases: names under golden/, or paths. A case is gated first; its runs come from the cache.
    The report judges nothing new: it exits with 0 once it is written. As HTML it is the page that
    amn gate -o report.html writes, of cases alone.

    \b
    Examples:
      amn report runs/seed-0
      amn report 584k.json 790k.json --format markdown
      amn report wiki-mini -o report.md
      amn report wiki-mini -o report.html
    """  # noqa: D301 - \b keeps click from wrapping the examples
    expect("jinja2")
    _require_there(targets)
    is_page = style == "html" or (output is not None and output.suffix.lower() == ".html")
    if is_page and (others := [target for target in targets if not is_case(target)]):
        raise click.UsageError(f"expected cases for HTML, got {others[0]}: --format markdown")
    if is_page and (words := words_of(references, profile)):
        raise click.UsageError(f"expected only cases for HTML, got {' '.join(words)}")
    gated: list[GateResult] = []
    runs: list[ReportedRun] = []
    with progress_bar() as progress:
        for target in targets:
            if is_case(target):
                options = GateOptions(cache=cache, today=today())
                gated.append(run_gate(find_case(target), options, progress=progress))
                runs.append(from_gate(gated[-1]))
            else:
                judged = judge_records([Path(target)], ABORT_PROFILES[profile], references)
                if all(record.history is None for record in judged):
                    judged[0].require_readable()
                runs += [from_record(record) for record in judged]
    if is_page:
        _write_page(gated, output)
        return
    words = ["amn", "report", *targets, *words_of(references, profile)]
    report = gather(title, runs, ABORT_PROFILES[profile], shlex.join(words))
    if output:
        write_bytes(output, to_markdown(report).encode())
        click.echo(f"{output}: {count_of(len(runs), 'run')}, {len(report.failed)} without success")
    elif style == "markdown":
        click.echo(to_markdown(report), nl=False)
    else:
        print_report(report, results())


def _write_page(gated: Sequence[GateResult], output: Path | None) -> None:
    """Write the page of cases that were gated."""
    from amn.report.page.html import to_html  # noqa: PLC0415 - one format

    text = to_html(gated)
    if output is None:
        click.echo(text, nl=False)
        return
    write_bytes(output, text.encode())
    click.echo(f"{output}: {count_of(len(gated), 'case')}")


def _require_there(targets: Sequence[str]) -> None:
    """Raise click's UsageError for a target that is neither a case nor a path of something."""
    for target in targets:
        if not is_case(target) and not os.path.lexists(target):
            expected = f"expected a case, a record or a folder of records at {target}"
            fix = typed(target, nearest_target(target)) or "amn train CASE"
            raise click.UsageError(f"{expected}, found none. Fix: {fix}")
