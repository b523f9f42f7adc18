"""`amn bench`: the speed of a case, stored as the twin that later gates are compared with."""

from __future__ import annotations

import click

from amn.cli.cases import find_case
from amn.cli.options import FORMAT
from amn.gate.evidence import Evidence, named
from amn.gate.makers import at_rest, held_to, of_candidates
from amn.golden.speed import machine, write_speed
from amn.report.json import dumps

PROPOSED = 0.7  # of what was measured: further than noise goes


@click.command("bench")
@click.argument("case")
@click.option("--dry-run", is_flag=True, help="Measure, and store nothing.")
@FORMAT
def command(case: str, style: str, *, dry_run: bool) -> None:
    """Measure CASE beside the plain loop, and store the ratios for this kind of machine.

    Latency of one window, inference, and an epoch of training: plain's cost over ours, taken in
    turn in one process. With a section [speed] in case.toml every gate measures them again, and
    fails below a limit, far below the stored ratios, or without stored ones.

    \b
    Examples:
      amn bench wiki-mini
      amn bench wiki-mini --dry-run --format json
    """  # noqa: D301 - \b keeps click from wrapping the examples
    found = find_case(case)
    chosen = {**at_rest.DATA, **at_rest.SPLIT, **named(of_candidates.plan, held_to.speed_ratios)}
    ratios = Evidence(chosen, case=found, progress=None)["speed_ratios"]
    on = machine()
    if style == "json":
        click.echo(dumps({"schema": 1, "machine": on, "ratios": ratios}))
    else:
        for name, ratio in ratios.items():
            click.echo(f"{name:10} {ratio:6.2f} x the plain loop")
    if not dry_run:
        path = write_speed(found.folder, on, ratios)
        click.echo(f"wrote {path}: git add {path}", err=True)
        if found.config.speed is None:
            click.echo(f"next: in {found.file}, for instance\n\n[speed]", err=True)
            for name, ratio in ratios.items():
                click.echo(f"{name} = {ratio * PROPOSED:.2g}", err=True)
