"""`amn golden anchor`: from where drift is measured."""

from __future__ import annotations

from shlex import quote

import click

from amn.cli.golden import acceptance
from amn.errors import GoldenError
from amn.golden.ledger import LEDGER_FILE, read_ledger
from amn.golden.store import GOLDEN_FILE
from amn.storage import as_committed, read_whole, sha256_of


@click.command("anchor")
@click.argument("case")
@acceptance.REASON
@acceptance.AUTHOR
def command(case: str, reason: str, author: str | None) -> None:
    """Name the golden of CASE as what later ones must not drift away from: do it at a release.

    An anchor below the one before it is a loosening: it needs an approval, as any other.

    \b
    Examples:
      amn golden anchor wiki-mini --reason "release 1.2"
    """  # noqa: D301 - \b keeps click from wrapping the examples
    acceptance.refuse_machines()
    (found,) = acceptance.mend_all([case])
    entries = read_ledger(found.folder)
    path = found.folder / LEDGER_FILE
    if not entries:
        word = "adopt" if (found.folder / GOLDEN_FILE).exists() else "new"
        fix = f"amn golden {word} {found.name} --reason TEXT"
        raise GoldenError(path, f"expected an accepted golden, found none. Fix: {fix}")
    if (
        sha256_of(as_committed(read_whole(found.folder / GOLDEN_FILE)))
        != entries[-1].digests.golden
    ):
        fix = f"amn golden verify {quote(found.name)}"
        raise GoldenError(path, f"expected the golden of its last entry, got another. Fix: {fix}")
    acceptance.enter_as("anchor", found, reason, author)
    click.echo(f"entry {len(entries)} of {path} is the anchor: commit it")
