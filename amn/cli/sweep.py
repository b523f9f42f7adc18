"""`amn train CASE --sweep FILE`: many trainings, one table, one plot."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Literal

import click

from amn.cli.console import progress_bar, results
from amn.errors import expect
from amn.report.json import dumps
from amn.storage import write_json
from amn.system import CACHE_FOLDER

if TYPE_CHECKING:
    from pathlib import Path

    from amn.case.load import Case
    from amn.engines import Engine

Style = Literal["text", "json", "markdown"]


def sweep_case(
    case: Case, file: Path, out: Path, style: Style, *, engine: Engine | None = None
) -> None:
    """Run a sweep and write its table, its JSON and its plot.

    Args:
        file: The sweep file.
        out: Folder of the JSON and the plot.
        engine: Where points are trained; None: on this machine.
    """
    from amn.prove.sweep import run_sweep  # noqa: PLC0415 - as above
    from amn.prove.sweep_config import load_sweep  # noqa: PLC0415 - as above
    from amn.report.sweep import (  # noqa: PLC0415 - loads torch
        sweep_json,
        sweep_lines,
        sweep_markdown,
        sweep_table,
        write_plot,
    )

    expect("jinja2")
    sweep = load_sweep(file)
    with progress_bar() as progress:
        done = run_sweep(
            case,
            sweep,
            cache=CACHE_FOLDER,
            file=file,
            engine=engine,
            progress=progress,
            notify=partial(click.echo, err=True),
        )
    facts = sweep_json(case.name, sweep, done)
    target = out / f"{case.name}-{file.stem}"
    figures, plot = target.with_suffix(".json"), target.with_suffix(".html")
    write_json(figures, facts)
    write_plot(plot, done, title=sweep.title or f"{case.name}: {file.stem}")
    if style == "json":
        click.echo(dumps(facts))
    elif style == "markdown":
        click.echo(sweep_markdown(sweep, done), nl=False)
    else:
        results().print(sweep_table(done))
        for line in sweep_lines(done):
            click.echo(line)
    click.echo(f"wrote {figures} and {plot}", err=True)
