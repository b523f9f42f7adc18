"""`amn index`: FAISS indexes of data sets."""

from __future__ import annotations

from pathlib import Path
from shlex import quote
from typing import get_args

import click

from amn.cli.console import row_bar
from amn.data.dataset import open_dataset
from amn.data.index.build import DEFAULT_KIND, build_index
from amn.data.index.reader import Kind


@click.group("index")
def command() -> None:
    """FAISS indexes: build one beside a data set's vectors."""


@command.command("build")
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("--kind", type=click.Choice(get_args(Kind)), default=DEFAULT_KIND, show_default=True)
@click.option("--seed", default=0, show_default=True, help="Same data, kind and seed: same bytes.")
def build(folder: Path, kind: str, seed: int) -> None:
    """Build index.faiss and index.json in FOLDER from its vectors; replaces what is there.

    \b
    Examples:
      amn index build golden/wiki-mini/data
      amn index build data/mine --kind hnsw
    """  # noqa: D301 - \b keeps click from wrapping the examples
    with row_bar("adding rows") as advance:
        path = build_index(open_dataset(folder), kind, seed=seed, progress=advance)
    click.echo(f"wrote {path} ({path.stat().st_size / 1e6:.1f} MB, {kind})")
    click.echo(f"next: amn check index {quote(str(folder))}")
