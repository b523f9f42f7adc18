"""`amn golden prune`: goldens whose case is gone."""

from __future__ import annotations

import click

from amn.cli.golden import acceptance
from amn.errors import ArgumentError
from amn.golden.orphans import find_orphans
from amn.places import GOLDEN_FOLDER


@click.command("prune")
@click.option("--yes", is_flag=True, help="Remove them; without it they are only listed.")
def command(yes: bool) -> None:
    """List, or remove, what is left of goldens whose case.toml is gone.

    Only golden.json, golden.npz, ledger.jsonl and waivers.toml are removed, and the folder if
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
    for file in (file for orphan in orphans for file in orphan.files):
        click.echo(f"{'removed' if yes else 'would remove'} {file}")
        if yes:
            file.unlink()
    for orphan in orphans if yes else ():
        if not any(orphan.folder.iterdir()):
            orphan.folder.rmdir()
    what = f"{len(orphans)} goldens without a case"
    click.echo(what if yes or not orphans else f"{what}. Remove them: amn golden prune --yes")
