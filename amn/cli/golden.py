"""`amn golden`: the accepted results of cases."""

from __future__ import annotations

import getpass
import subprocess
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click
from rich.markup import escape
from rich.table import Table

from amn.cli.cases import find_case, find_cases, is_ci
from amn.cli.console import progress_bar, results
from amn.errors import GoldenError
from amn.golden.compare import Change, diff_golden
from amn.golden.store import GOLDEN_FILE, read_golden, write_golden
from amn.places import CACHE_FOLDER

if TYPE_CHECKING:
    from amn.case import Case
    from amn.golden.schema import Golden

DEFAULT_SEEDS = 5
SHOWN_DIGITS = 12  # of a digest

REASON = click.option("--reason", required=True, help="Why this result is accepted; kept for ever.")
SEEDS = click.option(
    "--seeds", default=DEFAULT_SEEDS, show_default=True, help="Seeds to train, from 0."
)
AUTHOR = click.option("--author", help="Who accepts it. Default: git's user.name.")
CACHE = click.option(
    "--cache", type=click.Path(path_type=Path), default=CACHE_FOLDER, show_default=True
)


@click.group("golden")
def command() -> None:
    """Goldens: the accepted result of a case, that a candidate must not be worse than.

    \b
    Examples:
      amn golden new wiki-mini --reason "first accepted result"
      amn golden diff wiki-mini
      amn golden update wiki-mini --reason "800 more articles, +0.004 OOD"
      amn golden list
    """  # noqa: D301 - \b keeps click from wrapping the examples


@command.command("new")
@click.argument("case")
@REASON
@SEEDS
@AUTHOR
@CACHE
def new(case: str, reason: str, seeds: int, author: str | None, cache: Path) -> None:
    """Accept the first golden of CASE: train, judge by every other check, write."""
    _refuse_in_ci()
    found = find_case(case)
    if (found.folder / GOLDEN_FILE).exists():
        raise FileExistsError(
            f"{found.folder / GOLDEN_FILE}. Fix: amn golden update {case} --reason TEXT"
        )
    golden = _make(found, reason, seeds, cache, author=author)
    write_golden(found.folder, golden)
    _report(golden, found)


@command.command("update")
@click.argument("case")
@REASON
@SEEDS
@AUTHOR
@CACHE
def update(case: str, reason: str, seeds: int, author: str | None, cache: Path) -> None:
    """Replace the golden of CASE, with a reason; what changes is shown."""
    _refuse_in_ci()
    found = find_case(case)
    old = read_golden(found.folder)
    golden = _make(found, reason, seeds, cache, author=author, previous=old)
    _print_changes(diff_golden(old.record, golden.record))
    write_golden(found.folder, golden)
    _report(golden, found)


@command.command("diff")
@click.argument("case")
@SEEDS
@CACHE
def diff(case: str, seeds: int, cache: Path) -> None:
    """Show what an update of CASE would change; nothing is written."""
    found = find_case(case)
    old = read_golden(found.folder)
    golden = _make(found, "not accepted: amn golden diff", seeds, cache, previous=old)
    changes = diff_golden(old.record, golden.record)
    _print_changes(changes)
    click.echo(f"{len(changes)} changes. Accept them: amn golden update {case} --reason TEXT")


@command.command("list")
def list_() -> None:
    """List every case under golden/ with its golden."""
    table = Table(box=None, pad_edge=False)
    for column in ("case", "in_dist", "ood", "seeds", "accepted", "by", "reason"):
        table.add_column(column, overflow="fold")
    missing = []
    for case in find_cases(()):
        if not (case.folder / GOLDEN_FILE).exists():
            missing.append(case.name)
            continue
        record = read_golden(case.folder).record
        metrics = [f"{record.metrics[split].mean:.4f}" for split in ("in_dist", "ood")]
        texts = [record.case, *metrics, str(len(record.seeds)), str(record.created)]
        table.add_row(*(escape(t) for t in (*texts, record.author, record.reason)))
    results().print(table)
    for name in missing:
        click.echo(f"{name}: no golden. Fix: amn golden new {name} --reason TEXT")


def _make(
    case: Case,
    reason: str,
    seeds: int,
    cache: Path,
    *,
    author: str | None = None,
    previous: Golden | None = None,
) -> Golden:
    """Train, judge and return a golden."""
    from amn.gate.acceptance import make_golden  # noqa: PLC0415 - loads torch

    with progress_bar() as progress:
        return make_golden(
            case,
            cache=cache,
            seeds=range(seeds),
            reason=reason,
            author=author or _author(),
            created=datetime.now(tz=UTC).date(),
            previous=previous,
            progress=progress,
        )


def _refuse_in_ci() -> None:
    """Raise in CI: a golden that CI writes accepts whatever it is meant to judge."""
    if is_ci():
        raise GoldenError(
            Path(GOLDEN_FILE),
            "expected a person, got CI. Fix: run it where you can look at the change",
        )


def _author() -> str:
    """Return who accepts: git's user, or the login."""
    try:
        name = subprocess.run(
            ["git", "config", "user.name"],  # noqa: S607 - whatever git the user has
            capture_output=True, text=True, check=False,
        ).stdout.strip()  # fmt: skip
    except FileNotFoundError:
        name = ""
    return name or getpass.getuser()


def _print_changes(changes: list[Change]) -> None:
    """Print what changed, with what lets more through marked."""
    table = Table(box=None, pad_edge=False)
    for column in ("what", "golden", "now", ""):
        table.add_column(column, overflow="fold")
    for change in changes:
        note = f"{change.delta:+.4f} " if change.delta is not None else ""
        mark = "[bold red]LOOSENED[/]" if change.loosens else ""
        table.add_row(escape(change.key), _shown(change.old), _shown(change.new), note + mark)
    results().print(table)


def _shown(value: object) -> str:
    """Return a value for a table: four digits, short digests."""
    if value is None:
        return "-"
    text = f"{value:.4f}" if isinstance(value, float) else str(value)
    is_digest = len(text) == 64 and set(text) <= set("0123456789abcdef")  # noqa: PLR2004 - sha256
    return escape(text[:SHOWN_DIGITS] + "…" if is_digest else text)


def _report(golden: Golden, case: Case) -> None:
    """Say what was written and what to do with it."""
    for name, metrics in golden.record.metrics.items():
        click.echo(
            f"{name}: {metrics.mean:.4f}, lift {metrics.lift:+.4f}, {metrics.windows:,} windows"
        )
    click.echo(f"wrote {case.folder / GOLDEN_FILE} and golden.npz: commit both, with case.toml")
    click.echo(f"next: amn gate {case.name}")
