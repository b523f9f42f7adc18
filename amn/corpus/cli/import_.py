"""`amn data import`: a data set from vectors in a file."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import click

from amn.cli.console import row_bar
from amn.corpus.cli.summary import summary
from amn.data.importers import import_vectors
from amn.data.manifest import EncoderInfo


@click.command("import")
@click.argument("source", type=click.Path(path_type=Path))
@click.argument("destination", type=click.Path(path_type=Path))
@click.option("--name", help="Name of the data set.  [default: the folder's]")
@click.option(
    "--ids",
    type=click.Path(path_type=Path),
    help="Ids of the rows: .parquet, .csv or .npz with article_id and chunk_index.",
)
@click.option("--vector-column", metavar="NAME", help="Column of a parquet file.")
@click.option(
    "--dtype",
    type=click.Choice(["float16", "float32"]),
    default="float16",
    show_default=True,
    help="How vectors are stored.",
)
@click.option("--normalise", is_flag=True, help="Scale every row to length 1.")
@click.option("--drop-bad", is_flag=True, help="Leave out rows that are zero or not finite.")
@click.option(
    "--encoder", metavar="NAME", default="unknown", show_default=True, help="What made the vectors."
)
@click.option("--revision", help="The encoder's revision.")
@click.option("--pooling", help="How the encoder pools tokens.")
@click.option("--prefix", help="Text that was put before every chunk.")
@click.option("--source", "source_note", default="", help="Where the vectors come from.")
@click.option("--licence", default="", help="Licence of the vectors.")
def command(
    *,
    source: Path,
    destination: Path,
    name: str | None,
    ids: Path | None,
    vector_column: str | None,
    dtype: Literal["float16", "float32"],
    normalise: bool,
    drop_bad: bool,
    encoder: str,
    revision: str | None,
    pooling: str | None,
    prefix: str | None,
    source_note: str,
    licence: str,
) -> None:
    """Make a data set in the new folder DESTINATION from the file SOURCE.

    SOURCE is an .npz of windows (context_sequences and target_vectors, or contexts and targets) or
    of rows (vectors, article_indices, chunk_indices), an .npy of rows with --ids, or a .parquet
    file with a column of vectors. Nothing is unpickled and nothing is overwritten.

    \b
    Examples:
      amn data import vectors.npy data/wiki --ids chunks.parquet
      amn data import sequences_ctx5.npz data/wiki --normalise --encoder gtr-t5-base
      amn data import wiki.parquet data/wiki --vector-column embedding --dtype float32
    """  # noqa: D301 - click's mark for text that is not to be wrapped
    with row_bar(f"Importing {source.name}") as advance:
        dataset = import_vectors(
            source,
            destination,
            name=name,
            ids=ids,
            vector_column=vector_column,
            dtype=dtype,
            normalise=normalise,
            drop_bad=drop_bad,
            encoder=EncoderInfo(name=encoder, revision=revision, pooling=pooling, prefix=prefix),
            source_note=source_note,
            licence=licence,
            progress=advance,
        )
    click.echo(summary(dataset.path, dataset.manifest, len(dataset.articles)))
