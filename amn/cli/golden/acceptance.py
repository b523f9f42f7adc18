"""What the commands that accept a golden share: their options, who accepts, when it is refused."""

from __future__ import annotations

import getpass
import os
from datetime import UTC, datetime
from shlex import quote
from typing import TYPE_CHECKING, Literal

import click
from rich.markup import escape
from rich.table import Table

from amn.cli.cases import today
from amn.cli.console import progress_bar, results
from amn.cli.options import one_line
from amn.errors import ArgumentError
from amn.git import find_repository, user_name
from amn.golden.ledger import Acceptance
from amn.golden.store import GOLDEN_FILE, enter
from amn.system import ci_sign

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from amn.case.load import Case
    from amn.gate.acceptance import Accepted
    from amn.golden.compare import Change
    from amn.golden.schema import Golden

MIN_SEEDS = DEFAULT_SEEDS = 5
MOST_SEEDS = 1000
SHOWN_DIGITS = 12  # of a digest
SHOWN_FILES = 3

REASON = click.option(
    "--reason", required=True, callback=one_line, help="Why this is accepted; kept for ever."
)
SEEDS = click.option(
    "--seeds",
    type=click.IntRange(MIN_SEEDS, MOST_SEEDS),
    default=DEFAULT_SEEDS,
    show_default=True,
    help="Seeds to train, from 0.",
)
AUTHOR = click.option(
    "--author", callback=one_line, help="Who accepts it. Default: git's user.name."
)
ACCEPT_REGRESSION = click.option(
    "--accept-regression",
    is_flag=True,
    help="Accept it although it fails or is worse; the ledger says so for ever.",
)


def refuse_machines() -> None:
    """Raise in CI and in pytest's workers: what a machine accepts, nobody has looked at."""
    worker = os.environ.get("PYTEST_XDIST_WORKER")
    sign = ci_sign(os.environ)
    if sign or worker:
        found = f"the pytest worker {worker}" if worker else f"CI ({sign} is set)"
        raise ArgumentError(
            f"amn golden: expected a person, got {found}. Fix: run it where you can look at the "
            "change, and commit it"
        )


def refuse_dirty(case: Case) -> None:
    """Raise when files are not committed: the ledger names the commit that made the result."""
    repository = find_repository(case.folder)
    files = repository.uncommitted(case.folder) if repository else []
    if files:
        more = f" and {len(files) - SHOWN_FILES} more" if len(files) > SHOWN_FILES else ""
        raise ArgumentError(
            f"{case.name}: expected a clean git tree, got {len(files)} uncommitted files "
            f"({', '.join(files[:SHOWN_FILES])}{more}). Fix: git commit, or git stash"
        )


def make(
    case: Case,
    reason: str,
    seeds: int,
    cache: Path,
    *,
    author: str | None = None,
    previous: Golden | None = None,
    accept_regression: bool = False,
) -> Accepted:
    """Train, judge and return a golden with its verdict; nothing is written."""
    from amn.gate.acceptance import accept  # noqa: PLC0415 - loads torch

    with progress_bar() as progress:
        return accept(
            case,
            cache=cache,
            seeds=range(seeds),
            reason=reason,
            author=author or default_author(),
            created=today(),
            previous=previous,
            accept_regression=accept_regression,
            progress=progress,
        )


def acceptance_of(case: Case, accepted: Accepted) -> Acceptance:
    """Return what the ledger says of a golden beside its figures."""
    return Acceptance(
        commit=commit_of(case),
        verdict=accepted.verdict,
        accepted_regression=accepted.is_regression,
        time=now(),
    )


def enter_as(
    kind: Literal["adopted", "anchor"], case: Case, reason: str, author: str | None
) -> None:
    """Add an entry about the golden that is there to its ledger."""
    enter(
        case.folder,
        Acceptance(
            kind=kind,
            commit=commit_of(case),
            verdict=None,
            time=now(),
            author=author or default_author(),
            reason=reason,
        ),
    )


def commit_of(case: Case) -> str | None:
    """Return the commit that is checked out, None outside git."""
    repository = find_repository(case.folder)
    return repository.head if repository else None


def now() -> datetime:
    """Return the time of an entry, in UTC."""
    return datetime.now(tz=UTC)


def default_author() -> str:
    """Return who accepts: git's user, or the login."""
    return user_name() or getpass.getuser()


def print_changes(changes: Sequence[Change]) -> None:
    """Print what changed, with what lets more through marked."""
    table = Table(box=None, pad_edge=False)
    for column in ("what", "golden", "now", ""):
        table.add_column(column, overflow="fold")
    for change in changes:
        note = f"{change.delta:+.4f} " if change.delta is not None else ""
        mark = "[bold red]LOOSENED[/]" if change.loosens else ""
        table.add_row(escape(change.key), _shown(change.old), _shown(change.new), note + mark)
    results().print(table)


def report(accepted: Accepted, case: Case) -> None:
    """Say what was written and what to do with it."""
    for name, metrics in accepted.golden.record.metrics.items():
        click.echo(
            f"{name}: {metrics.mean:.4f}, lift {metrics.lift:+.4f}, {metrics.windows:,} windows"
        )
    if accepted.is_regression:
        click.echo(f"accepted although: {'; '.join(accepted.failures)}")
    click.echo(
        f"wrote {case.folder / GOLDEN_FILE}, golden.npz and ledger.jsonl: commit them, with "
        "case.toml"
    )
    click.echo(f"next: amn gate {quote(case.name)}")


def _shown(value: object) -> str:
    """Return a value for a table: four digits, short digests."""
    if value is None:
        return "-"
    text = f"{value:.4f}" if isinstance(value, float) else str(value)
    is_digest = len(text) == 64 and set(text) <= set("0123456789abcdef")  # noqa: PLR2004 - sha256
    return escape(text[:SHOWN_DIGITS] + "…" if is_digest else text)
