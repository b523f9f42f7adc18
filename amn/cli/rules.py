"""`amn rules`: what checks mean."""

from __future__ import annotations

import difflib

import click
from rich.markup import escape
from rich.table import Table

from amn.checks.registry import Rule, rules
from amn.cli.console import results


@click.command("rules")
@click.argument("checks", nargs=-1)
def command(checks: tuple[str, ...]) -> None:
    """Say what a check means, why it exists and how to fix it; without CHECKS, list all of them.

    \b
    Examples:
      amn rules
      amn rules D007 C002
    """  # noqa: D301 - \b keeps click from wrapping the examples
    known = rules()
    if not checks:
        _print_list(list(known.values()))
        return
    for check in checks:
        rule = known.get(check.split("-")[0].upper())
        if rule is None:
            close = difflib.get_close_matches(check.upper(), known, n=3)
            hint = f"did you mean {', '.join(close)}?" if close else "amn rules lists all"
            raise click.UsageError(
                f"check: expected an id such as D007, got {check!r}. Fix: {hint}"
            )
        _print_rule(rule)


def _print_list(listed: list[Rule]) -> None:
    table = Table(box=None, pad_edge=False)
    for column in ("check", "family", "severity", "what has to hold"):
        table.add_column(column, no_wrap=column != "what has to hold")
    for rule in listed:
        table.add_row(*(escape(t) for t in (rule.label, rule.family, rule.severity, rule.help)))
    out = results()
    out.print(table)
    out.print(f"\n{len(listed)} checks. More on one: amn rules D007")


def _print_rule(rule: Rule) -> None:
    out = results()
    out.print(f"[bold]{rule.label}[/]  ({rule.family}, {rule.severity})\n{escape(rule.help)}\n")
    for name in ("why", "good", "bad", "fix"):
        out.print(f"[bold]{name:5}[/] {escape(getattr(rule, name))}")
    if rule.needs:
        out.print(f"[bold]needs[/] {', '.join(rule.needs)} to pass first")
    out.print()
