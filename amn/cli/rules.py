"""`amn rules`: what checks mean."""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING

import click
from rich.markup import escape
from rich.table import Table

from amn.checks.check import Check
from amn.checks.check import checks as every_check
from amn.checks.own import load_conftests
from amn.cli.console import results
from amn.gate.makers import EVERY, GIVEN
from amn.system import GOLDEN_FOLDER

if TYPE_CHECKING:
    from collections.abc import Iterable


@click.command("rules")
@click.argument("checks", nargs=-1)
@click.option("--parts", is_flag=True, help="List the evidence that a check can name and read.")
@click.option(
    "--format",
    "style",
    type=click.Choice(["text", "markdown"]),
    default="text",
    show_default=True,
    help="As markdown: every check in full.",
)
def command(checks: tuple[str, ...], style: str, *, parts: bool) -> None:
    """Say what a check means, why it exists and how to fix it; without CHECKS, list all of them.

    \b
    Examples:
      amn rules
      amn rules D007 C002
      amn rules --parts
      amn rules --format markdown
    """  # noqa: D301 - \b keeps click from wrapping the examples
    load_conftests([GOLDEN_FOLDER / "any"])
    known = every_check()
    if parts:
        _print_parts()
        return
    if style == "markdown":
        click.echo(to_markdown(known.values()), nl=False)
        return
    if not checks:
        _print_list(list(known.values()))
        return
    for check in checks:
        found = known.get(check.split("-")[0].upper())
        if found is None:
            close = difflib.get_close_matches(check.upper(), known, n=3)
            hint = f"did you mean {', '.join(close)}?" if close else "amn rules lists all"
            raise click.UsageError(
                f"check: expected an id such as D007, got {check!r}. Fix: {hint}"
            )
        _print_check(found)


def _print_list(listed: list[Check]) -> None:
    table = Table(box=None, pad_edge=False)
    for column in ("check", "family", "severity", "what has to hold"):
        table.add_column(column, no_wrap=column != "what has to hold")
    for one in listed:
        severity = one.severity.name.lower()
        table.add_row(*(escape(text) for text in (one.label, one.family, severity, one.help)))
    out = results()
    out.print(table)
    out.print(f"\n{len(listed)} checks. More on one: amn rules D007")


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
