"""`amn golden prune`: goldens whose case is gone."""

from __future__ import annotations

import click

from amn.cli.golden import acceptance
from amn.errors import ArgumentError
from amn.golden.store import Orphan, find_orphans
from amn.system import GOLDEN_FOLDER
from amn.verdict import count_of


@click.command("prune")
@click.option("--yes", is_flag=True, help="Remove them; without it they are only listed.")
def command(yes: bool) -> None:
    """List, or remove, what is left of goldens whose case.toml is gone.

    Only golden.json, golden.csv, ledger.jsonl and waivers.toml are removed, and the folder if
    nothing else is in it.

    \b
    Examples:
      amn golden prune
      amn golden prune --yes
    """  # noqa: D301 - \b keeps click from wrapping the examples
    acceptance.refuse_machines()
    if not GOLDEN_FOLDER.is_dir():
        raise ArgumentError(f"{GOLDEN_FOLDER}: expected a folder of cases, found none")
    orphans = find_orphans(GOLDEN_FOLDER)
    for orphan in orphans:
        _require_own(orphan)
    for file in (file for orphan in orphans for file in orphan.files):
        if yes:
            file.unlink()
        click.echo(f"{'removed' if yes else 'would remove'} {file}")
    for orphan in orphans if yes else ():
        if not any(orphan.folder.iterdir()):
            orphan.folder.rmdir()
    what = f"{count_of(len(orphans), 'golden')} without a case"
    click.echo(what if yes or not orphans else f"{what}. Remove them: amn golden prune --yes")


def _require_own(orphan: Orphan) -> None:
    """Raise ArgumentError for what is not a folder of files: nobody's else files are removed."""
    fix = "look at it, and remove it by hand"
    if orphan.folder.is_symlink():
        raise ArgumentError(f"{orphan.folder}: expected a folder, got a link. Fix: {fix}")
    for file in orphan.files:
        if file.is_dir() and not file.is_symlink():
            raise ArgumentError(f"{file}: expected a file, got a folder. Fix: {fix}")
