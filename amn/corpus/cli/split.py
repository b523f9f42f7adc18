"""`amn data split`: lists of articles that train and that are judged."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Literal

import click

from amn.cli.console import row_bar
from amn.cli.options import DATASET, FORMAT
from amn.corpus.report.split_text import split_text
from amn.corpus.study.region import open_region, read_ids
from amn.corpus.study.scores import CONTEXT
from amn.corpus.study.splitting import assess, plan_split
from amn.corpus.study.study import Study
from amn.data.dataset import open_dataset
from amn.report.json import dumps
from amn.storage import write_json


@click.command("split")
@click.argument("path", type=DATASET)
@click.argument("out", type=click.Path(path_type=Path))
@click.option(
    "--by",
    type=click.Choice(["article", "block", "cluster"]),
    default="block",
    show_default=True,
    help="How OOD is drawn: articles by chance, highest ids, near-duplicate clusters by chance.",
)
@click.option("--in-dist", type=float, default=0.12, show_default=True, help="Share of the rest.")
@click.option("--ood", type=float, default=0.2, show_default=True, help="Share of the articles.")
@click.option("--ood-articles", metavar="IDS", help="The OOD region itself: 11001-15192 or a file.")
@click.option("--context", type=click.IntRange(1, 64), default=CONTEXT, show_default=True)
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True, help="Of the draw.")
@FORMAT
def command(
    *,
    path: Path,
    out: Path,
    by: Literal["article", "block", "cluster"],
    in_dist: float,
    ood: float,
    ood_articles: str | None,
    context: int,
    seed: int,
    style: str,
) -> None:
    """Divide the articles of the data set PATH; write the lists to the new JSON file OUT.

    Near-duplicate articles never end on two sides. Articles too short for a window train. Split
    first and filter then, with --exempt OUT: what is judged stays as it was.
    Coherence and the reference predictors show whether a split is easier or harder than train
    (* where the interval of the difference, clustered by article, excludes 0).

    \b
    Examples:
      amn data split data/wiki golden/wiki/splits.json
      amn data split data/wiki golden/wiki/splits.json --by cluster --in-dist 0.1 --ood 0.1
      amn data split data/wiki golden/wiki/splits.json --ood-articles 11001-15192
    """  # noqa: D301 - click's mark for text that is not to be wrapped
    if out.exists():
        raise FileExistsError(out)
    dataset = open_dataset(path)
    region_ids = None
    if ood_articles:
        region_ids = read_ids(ood_articles, dataset.articles, option="--ood-articles")
    with row_bar(f"Reading {dataset.manifest.name}") as advance:
        study = Study(open_region(dataset, progress=advance), context, seed)
    plan = plan_split(study, by=by, in_dist=in_dist, ood=ood, ood_articles=region_ids)
    reports = assess(plan)
    write_json(out, plan.to_json())
    if style == "json":
        found = [asdict(report) | {"warning": report.warning} for report in reports]
        document = {"schema": 1, "split": {"file": str(out), "reports": found}}
        click.echo(dumps(document))
    else:
        click.echo(split_text(plan, reports, out.name))
