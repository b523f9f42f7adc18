"""`amn index`: FAISS indexes of data sets."""

from __future__ import annotations

from shlex import quote
from typing import TYPE_CHECKING, get_args

import click

from amn.cli.console import row_bar
from amn.cli.options import DATASET, Existing
from amn.data.dataset import open_dataset
from amn.data.index.adopt import adopt_index
from amn.data.index.build import build_index
from amn.data.index.reader import Kind, read_index_manifest

if TYPE_CHECKING:
    from pathlib import Path


@click.group("index")
def command() -> None:
    """FAISS indexes: build one beside a data set's vectors, or adopt one that others built."""


@command.command("build")
@click.argument("folder", type=DATASET)
@click.option(
    "--kind",
    type=click.Choice(get_args(Kind)),
    help="[default: the smallest of sq4, sq6, sq8 and flat that passes amn check index]",
)
@click.option("--seed", default=0, show_default=True, help="Same data, kind and seed: same bytes.")
def build(folder: Path, kind: str | None, seed: int) -> None:
    """Build index.faiss and index.json in FOLDER from its vectors; replaces what is there.

    \b
    Examples:
      amn index build golden/wiki-mini/data
      amn index build data/mine --kind hnsw
    """  # noqa: D301 - \b keeps click from wrapping the examples
    with row_bar("adding rows") as advance:
        path = build_index(open_dataset(folder), kind, seed=seed, progress=advance)
    built = read_index_manifest(folder).kind
    click.echo(f"wrote {path} ({path.stat().st_size / 1e6:.1f} MB, {built})")
    click.echo(f"next: amn check index {quote(str(folder))}")


@command.command("adopt")
@click.argument("file", type=Existing("an index", "amn index build DATASET"))
@click.argument("folder", type=DATASET)
@click.option(
    "--ids",
    type=Existing("ids", "write one for each vector"),
    metavar="FILE",
    help="Row of FOLDER for each of its vectors, by its own ids: .npy, a JSON list, or text.",
)
def adopt(file: Path, folder: Path, ids: Path | None) -> None:
    """Take FILE, a FAISS index that others built, over as that of the data set FOLDER.

    Every vector in it is compared with its row first; then index.faiss and index.json are written.

    \b
    Examples:
      amn index adopt faiss.index data/mine
      amn index adopt faiss.index data/mine --ids rows.npy
    """  # noqa: D301 - \b keeps click from wrapping the examples
    path = adopt_index(file, open_dataset(folder), ids=ids)
    click.echo(f"wrote {path} ({path.stat().st_size / 1e6:.1f} MB, adopted)")
    click.echo(f"next: amn check index {quote(str(folder))}")
