"""`amn case`: a ready case for a new data set or config."""

from __future__ import annotations

import math
import os
from pathlib import Path

import click

from amn.case import load_case
from amn.data.dataset import open_dataset
from amn.places import CASE_FILE, GOLDEN_FOLDER
from amn.storage import write_bytes

TEMPLATE = """\
schema = 1
title  = "{title}"

[dataset]
path = "{path}"

[split]                                  # by article; what is in neither trains
in_dist = {{ fraction = {fraction}, seed = 0 }}
ood     = {{ articles = "{ood}" }}        # a region that training never sees: choose it yourself

[windows]
context = {context}

[model]
kind   = "amn"
recipe = "recency"                       # or "original"

[training]
seeds = [0, 1, 2]

[criteria]
profile = "minimum"                      # in-dist 0.54, OOD 0.60; own values: in_dist = 0.58
lift    = 0.0                            # gain over the mean of the context, with its interval
"""
OOD_SHARE = 0.2  # of the articles, the highest ids
IN_DIST_SHARE = 0.12  # of the others
MIN_ARTICLES = 8  # to judge on: with fewer no interval means anything


@click.group("case")
def command() -> None:
    """Cases: what is gated."""


@command.command("new")
@click.argument("name")
@click.option(
    "--dataset",
    "dataset_path",
    type=click.Path(path_type=Path),
    required=True,
    help="Folder of the data set.",
)
@click.option("--context", default=5, show_default=True, help="Context rows of a window.")
@click.option(
    "--ood", help="Ids of the OOD articles, such as 11001-15192. Default: the highest fifth."
)
def new(name: str, dataset_path: Path, context: int, ood: str | None) -> None:
    """Write golden/NAME/case.toml for a data set. It is gated from then on.

    \b
    Examples:
      amn case new my-corpus --dataset data/my-corpus
      amn case new my-corpus --dataset data/my-corpus --ood 11001-15192
    """  # noqa: D301 - \b keeps click from wrapping the examples
    folder = GOLDEN_FOLDER / name
    file = folder / CASE_FILE
    if file.exists():
        raise FileExistsError(file)
    dataset = open_dataset(dataset_path)
    n_rest = int(len(dataset.articles) * (1 - OOD_SHARE))
    first = dataset.articles[n_rest]
    least = math.ceil(100 * MIN_ARTICLES / n_rest) / 100
    text = TEMPLATE.format(
        title=f"{dataset.manifest.name}, {dataset.manifest.encoder.name}, context {context}",
        path=Path(os.path.relpath(dataset_path, folder)).as_posix(),
        ood=ood or f"{first}-{dataset.articles[-1]}",
        context=context,
        fraction=max(IN_DIST_SHARE, least),
    )
    write_bytes(file, text.encode())
    load_case(folder)
    click.echo(f"wrote {file}")
    click.echo(f"next: amn check split {folder}")
    click.echo(f"      amn gate {name} --first-run")
    click.echo(f"      amn golden new {name} --reason 'first accepted result'")
