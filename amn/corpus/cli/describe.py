"""`amn data describe`: what a data set is made of."""

from __future__ import annotations

from pathlib import Path

import click

from amn.cli.console import row_bar
from amn.cli.options import DATASET, FORMAT
from amn.corpus.report.data_json import describe_json
from amn.corpus.report.data_text import describe_text
from amn.corpus.study.describe import describe
from amn.corpus.study.region import open_region
from amn.corpus.study.scores import CONTEXT
from amn.corpus.study.study import Study
from amn.data.dataset import open_dataset
from amn.errors import expect


@click.command("describe")
@click.argument("path", type=DATASET)
@click.option("--articles", metavar="IDS", help="Only these: 1-11000,512 or a file of ids.")
@click.option("--context", type=click.IntRange(1, 64), default=CONTEXT, show_default=True)
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True, help="Of samples.")
@FORMAT
@click.option("--page", type=click.Path(path_type=Path), help="Write an HTML page with plots, too.")
def command(
    *, path: Path, articles: str | None, context: int, seed: int, style: str, page: Path | None
) -> None:
    """Describe the data set in the folder PATH: what is in it, and how hard it is to predict.

    Kinds of pages, lengths, coherence (all, by article, by id, by lag), duplicates, geometry,
    diversity, and the reference predictors on held-out articles.

    \b
    Examples:
      amn data describe data/wiki
      amn data describe data/wiki --articles 1-11000 --page wiki.html
      amn data describe data/wiki --format json
    """  # noqa: D301 - click's mark for text that is not to be wrapped
    if page:
        expect("jinja2")
    dataset = open_dataset(path)
    with row_bar(f"Reading {dataset.manifest.name}") as advance:
        region = open_region(dataset, articles, progress=advance)
    found = describe(Study(region, context, seed))
    if page:
        from amn.corpus.report.data_page import write_description  # noqa: PLC0415 - loads jinja2

        write_description(found, page)
    click.echo(describe_json(found) if style == "json" else describe_text(found))
