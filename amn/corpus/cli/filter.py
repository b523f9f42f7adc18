"""`amn data filter`: drop articles by rules, for counted reasons."""

from __future__ import annotations

import re
from dataclasses import asdict
from pathlib import Path

import click
import numpy as np

from amn.case.config import EVALUATED
from amn.cli.console import row_bar
from amn.cli.options import DATASET, FORMAT
from amn.corpus.cli.summary import summary
from amn.corpus.report.filter_text import circular_warning, filter_text
from amn.corpus.study.filtered import Worth, worth_of, write_filtered
from amn.corpus.study.filtering import Plan, plan_filter
from amn.corpus.study.region import open_region, read_ids
from amn.corpus.study.rules import RECOMMENDED, RULES, Chosen, parse_rules
from amn.corpus.study.scores import CONTEXT
from amn.corpus.study.study import Study
from amn.data.dataset import open_dataset
from amn.data.proposal import LISTS
from amn.errors import ArgumentError
from amn.report.json import dumps
from amn.storage import parse_json, read_whole, write_json

EPILOG = "\b\nRules, with their values where none is given:\n" + "\n".join(
    f"  {Chosen(rule, rule.default)!s:<22}{rule.help}" for rule in RULES.values()
)


@click.command("filter", epilog=EPILOG)
@click.argument("source", type=DATASET)
@click.argument("destination", type=click.Path(path_type=Path), required=False)
@click.option("--rules", default=RECOMMENDED, show_default=True, help="Which, with their values.")
@click.option(
    "--target-rows",
    metavar="LOW-HIGH",
    help="Choose the threshold of coherence so that so many rows are left.",
)
@click.option(
    "--exempt",
    metavar="IDS",
    help="Articles that no rule touches: ids, or the file of `amn data split` (what it evaluates).",
)
@click.option("--dry-run", is_flag=True, help="Write nothing.")
@click.option("--name", help="Name of the new data set.  [default: the folder's]")
@click.option("--context", type=click.IntRange(1, 64), default=CONTEXT, show_default=True)
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True, help="Of samples.")
@FORMAT
def command(
    *,
    source: Path,
    destination: Path | None,
    rules: str,
    target_rows: str | None,
    exempt: str | None,
    dry_run: bool,
    name: str | None,
    context: int,
    seed: int,
    style: str,
) -> None:
    """Write the articles of SOURCE that no rule drops to the new folder DESTINATION.

    Every rule looks at SOURCE as it is, so their order does not matter; an article that several
    rules drop is counted under the first in the list below. Reasons and values go into the
    manifest. What the filter is worth is measured on held-out articles that it has not touched.
    A splits.json given to --exempt goes with the new data set: amn case new takes it.

    \b
    Examples:
      amn data filter data/wiki --dry-run
      amn data filter data/wiki data/clean --rules lists,disambiguation,stubs=500,series
      amn data filter data/wiki data/clean --target-rows 600000-650000 --exempt splits.json
    """  # noqa: D301 - click's mark for text that is not to be wrapped
    if destination is None and not dry_run:
        raise click.UsageError("expected a DESTINATION, or --dry-run")
    if destination is not None and destination.exists():
        raise FileExistsError(destination)
    chosen, target = parse_rules(rules), parse_target(target_rows)
    dataset = open_dataset(source)
    with row_bar(f"Reading {dataset.manifest.name}") as advance:
        region = open_region(dataset, progress=advance)
    untouched = np.zeros(len(region), np.bool_)
    if exempt:
        untouched = read_ids(exempt, region.ids, EVALUATED, option="--exempt").holds(region.ids)
        if not untouched.any():
            raise ArgumentError(f"--exempt {exempt}: expected ids of {source}, got none of them")
    plan = plan_filter(Study(region, context, seed), chosen, exempt=untouched, target=target)
    worth = worth_of(plan)
    click.echo(filter_json(plan, worth) if style == "json" else filter_text(plan, worth))
    if destination is None or dry_run:
        return
    with row_bar(f"Writing {destination.name}") as advance:
        made = write_filtered(plan, destination, name=name or destination.name, progress=advance)
    if exempt and (lists := evaluated_lists(Path(exempt))):
        write_json(made.path / LISTS, lists)
    text = summary(made.path, made.manifest, len(made.articles))
    click.echo(f"\n{text}", err=style == "json")


def evaluated_lists(file: Path) -> dict[str, object] | None:
    """Return the lists of evaluated articles of a file; None where it is no such file.

    They go with the filtered data set, so that `amn case new` judges it on what no rule touched.
    """
    if file.suffix != ".json" or not file.is_file():
        return None
    found = parse_json(read_whole(file))
    if not isinstance(found, dict) or not all(isinstance(found.get(n), list) for n in EVALUATED):
        return None
    return {"schema": 1, **{name: found[name] for name in EVALUATED}}


def parse_target(text: str | None) -> tuple[int, int] | None:
    """Read `600000-650000`; underscores and commas in numbers are allowed."""
    if text is None:
        return None
    match = re.fullmatch(r"(\d+)-(\d+)", re.sub(r"[,_\s]", "", text))
    if not match or int(match[1]) > int(match[2]):
        raise ArgumentError(f"--target-rows: expected LOW-HIGH such as 600000-650000, got {text!r}")
    return int(match[1]), int(match[2])


def filter_json(plan: Plan, worth: Worth) -> str:
    """Return the plan and its worth as one JSON document."""
    document = {
        "schema": 1,
        "filter": {
            "rules": [asdict(count) for count in plan.counts()],
            "stage": plan.stage().model_dump(mode="json"),
            "kept": {"articles": int(plan.kept.sum()), "rows": plan.rows},
            "worth": asdict(worth),
            "circular": circular_warning(plan) if plan.judged else None,
        },
    }
    return dumps(document)
