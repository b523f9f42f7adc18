"""`amn rules`: what checks mean."""

from __future__ import annotations

import difflib
from contextlib import suppress
from typing import TYPE_CHECKING

import click
from rich.markup import escape
from rich.table import Table

from amn.case.load import case_files, load_case
from amn.checks.check import Check
from amn.checks.check import checks as every_check
from amn.checks.limits import limit_checks
from amn.checks.own import load_conftests
from amn.cli.console import results
from amn.errors import ConfigError
from amn.evaluation.metric import LIFT, PARTS
from amn.evaluation.metric import metrics as every_metric
from amn.gate.makers import EVERY, GIVEN
from amn.system import GOLDEN_FOLDER
from amn.verdict import count_of

if TYPE_CHECKING:
    from collections.abc import Iterable


@click.command("rules")
@click.argument("checks", nargs=-1)
@click.option("--metrics", is_flag=True, help="List the metrics that a limit can name.")
@click.option("--parts", is_flag=True, help="List the evidence that a check can name and read.")
@click.option(
    "--format",
    "style",
    type=click.Choice(["text", "markdown"]),
    default="text",
    show_default=True,
    help="As markdown: every check in full.",
)
def command(checks: tuple[str, ...], style: str, *, parts: bool, metrics: bool) -> None:
    """Say what a check means, why it exists and how to fix it; without CHECKS, list all of them.

    \b
    Examples:
      amn rules
      amn rules D007 C002
      amn rules --parts
      amn rules --metrics
      amn rules --format markdown
    """  # noqa: D301 - \b keeps click from wrapping the examples
    load_conftests([GOLDEN_FOLDER / "any"])
    known = every_check()
    if parts or metrics:
        (_print_parts if parts else _print_metrics)()
        return
    if style == "markdown":
        click.echo(to_markdown(known.values()), nl=False)
        return
    if not checks:
        _print_list(list(known.values()))
        return
    for check in checks:
        id_ = check.split("-")[0].upper()
        found = [known[id_]] if id_ in known else _limits(id_)
        if not found:
            close = difflib.get_close_matches(check.upper(), known, n=3)
            like = f", like {', '.join(close)}" if close else ""
            fix = f"amn rules {close[0]}" if close else "amn rules"
            raise click.UsageError(
                f"check: expected an id such as D007, got {check!r}{like}. Fix: {fix}"
            )
        for one in found:
            _print_check(one)


def _limits(id_: str) -> list[Check]:
    """Return the limits of that id of the cases here; those of a case that is none are not read."""
    found = list[Check]()
    for file in case_files(GOLDEN_FOLDER):
        with suppress(ConfigError):
            config = load_case(file.parent).config
            found += [check for check in limit_checks(config) if check.id == id_]
    return found


def _print_list(listed: list[Check]) -> None:
    table = Table(box=None, pad_edge=False)
    for column in ("check", "family", "severity", "what has to hold"):
        table.add_column(column, no_wrap=column != "what has to hold")
    for one in listed:
        severity = one.severity.name.lower()
        table.add_row(*(escape(text) for text in (one.label, one.family, severity, one.help)))
    out = results()
    out.print(table)
    out.print(f"\n{count_of(len(listed), 'check')}. More on one: amn rules D007")


def _print_check(check: Check) -> None:
    out = results()
    severity = check.severity.name.lower()
    out.print(f"[bold]{check.label}[/]  ({check.family}, {severity})\n{escape(check.help)}\n")
    texts = {"why": check.why, "fix": check.fix}
    texts |= {"reads": ", ".join(check.reads), "needs": ", ".join(check.needs)}
    texts |= {"broken": "; ".join(defect.title for defect in check.broken_by)}
    for name, text in texts.items():
        if text:
            out.print(f"[bold]{name:6}[/] {escape(text)}")
    out.print()


def _print_parts() -> None:
    """Print every part of the evidence with what it is."""
    table = Table(box=None, pad_edge=False)
    table.add_column("part", no_wrap=True)
    table.add_column("what it is")
    made = {part: (maker.__doc__ or "").partition("\n")[0] for part, maker in EVERY.items()}
    for part, text in sorted({**made, **GIVEN}.items()):
        table.add_row(part, escape(text))
    results().print(table)


def _print_metrics() -> None:
    """Print every metric with what it is, and what a metric of one's own can read."""
    table = Table(box=None, pad_edge=False)
    for column in ("metric", "better", "what it is"):
        table.add_column(column, no_wrap=column != "what it is")
    for one in every_metric().values():
        table.add_row(one.name, one.better, escape(one.help))
    table.add_row(LIFT, "higher", "Cosine above that of the strongest reference predictor.")
    out = results()
    out.print(table)
    out.print("\nOne of your own reads:")
    for part, text in PARTS.items():
        out.print(f"  {part}: {escape(text)}")


def to_markdown(listed: Iterable[Check]) -> str:
    """Return the list of checks by family: what holds, why, what to do, what breaks it."""
    blocks = ["# Checks", "Made by `amn rules --format markdown`."]
    family = ""
    for check in listed:
        if check.family != family:
            family = check.family
            blocks.append(f"## {family}")
        rows = [check.help, f"*Why:* {check.why}" if check.why else ""]
        rows.append(f"*Fix:* {check.fix}" if check.fix else "")
        rows.append(f"*Reads:* {', '.join(f'`{part}`' for part in check.reads)}")
        rows.append(f"*Needs:* {', '.join(check.needs)}" if check.needs else "")
        broken = "; ".join(f"`{defect.id}` ({defect.title})" for defect in check.broken_by)
        rows.append(f"*Broken by:* {broken}" if broken else "")
        blocks.append(f"### {check.label} ({check.severity.name.lower()})")
        blocks.append("  \n".join(row for row in rows if row))
    return "\n\n".join(blocks) + "\n"
