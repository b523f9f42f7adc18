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

from amn.case.config import EVALUATED
from amn.case.limits import GOLDEN_SEEDS
from amn.cli.cases import find_case, today
from amn.cli.console import progress_bar, results
from amn.cli.options import PathName, one_line, require_files
from amn.errors import ArgumentError
from amn.git import find_repository, user_name
from amn.golden.compare import (
    NEIGHBOURS,
    diff_golden,
    gains_in_words,
    moved_articles,
    profile_changes,
    vector_changes,
)
from amn.golden.ledger import Acceptance, read_ledger
from amn.golden.store import GOLDEN_FILE, enter, mend
from amn.system import ci_sign
from amn.verdict import Status, count_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from amn.case.load import Case
    from amn.gate.acceptance import Acceptable
    from amn.golden.compare import Change
    from amn.golden.schema import Golden, GoldenRecord

MOST_SEEDS = 1000
SHOWN_DIGITS = 12  # of a digest
SHOWN_FILES = 3
SCREEN = 24 - 4  # lines, without the header, what is left out, a refusal, and the last line
FOLDED = ("digest", "number")  # said in a line below it
FOLDED_FIGURES = (".se", ".references.constant", ".references.weighted_mean", ".references.ridge")

REASON = click.option(
    "--reason", required=True, callback=one_line, help="Why this is accepted; kept for ever."
)
SEEDS = click.option(
    "--seeds",
    type=click.IntRange(GOLDEN_SEEDS, MOST_SEEDS),
    default=GOLDEN_SEEDS,
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


def mend_all(cases: Sequence[str]) -> list[Case]:
    """Return the named cases, with no change of their goldens left that was cut off.

    Raises:
        ConfigError: If there is no such case.
        ArgumentError: If one is named twice.
    """
    found = [find_case(case) for case in cases]
    folders = [case.folder.resolve() for case in found]
    for case, folder in zip(found, folders, strict=True):
        if folders.count(folder) > 1:
            raise ArgumentError(f"{case.name}: expected each case once, got it twice")
        if mend(case.folder):
            click.echo(f"{case.name}: a change of its golden was cut off, and is undone", err=True)
    return found


def require_one(cases: Sequence[str], predictions: Sequence[Path]) -> None:
    """Raise ArgumentError for predictions that are not there, or of more cases than one."""
    require_files("--predictions", predictions)
    if predictions and len(cases) > 1:
        raise ArgumentError(f"--predictions: expected one case beside it, got {len(cases)}")


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
        got = count_of(len(files), "uncommitted file")
        raise ArgumentError(
            f"{case.name}: expected a clean git tree, got {got} "
            f"({', '.join(files[:SHOWN_FILES])}{more}). Fix: git commit, or git stash"
        )


CASES = click.argument("cases", nargs=-1, required=True)


PREDICTIONS = click.option(
    "--predictions",
    multiple=True,
    type=PathName(dir_okay=False),
    help="Accept these predictions, one file a seed, instead of training: see amn windows.",
)


def make(
    case: Case,
    reason: str,
    seeds: int,
    cache: Path,
    *,
    predictions: tuple[Path, ...] = (),
    author: str | None = None,
    previous: Golden | None = None,
    accept_regression: bool = False,
) -> Acceptable:
    """Train, judge and return a golden with its verdict; nothing is written."""
    from amn.gate.acceptance import accept  # noqa: PLC0415 - loads torch

    with progress_bar() as progress:
        return accept(
            case,
            cache=cache,
            seeds=range(seeds),
            predictions=predictions,
            reason=reason,
            author=author or default_author(),
            created=today(),
            previous=previous,
            entries=read_ledger(case.folder),
            accept_regression=accept_regression,
            progress=progress,
        )


def acceptance_of(case: Case, accepted: Acceptable) -> Acceptance:
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


def print_changes(old: Golden, new: Golden) -> None:
    """Print what changed, in one screen, with what lets more through marked."""
    changes = diff_golden(old.record, new.record)
    table = Table(box=None, pad_edge=False)
    for column in ("what", "golden", "now"):
        table.add_column(column, overflow="ellipsis", no_wrap=True)
    table.add_column("", no_wrap=True, min_width=len("+0.0000 LOOSENED") + 2)  # never cut
    shown = sorted(
        (c for c in changes if c.kind not in FOLDED and not c.key.endswith(FOLDED_FIGURES)),
        key=lambda change: not change.loosens,
    )
    words = list(_in_words(old, new, changes))
    most = SCREEN - len(words)
    for change in shown[:most]:
        note = f"{change.delta:+.4f} " if change.delta is not None else ""
        mark = "[bold red]LOOSENED[/]" if change.loosens else ""
        table.add_row(escape(change.key), _shown(change.old), _shown(change.new), note + mark)
    results().print(table)
    if len(shown) > most:
        click.echo(f"... and {len(shown) - most} more")
    for line in words:
        click.echo(line)


def _in_words(old: Golden, new: Golden, changes: Sequence[Change]) -> Iterator[str]:
    """Yield what changed in many places at once, a line each."""
    for split in EVALUATED:
        moved = moved_articles(old, new, split)
        n = len(new.tables[split].judged().articles)
        ends = [f"{name} {by:+.4f}" for name, by in dict([*moved[:1], *moved[-1:]]).items()]
        yield f"{split}: {len(moved)} of {n} articles moved" + (
            f" ({', '.join(ends)})" if ends else ""
        )
    others = vector_changes(old.tables, new.tables)
    named = [f"{len(k)} {what} ({_first([str(a) for _, a in k])})" for what, k in others.all_kinds]
    if named:
        yield f"articles: {', '.join(named)}"
        yield from _of_data(old.record, new.record)
    if new.record.profile and not old.record.profile:
        yield f"data: {len(new.record.profile)} statistics that the golden did not have"
    if digests := [change.key.split(".")[-1] for change in changes if change.kind == "digest"]:
        yield f"digests: {', '.join(digests)}"
    if numbers := [change.key.split(".")[-1] for change in changes if change.kind == "number"]:
        yield f"numbers of {count_of(len(numbers), 'check')} ({_first(numbers)})"


def _of_data(old: GoldenRecord, new: GoldenRecord) -> Iterator[str]:
    """Yield what other data came to: statistics that left their range, and who gained by it."""
    moved = profile_changes(old.profile, new.profile, new.tolerances.alpha) if old.profile else []
    if left := [f"{one.name} {one.place} {one.by:+.2g}" for one in moved if one.has_left]:
        yield f"data: {len(left)} of {len(moved)} left their range ({_first(left)})"
    for split, now in new.metrics.items():
        then = old.metrics[split]
        said = [one.words for one in moved if (one.name, one.place) == (NEIGHBOURS, split)]
        said += [gains_in_words(now.strongest - then.strongest, now.mean - then.mean)]
        yield f"{split}: {'; '.join(filter(None, said))}"


def warnings_of(golden: Golden) -> list[str]:
    """Return the checks that warned when a golden was accepted."""
    return [name for name, e in golden.record.checks.items() if e.status is Status.WARN]


def _first(names: Sequence[str]) -> str:
    return ", ".join(names[:SHOWN_FILES]) + (", ..." if len(names) > SHOWN_FILES else "")


def report(accepted: Acceptable, case: Case, predictions: tuple[Path, ...]) -> None:
    """Say what was written and what to do with it."""
    for name, metrics in accepted.golden.record.metrics.items():
        click.echo(
            f"{name}: {metrics.mean:.4f}, lift {metrics.lift:+.4f}, {metrics.windows:,} windows"
        )
    if warned := warnings_of(accepted.golden):
        warnings = count_of(len(warned), "warning")
        click.echo(f"accepted with {warnings}, for this reason: {', '.join(warned)}")
    if accepted.is_regression:
        click.echo(f"accepted although: {'; '.join(accepted.failures)}")
    click.echo(
        f"wrote {case.folder / GOLDEN_FILE}, golden.csv and ledger.jsonl: commit them, with "
        "case.toml"
    )
    given = " --predictions FILE" if predictions else ""
    click.echo(f"next: amn gate {quote(case.name)}{given}")


def _shown(value: object) -> str:
    """Return a value for a table: four digits, short digests."""
    if value is None:
        return "-"
    text = f"{value:.4f}" if isinstance(value, float) else str(value)
    is_digest = len(text) == 64 and set(text) <= set("0123456789abcdef")  # noqa: PLR2004 - sha256
    return escape(text[:SHOWN_DIGITS] + "…" if is_digest else text)
