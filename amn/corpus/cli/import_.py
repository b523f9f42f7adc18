"""`amn data import`: a data set from vectors in a file."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

import click

from amn.cli.console import row_bar
from amn.cli.options import Existing
from amn.corpus.cli.summary import summary
from amn.data.importers import Preview, import_vectors, preview_vectors
from amn.data.imports.keys import Keys
from amn.data.manifest import EncoderInfo
from amn.verdict import count_of


@click.command("import")
@click.argument("source", type=Existing("vectors", "amn data import --help"))
@click.argument("destination", type=click.Path(path_type=Path), required=False)
@click.option("--name", help="Name of the data set.  [default: the folder's]")
@click.option(
    "--ids",
    type=Existing("ids", "write one for each row"),
    help="Ids of the rows, in their order: a table with article_id and chunk_index, or JSON.",
)
@click.option("--vector-column", metavar="NAME", help="Column, or array, of the vectors.")
@click.option("--article-column", metavar="NAME", help="Column with the article of each row.")
@click.option("--order-column", metavar="NAME", help="Column that orders the rows of an article.")
@click.option("--rows-in-order", is_flag=True, help="Rows of an article are in its text's order.")
@click.option("--one-article", is_flag=True, help="All rows are one article, in order.")
@click.option("--border-column", metavar="NAME", help="An article ends where this column changes.")
@click.option("--separator", type=click.Choice(["zero", "nan"]), help="Rows that end an article.")
@click.option("--numbers", type=click.Choice(["bfloat16"]), help="What 16 bits without a type are.")
@click.option(
    "--dry-run", is_flag=True, help="Show ten rows as they were understood; write nothing."
)
@click.option(
    "--dtype",
    type=click.Choice(["float16", "float32"]),
    default="float16",
    show_default=True,
    help="How vectors are stored.",
)
@click.option("--normalise", is_flag=True, help="Scale every row to length 1.")
@click.option("--keep-length", is_flag=True, help="Take rows of any length: judged by l2 or mse.")
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
    destination: Path | None,
    name: str | None,
    vector_column: str | None,
    numbers: Literal["bfloat16"] | None,
    dry_run: bool,
    dtype: Literal["float16", "float32"],
    normalise: bool,
    keep_length: bool,
    drop_bad: bool,
    encoder: str,
    revision: str | None,
    pooling: str | None,
    prefix: str | None,
    source_note: str,
    licence: str,
    **said: Any,  # noqa: ANN401 - the fields of `Keys`
) -> None:
    """Make a data set in the new folder DESTINATION from the file or folder SOURCE.

    Vectors: .npy, .npz (also of windows), .parquet, .arrow, .jsonl, .csv, folders of Hugging Face
    datasets, HDF5, safetensors, .pt, word2vec text, a FAISS index, LangChain's folder. What no
    column tells is said by an option and never guessed. Nothing is unpickled or overwritten.

    \b
    Examples:
      amn data import vectors.npy data/wiki --ids chunks.parquet
      amn data import wiki.jsonl --article-column page --order-column position --dry-run
      amn data import sequences_ctx5.npz data/wiki --normalise --encoder gtr-t5-base
      amn data import wiki.parquet data/wiki --vector-column embedding --dtype float32
    """  # noqa: D301 - click's mark for text that is not to be wrapped
    keys = Keys(**said)
    if dry_run:
        found = preview_vectors(source, keys=keys, vector_column=vector_column, numbers=numbers)
        click.echo(_preview(source, found))
        return
    if destination is None:
        raise click.UsageError("expected a DESTINATION, or --dry-run")
    with row_bar(f"Importing {source.name}") as advance:
        dataset = import_vectors(
            source,
            destination,
            name=name,
            keys=keys,
            vector_column=vector_column,
            numbers=numbers,
            dtype=dtype,
            normalise=normalise,
            keep_length=keep_length,
            drop_bad=drop_bad,
            encoder=EncoderInfo(name=encoder, revision=revision, pooling=pooling, prefix=prefix),
            source_note=source_note,
            licence=licence,
            progress=advance,
        )
    click.echo(summary(dataset.path, dataset.manifest, len(dataset.articles)))


def _preview(source: Path, found: Preview) -> str:
    """Return what was understood, and the first rows."""
    n_rows, dim = found.shape
    lines = [
        (
            f"{source.name}: {count_of(n_rows, 'row')} x {dim}, {found.dtype}, "
            f"{count_of(found.n_articles, 'article')}"
        )
    ]
    lines += [f"  {what}" for what in found.said]
    width = max(7, *(len(row[0]) for row in found.rows))
    lines.append(f"{'article':<{width}}  {'place':>6}  {'length':>8}  first numbers")
    for article, place, length, numbers in found.rows:
        shown = " ".join(f"{number:+.4f}" for number in numbers)
        lines.append(f"{article:<{width}}  {place:>6}  {length:>8.4f}  {shown}")
    return "\n".join(lines)
