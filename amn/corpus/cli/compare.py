"""`amn data compare`: what differs between two data sets, or two parts of one."""

from __future__ import annotations

from pathlib import Path

import click

from amn.cli.console import row_bar
from amn.cli.options import DATASET, FORMAT
from amn.corpus.report.data_json import compare_json
from amn.corpus.report.data_text import compare_text, warning_text
from amn.corpus.study.compare import compare
from amn.corpus.study.region import open_region
from amn.corpus.study.scores import CONTEXT
from amn.corpus.study.study import Study
from amn.data.dataset import open_dataset
from amn.errors import expect


@click.command("compare")
@click.argument("a", type=DATASET)
@click.argument("b", type=DATASET, required=False)
@click.option("--articles-a", metavar="IDS", help="Only these of A: 1-11000,512 or a file of ids.")
@click.option("--articles-b", metavar="IDS", help="Only these of B.")
@click.option("--context", type=click.IntRange(1, 64), default=CONTEXT, show_default=True)
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True, help="Of samples.")
@FORMAT
@click.option("--page", type=click.Path(path_type=Path), help="Write an HTML page with plots, too.")
def command(
    *,
    a: Path,
    b: Path | None,
    articles_a: str | None,
    articles_b: str | None,
    context: int,
    seed: int,
    style: str,
    page: Path | None,
) -> None:
    """Compare the data set B with A: what did the new rows bring? Is B more coherent than A?

    Without B, two parts of A are compared. Every mean has a 95 % interval of the difference,
    clustered by article (* where it excludes 0), and an effect size (Cohen's d of articles). A
    linear predictor is fitted on either side and judged on the same held-out articles: a filter
    is worth what it gains on the common set, not what is left for it to predict.

    \b
    Examples:
      amn data compare data/v1 data/v2 --page v1-v2.html
      amn data compare data/wiki --articles-a 1-11000 --articles-b 18000000-19000000
    """  # noqa: D301 - click's mark for text that is not to be wrapped
    if b is None and articles_a == articles_b:
        raise click.UsageError(
            "expected a second data set, or --articles-a and --articles-b that differ"
        )
    if page:
        expect("jinja2")
    dataset = open_dataset(a)
    with row_bar(f"Reading {dataset.manifest.name}") as advance:
        one = open_region(dataset, articles_a, option="--articles-a", progress=advance)
    other_set = dataset if b is None else open_dataset(b)
    with row_bar(f"Reading {other_set.manifest.name}") as advance:
        scan = one.scan if b is None else None
        other = open_region(
            other_set, articles_b, option="--articles-b", scan=scan, progress=advance
        )
    found = compare(Study(one, context, seed), Study(other, context, seed))
    if page:
        from amn.corpus.report.data_page import write_comparison  # noqa: PLC0415 - loads jinja2

        write_comparison(found, page)
    click.echo(compare_json(found) if style == "json" else compare_text(found))
    if found.circular:
        click.echo(warning_text(found), err=style == "json")
