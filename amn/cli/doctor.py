"""`amn doctor`: what is missing before a gate blocks a merge."""

from __future__ import annotations

import os
import sys
from dataclasses import asdict
from pathlib import Path

import click
from rich.markup import escape

from amn.cli.console import results
from amn.cli.options import FORMAT, one_line
from amn.cli.workflows.doctor import Item, examine
from amn.golden.base.target import target_of
from amn.report.json import dumps

STYLES = {"ok": "green", "missing": "red", "note": "dim"}


@click.command("doctor")
@click.option(
    "--target", callback=one_line, help="Branch that changes are merged into. Default: as amn gate."
)
@FORMAT
def command(target: str | None, style: str) -> None:
    """Say what is missing before the gate blocks a merge: packages, history, goldens, workflow.

    Nothing is changed, read in full, or trained. Exit code 1: something is missing.

    \b
    Examples:
      amn doctor
      amn doctor --format json
    """  # noqa: D301 - \b keeps click from wrapping the examples
    items = list(examine(Path(), target=target or target_of(os.environ)))
    missing = [item for item in items if item.state == "missing"]
    if style == "json":
        document = {"schema": 1, "missing": len(missing), "items": [asdict(i) for i in items]}
        click.echo(dumps(document))
    else:
        _print(items)
        click.echo(f"\n{len(missing)} missing" if missing else "\nnothing is missing")
    sys.exit(1 if missing else 0)


def _print(items: list[Item]) -> None:
    out = results()
    for item in items:
        state = f"[{STYLES[item.state]}]{item.state:8}[/]"
        out.print(f"{state} {escape(item.what)}: {escape(item.found)}", soft_wrap=True)
        if item.fix:
            out.print(f"         fix: {escape(item.fix)}", soft_wrap=True)
