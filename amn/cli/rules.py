"""`amn rules`: what checks mean."""

from __future__ import annotations

import difflib

import click
from rich.markup import escape
from rich.table import Table

from amn.checks.check import Check
from amn.checks.check import checks as every_check
from amn.checks.own import load_conftests
from amn.cli.console import results
from amn.places import GOLDEN_FOLDER


@click.command("rules")
@click.argument("checks", nargs=-1)
def command(checks: tuple[str, ...]) -> None:
    """Say what a check means, why it exists and how to fix it; without CHECKS, list all of them.

    \b
    Examples:
      amn rules
      amn rules D007 C002
    """  # noqa: D301 - \b keeps click from wrapping the examples
    load_conftests([GOLDEN_FOLDER / "any"])
    known = every_check()
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
