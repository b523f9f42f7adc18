"""`amn golden new`: the first golden of a case."""

from __future__ import annotations

from shlex import quote
from typing import TYPE_CHECKING

import click

from amn.cli.golden import acceptance
from amn.cli.options import CACHE
from amn.errors import ArgumentError
from amn.golden.ledger import read_ledger
from amn.golden.store import COSINES_FILE, GOLDEN_FILE, TABLE_FILE, write_golden

if TYPE_CHECKING:
    from pathlib import Path

    from amn.case.load import Case


@click.command("new")
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
    """Accept the first goldens of CASES: train, judge by every other check, write.

    A golden that is there is never overwritten.

    \b
    Examples:
      amn golden new wiki-mini --reason "first accepted result"
      amn golden new wiki-mini --reason "ten seeds: noisy data" --seeds 10
      amn golden new mine --reason "our own model" --predictions a.npz --predictions b.npz
    """  # noqa: D301 - \b keeps click from wrapping the examples
    acceptance.refuse_machines()
    acceptance.require_one(cases, predictions)
    named = acceptance.mend_all(cases)
    for found in named:
        _require_none(found)
    for found in named:
        accepted = acceptance.make(
            found,
            reason,
            seeds,
            cache,
            predictions=predictions,
            author=author,
            accept_regression=accept_regression,
        )
        write_golden(found.folder, accepted.golden, acceptance.acceptance_of(found, accepted))
        acceptance.report(accepted, found, predictions)


def _require_none(case: Case) -> None:
    """Return when a case has no golden, and never had one.

    Raises:
        ArgumentError: If it has one, or a ledger of one.
        GoldenError: If its ledger is broken.
    """
    name = quote(case.name)
    for file in (GOLDEN_FILE, TABLE_FILE, COSINES_FILE):
        path = case.folder / file
        if path.exists() or path.is_symlink():
            raise ArgumentError(
                f"{path}: expected no golden, found one: it exists. "
                f"Fix: amn golden update {name} --reason TEXT, "
                f"or git checkout -- {quote(str(case.folder))}"
            )
    if entries := read_ledger(case.folder):
        checkout = f"git checkout -- {quote(str(case.folder))}"
        fix = f"{checkout}; then amn golden update {name} --reason TEXT"
        got = f"a ledger with {len(entries)} accepted before"
        raise ArgumentError(
            f"{case.folder}: expected a case without a golden, got {got}. Fix: {fix}"
        )
