"""`amn case`: a ready case for a new data set or config."""

from __future__ import annotations

import json
import math
import os
import shlex
from pathlib import Path

import click
import numpy as np

from amn.case.load import parse_case
from amn.data.dataset import DataSet, open_dataset
from amn.data.splits import parse_ranges, within
from amn.errors import ArgumentError
from amn.storage import write_bytes
from amn.system import CASE_FILE, GOLDEN_FOLDER

TEMPLATE = """\
schema = 1
title  = {title}

[dataset]
path = {path}

[split]                                  # by article; what is in neither trains
in_dist = {{ fraction = {fraction}, seed = 0 }}
ood     = {{ articles = {ood} }}        # a region that training never sees: choose it yourself

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
    if folder.parent != GOLDEN_FOLDER or name == "..":
        message = f"{name!r}: expected the name of one folder in {GOLDEN_FOLDER}/, got a path"
        raise ArgumentError(
            f"{message}. Fix: amn case new {shlex.quote(Path(name).name or 'NAME')}"
        )
    file = folder / CASE_FILE
    if file.exists():
        raise FileExistsError(file)
    dataset = open_dataset(dataset_path)
    n_rest, region = _regions(dataset, ood)
    least = math.ceil(100 * MIN_ARTICLES / n_rest) / 100
    text = TEMPLATE.format(
        title=_toml(f"{dataset.manifest.name}, {dataset.manifest.encoder.name}, context {context}"),
        path=_toml(Path(os.path.relpath(dataset_path, folder)).as_posix()),
        ood=_toml(region),
        context=context,
        fraction=max(IN_DIST_SHARE, least),
    )
    parse_case(text, file)  # what it would refuse is not written
    write_bytes(file, text.encode())
    click.echo(f"wrote {file}")
    click.echo(f"next: amn check split {shlex.quote(str(folder))}")
    click.echo(f"      amn gate {shlex.quote(name)} --first-run")
    click.echo(f"      amn golden new {shlex.quote(name)} --reason 'first accepted result'")


def _regions(dataset: DataSet, ood: str | None) -> tuple[int, str]:
    """Return how many articles are left beside the OOD region, and the region.

    Raises:
        ArgumentError: If too few are left to train and to judge on, or the region is none.
    """
    articles = dataset.articles
    n_ood = max(MIN_ARTICLES, len(articles) - int(len(articles) * (1 - OOD_SHARE)))
    if ood:
        n_ood = int(np.count_nonzero(within(articles, parse_ranges(ood))))
        if not n_ood:
            held = f"{articles[0]} ... {articles[-1]}"
            raise ArgumentError(f"--ood {ood}: expected ids of its articles, {held}, got none")
    n_rest = len(articles) - n_ood
    if n_rest < 2 * MIN_ARTICLES:
        raise ArgumentError(
            f"{dataset.path}: expected {MIN_ARTICLES} or more articles each in train, in_dist and "
            f"ood, got {len(articles)}, {n_ood} of them for ood. Fix: a data set of more articles"
        )
    return n_rest, ood or f"{articles[-n_ood]}-{articles[-1]}"


def _toml(text: str) -> str:
    """Return a text as a TOML string: with the quotes and escapes of JSON."""
    return json.dumps(text, ensure_ascii=False)
