"""`amn golden update`: another golden in place of the one that is there."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from amn.cli.golden import acceptance
from amn.cli.options import CACHE
from amn.golden.ledger import read_ledger
from amn.golden.store import read_golden, write_golden

if TYPE_CHECKING:
    from pathlib import Path


@click.command("update")
@acceptance.CASES
@acceptance.REASON
@acceptance.SEEDS
@acceptance.PREDICTIONS
@acceptance.AUTHOR
@acceptance.ACCEPT_REGRESSION
@CACHE
def command(
    cases: tuple[str, ...],
    reason: str,
    seeds: int,
    predictions: tuple[Path, ...],
    author: str | None,
    accept_regression: bool,
    cache: Path,
) -> None:
    """Replace the goldens of CASES, with a reason; old, new and their difference are shown.

    Refused in CI, in pytest's workers, with uncommitted files, and when the result fails, is worse
    than the golden that is there, or spends more than the budget for drift. Nothing is written
    where nothing changed.

    \b
    Examples:
      amn golden update wiki-mini --reason "800 more articles, +0.004 OOD"
      amn golden update wiki-mini --reason "harder OOD region" --accept-regression
    """  # noqa: D301 - \b keeps click from wrapping the examples
    acceptance.refuse_machines()
    acceptance.require_one(cases, predictions)
    goldens = []
    for found in acceptance.mend_all(cases):
        old = read_golden(found.folder)
        read_ledger(found.folder)  # a broken one is refused before anything is trained
        acceptance.refuse_dirty(found)
        goldens.append((found, old))
    for found, old in goldens:
        accepted = acceptance.make(
            found, reason, seeds, cache,
            predictions=predictions, author=author, previous=old,
            accept_regression=accept_regression,
        )  # fmt: skip
        if not accepted.changes(old):
            click.echo(f"{found.name}: nothing changed, and nothing is written")
            continue
        acceptance.print_changes(old, accepted.golden)
        write_golden(found.folder, accepted.golden, acceptance.acceptance_of(found, accepted))
        acceptance.report(accepted, found, predictions)
