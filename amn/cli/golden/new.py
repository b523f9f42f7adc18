"""`amn golden new`: the first golden of a case."""

from __future__ import annotations

from shlex import quote
from typing import TYPE_CHECKING

import click

from amn.cli.cases import find_case
from amn.cli.golden import acceptance
from amn.cli.options import CACHE
from amn.errors import ArgumentError
from amn.golden.ledger import read_ledger
from amn.golden.store import COSINES_FILE, GOLDEN_FILE, write_golden

if TYPE_CHECKING:
    from pathlib import Path


@click.command("new")
@click.argument("case")
@acceptance.REASON
@acceptance.SEEDS
@acceptance.AUTHOR
@acceptance.ACCEPT_REGRESSION
@CACHE
def command(
    case: str, reason: str, seeds: int, author: str | None, accept_regression: bool, cache: Path
) -> None:
    """Accept the first golden of CASE: train, judge by every other check, write.

    A golden that is there is never overwritten.

    \b
    Examples:
      amn golden new wiki-mini --reason "first accepted result"
      amn golden new wiki-mini --reason "ten seeds: noisy data" --seeds 10
    """  # noqa: D301 - \b keeps click from wrapping the examples
    acceptance.refuse_machines()
    found = find_case(case)
    for name in (GOLDEN_FILE, COSINES_FILE):
        path = found.folder / name
        if path.exists() or path.is_symlink():
            raise ArgumentError(
                f"{path}: expected no golden, found one: it exists. "
                f"Fix: amn golden update {quote(case)} --reason TEXT, "
                f"or git checkout -- {quote(str(found.folder))}"
            )
    if entries := read_ledger(found.folder):  # a broken one is refused, too
        checkout = f"git checkout -- {quote(str(found.folder))}"
        fix = f"{checkout}; then amn golden update {quote(case)} --reason TEXT"
        got = f"a ledger with {len(entries)} accepted before"
        raise ArgumentError(
            f"{found.folder}: expected a case without a golden, got {got}. Fix: {fix}"
        )
    accepted = acceptance.make(
        found, reason, seeds, cache, author=author, accept_regression=accept_regression
    )
    write_golden(found.folder, accepted.golden, acceptance.acceptance_of(found, accepted))
    acceptance.report(accepted, found)
