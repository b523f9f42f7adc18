"""`amn selftest`: proof that every check can fail, on the user's own case."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click
from rich.markup import escape
from rich.table import Table

from amn.checks.own import load_conftests
from amn.cli.cases import find_cases
from amn.cli.console import progress_bar, results
from amn.cli.options import CACHE, FORMAT
from amn.report.json import dumps
from amn.system import GOLDEN_FOLDER
from amn.verdict import count_of

if TYPE_CHECKING:
    from pathlib import Path

    from amn.prove.selftest import DefectRow, Matrix

MISSED = 1  # exit code: a check that cannot fail is worse than none


@click.command("selftest")
@click.argument("cases", nargs=-1)
@click.option(
    "--only",
    multiple=True,
    metavar="NAME",
    help="A defect, a check (D007) or a family (D); repeat for more. No clean variants then.",
)
@click.option(
    "--no-training", is_flag=True, help="Leave out what needs a trained candidate: seconds."
)
@click.option(
    "--variants", type=click.IntRange(min=0), help="Clean variants to try.  [default: 100]"
)
@click.option("--list", "is_list", is_flag=True, help="List the defects and stop.")
@FORMAT
@click.option("-v", "--verbose", is_flag=True, help="What each check said.")
@CACHE
def command(
    cases: tuple[str, ...],
    only: tuple[str, ...],
    no_training: bool,
    variants: int | None,
    is_list: bool,
    style: str,
    verbose: bool,
    cache: Path,
) -> None:
    """Inject known defects into a copy of each case; the check that owns each must catch it.

    The case itself is only read. Exit code 0: every defect was caught by its own check, and nothing
    fired on clean variants of the case. 1: a defect was missed, or a clean variant raised an alarm.
    3: the case does not pass its own gate, or something could not be tried.

    \b
    Examples:
      amn selftest
      amn selftest wiki-mini --no-training
      amn selftest wiki-mini --only D007 --only nan-row -v
      amn selftest wiki-mini --format json > selftest.json
    """  # noqa: D301 - \b keeps click from wrapping the examples
    from amn.prove.selftest import CLEAN_VARIANTS, run_selftest  # noqa: PLC0415 - loads torch

    if is_list:
        _print_list()
        return
    default = 0 if only else CLEAN_VARIANTS
    with progress_bar() as progress:
        matrices = [
            run_selftest(
                case,
                cache=cache,
                only=only,
                n_variants=default if variants is None else variants,
                after_training=not no_training,
                progress=progress,
            )
            for case in find_cases(cases)
        ]
    if style == "json":
        click.echo(dumps([matrix.to_json() for matrix in matrices]))
    else:
        for matrix in matrices:
            _print_matrix(matrix, verbose=verbose)
    sys.exit(0 if all(matrix.passed for matrix in matrices) else MISSED)


def _print_list() -> None:
    from amn.prove.selftest import trials  # noqa: PLC0415 - loads every check

    load_conftests([GOLDEN_FOLDER / "any"])
    table = _table("defect", "check", "when", "what is wrong")
    for trial in trials():
        defect = trial.defect
        table.add_row(defect.id, trial.check.id, trial.when, escape(defect.title))
    out = results()
    out.print(table)
    out.print(f"\n{len(trials())} defects. One of them: amn selftest CASE --only nan-row")


def _table(*columns: str) -> Table:
    table = Table(box=None, pad_edge=False)
    for column in columns:
        table.add_column(
            column,
            no_wrap=column not in ("what is wrong", "defect"),
            justify="right" if column == "time" else "left",
        )
    return table


def _print_matrix(matrix: Matrix, *, verbose: bool) -> None:
    """Print a case's matrix, what was missed, and the verdict."""
    out = results()
    out.print(f"[bold]{escape(matrix.case)}[/]  self-test\n")
    table = _table("defect", "caught by", "status", "when", "time")
    for row in matrix.defects:
        table.add_row(*_cells(row))
    out.print(table)
    if verbose:
        out.print()
        for row in matrix.defects:
            out.print(f"{row.defect}: {escape(row.message)}", soft_wrap=True)
    for row in matrix.defects:
        if row.state == "missed":
            out.print(f"\n[red]MISSED[/] {row.defect}: {row.check} {row.status}", soft_wrap=True)
            out.print(f"  {escape(row.message)}", soft_wrap=True)
    for clean in matrix.alarms:
        out.print(f"\n[red]FALSE ALARM[/] on {clean.variant}")
        for alarm in clean.alarms:
            out.print(f"  {escape(alarm)}", soft_wrap=True)
    if matrix.clean:
        kinds = {kind: sum(row.kind == kind for row in matrix.clean) for kind in _kinds(matrix)}
        n_checks = sum(row.checks for row in matrix.clean)
        text = ", ".join(f"{n} {kind}" for kind, n in kinds.items())
        out.print(f"\nclean variants ({text}): {n_checks:,} checks, {len(matrix.alarms)} alarms")
    is_whole = bool(matrix.clean) and any(row.when == "after training" for row in matrix.defects)
    if is_whole and matrix.unproven:
        out.print(f"no defect shows here that these can fail: {', '.join(matrix.unproven)}")
    out.print(f"\n{summary(matrix)}", soft_wrap=True)


def _kinds(matrix: Matrix) -> list[str]:
    return list(dict.fromkeys(row.kind for row in matrix.clean))


def _cells(row: DefectRow) -> tuple[str, ...]:
    """Return a row of the table."""
    colour = {"caught": "green", "missed": "red"}.get(row.state, "dim")
    status = row.status if row.state == "caught" else row.state.upper()
    seconds = f"{row.seconds:.2f} s" if row.status else ""
    return escape(row.title), row.check, f"[{colour}]{status}[/]", row.when, seconds


def summary(matrix: Matrix) -> str:
    """Return the verdict in one line."""
    caught, tried = matrix.count("caught"), matrix.count("caught") + matrix.count("missed")
    early = matrix.count("caught", "before training")
    idle = matrix.count("not applicable")
    parts = [
        (
            f"{caught} of {count_of(tried, 'defect')} caught by their own check, "
            f"{early} of them before training"
        ),
        f"{len(matrix.alarms)} false alarms on {len(matrix.clean)} clean variants"
        if matrix.clean
        else "no clean variant tried",
        f"{matrix.seconds:.0f} s ({matrix.early_seconds:.0f} s before training)",
    ]
    if idle:
        parts.insert(1, f"{idle} not applicable")
    return f"{'PASS' if matrix.passed else 'FAIL'}: {'; '.join(parts)}"
