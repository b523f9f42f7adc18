"""`amn case`: a ready case for a new data set or config."""

from __future__ import annotations

import json
import math
import os
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import numpy as np

from amn.case.config import EVALUATED, MOST_CONTEXT, MOST_TITLE
from amn.case.limits import GoldenConfig
from amn.case.load import parse_case
from amn.case.training import BATCHES, batch_size_for
from amn.cli.console import progress_bar
from amn.cli.options import DATASET
from amn.cli.slips import typed
from amn.data.articles import sample_articles
from amn.data.beside_train import likely_scatter
from amn.data.dataset import open_dataset
from amn.data.ids import IdSet
from amn.data.proposal import LISTS, MIN_ARTICLES, propose_split
from amn.data.splits import resolve_splits
from amn.data.windows import find_windows
from amn.errors import ArgumentError, DataError, MissingDependencyError, bring, expect
from amn.evaluation.noninferiority import POWER, articles_to_pass, passes_when_equal
from amn.evaluation.warranted import (
    KINDS,
    are_numbers,
    chosen_of,
    fits_profile,
    last_row_distance,
    proposed_delta,
    warranted,
)
from amn.storage import write_bytes, write_json
from amn.system import ATTRIBUTES, ATTRIBUTES_FILE, CASE_FILE, GOLDEN_FOLDER
from amn.verdict import count_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from amn.case.load import Case
    from amn.data.splits import Split
    from amn.data.windows import Windows
    from amn.evaluation.warranted import Tried, Warranted

TEMPLATE = """\
schema = 1
title  = {title}

[dataset]
path = {path}

[split]                                  # by article; what is in neither trains
# {why}
{split}

[windows]
context = {context}

[model]
{model}

[training]
{training}

[criteria]
{criteria}
"""
MIXED = """\
kind  = "amn"
stack = true                             # with ridge, by validation: never the worse of both"""
LIFT = "lift    = 0.001                          # gain over the strongest reference predictor"
MINIMUM = f"""\
profile = "minimum"                      # in-dist 0.54, OOD 0.60; own values: in_dist = 0.58
{LIFT}"""
OF_LENGTHS = 'metric = "l2"                            # rows have lengths: docs/metrics.md'
LIMIT = """

[[criteria.limit]]                       # what the last row of the context comes to
id     = "C{number}"
metric = "l2"
split  = "{split}"
most   = {most:.4g}"""
LONGEST = 100  # characters of ids in a line of case.toml; more go into a file beside it


@click.group("case")
def command() -> None:
    """Cases: what is gated."""


@command.command("new")
@click.argument("name")
@click.option(
    "--dataset",
    "dataset_path",
    type=DATASET,
    required=True,
    help="Folder of the data set.",
)
@click.option(
    "--context",
    type=click.IntRange(1, MOST_CONTEXT),
    default=5,
    show_default=True,
    help="Context rows of a window.",
)
@click.option(
    "--ood", help="Ids of the OOD articles, such as 11001-15192. Default: what the data suggest."
)
@click.option(
    "--kind",
    type=click.Choice(KINDS),
    help="Of model.  [default: the first that held-out training articles warrant]",
)
def new(name: str, dataset_path: Path, context: int, ood: str | None, kind: str | None) -> None:
    """Write golden/NAME/case.toml for a data set. It is gated from then on.

    The split is the first of: --ood; golden/NAME/splits.json or one in the data set's folder; a
    column split in the chunk table; one value of a column source, domain, subset, kind or category;
    the latest articles by a column of dates; a draw by chance, which is no shift.

    The model is the first of a network mixed with ridge, ridge and weighted mean whose gain over
    the other reference predictors would show on splits of these sizes, in four-fold
    cross-validation over training articles.

    \b
    Examples:
      amn case new my-corpus --dataset data/my-corpus
      amn case new my-corpus --dataset data/my-corpus --ood 11001-15192
    """  # noqa: D301 - \b keeps click from wrapping the examples
    folder = _folder_of(name)
    file = folder / CASE_FILE
    if file.exists():
        raise FileExistsError(file)
    dataset = open_dataset(dataset_path)
    if not dataset.normalised and not are_numbers(dataset):
        fix = f"amn check data {shlex.quote(str(dataset_path))}"
        raise DataError(dataset.path, f"expected finite numbers, got NaN or infinity. Fix: {fix}")
    lists = folder / LISTS, dataset_path / LISTS
    scatter, margin = likely_scatter(sample_articles(dataset), context), GoldenConfig().margin
    least = articles_to_pass(scatter, margin) if scatter > 0 else MIN_ARTICLES
    proposal = propose_split(dataset, ood, lists, context=context, least=least)
    selectors = {name: _placed(table, folder) for name, table in proposal.selectors.items()}
    inline = {name: _table(selector) for name, selector in selectors.items()}
    beside = {
        name: IdSet.of(table["articles"]).holds(dataset.articles)
        for name, table in selectors.items()
        if "articles" in table and len(inline[name]) > LONGEST
    }
    if beside and (folder / LISTS).exists():
        raise FileExistsError(folder / LISTS)
    inline |= {name: _table({"file": LISTS}) for name in beside}
    title = f"{dataset.manifest.name}, {dataset.manifest.encoder.name}, context {context}"
    values = {
        "title": _toml(title[:MOST_TITLE]),
        "path": _toml(Path(os.path.relpath(dataset_path, folder)).as_posix()),
        "why": proposal.why,
        "split": "\n".join(f"{name:<7} = {table}" for name, table in inline.items()),
        "context": context,
    }
    # What it would refuse is not written.
    case = parse_case(_text(values), file)
    if beside:
        ids = {name: dataset.articles[mine].tolist() for name, mine in beside.items()}
        write_json(folder / LISTS, {"schema": 1, **ids})
    folder.mkdir(parents=True, exist_ok=True)  # what is beside it is found from there
    splits = resolve_splits(case, dataset)
    windows = {n: find_windows(s.dataset, context, s.articles) for n, s in splits.items()}
    judged = {name: windows[name] for name in EVALUATED}
    found = warranted(windows["train"], judged) if dataset.normalised else {}
    criteria = _criteria(found) if dataset.normalised else _limits(judged)
    n_windows = len(windows["train"])
    mixed = parse_case(_text(values, n_windows), file)
    tried = _try_predictors(mixed, windows["train"], found) if not kind else ()
    chosen = kind or (chosen_of(tried).kind if tried else KINDS[0])
    text = _text(values, n_windows, chosen, criteria)
    parse_case(text, file)
    write_bytes(file, text.encode())
    if not ATTRIBUTES_FILE.exists():
        write_bytes(ATTRIBUTES_FILE, ATTRIBUTES.encode())
    click.echo(f"wrote {file}{f' and {LISTS}' if beside else ''}")
    click.echo(f"split: {proposal.why}")
    click.echo(f"       {', '.join(_size(one, windows[name]) for name, one in splits.items())}")
    known = judged if scatter > 0 else {}
    powers = [_power(name, one, scatter, margin, least) for name, one in known.items()]
    for line in [*powers, *_references(found), *_predictors(tried)]:
        click.echo(line)
    mine = "" if dataset.normalised else " --predictions FILE"  # networks predict directions
    click.echo(f"next: amn check split {shlex.quote(str(folder))}")
    click.echo(f"      amn gate {shlex.quote(name)} --first-run{mine}")
    click.echo(f"      amn golden new {shlex.quote(name)}{mine} --reason 'first accepted result'")


@command.command("keys")
@click.option(
    "--format",
    "style",
    type=click.Choice(["text", "markdown"]),
    default="text",
    show_default=True,
    help="As markdown: a table a section.",
)
def show_keys(style: str) -> None:
    """List every key that case.toml may have: values, default, what it means.

    \b
    Examples:
      amn case keys
      amn case keys --format markdown
    """  # noqa: D301 - \b keeps click from wrapping the examples
    from amn.case.keys import keys, to_markdown  # noqa: PLC0415 - asks every section

    if style == "markdown":
        click.echo(to_markdown(), nl=False)
        return
    for key in keys():
        default = f" = {key.default}" if key.default else ""
        click.echo(f"{key.name}{default}")
        click.echo(f"    {key.values}. {key.what}")


def _folder_of(name: str) -> Path:
    """Return the folder of a new case by its name."""
    folder = GOLDEN_FOLDER / name
    if folder.parent != GOLDEN_FOLDER or name == "..":
        message = f"{name!r}: expected the name of one folder in {GOLDEN_FOLDER}/, got a path"
        plain = Path(name).name.strip(".") or "NAME"
        raise ArgumentError(f"{message}. Fix: {typed(name, plain) or f'amn case new {plain}'}")
    return folder


def _placed(table: dict[str, Any], folder: Path) -> dict[str, Any]:
    """Return a selector whose file is relative to the case."""
    if "file" not in table:
        return table
    return {"file": Path(os.path.relpath(table["file"], folder)).as_posix()}


def _table(values: dict[str, Any]) -> str:
    """Return values as a table of TOML in one line."""
    return f"{{ {', '.join(f'{key} = {_toml(value)}' for key, value in values.items())} }}"


def _size(split: Split, windows: Windows) -> str:
    """Return `ood 28 articles with 665 windows`, or how many of the articles have any."""
    n, some = len(split.articles), _articles(windows)
    of = "" if some == n else f"{some:,} of "
    return f"{split.name} {of}{n:,} articles with {count_of(len(windows), 'window')}"


def _articles(windows: Windows) -> int:
    """Return how many articles have windows."""
    return len(np.unique(windows.codes))


def _limits(judged: Mapping[str, Windows]) -> str:
    """Return limits for rows that have lengths: at most as far off as the last row is."""
    limits = [
        LIMIT.format(number=number, split=split, most=last_row_distance(windows))
        for number, (split, windows) in enumerate(judged.items(), 101)
    ]
    return OF_LENGTHS + "".join(limits)


def _criteria(found: Mapping[str, Warranted]) -> str:
    """Return floors and range of a case: the profile's, or what its data warrant."""
    if not found or fits_profile(found):
        return MINIMUM
    lines = [
        f"{f'{name:<7} = {one.floor:.2f}':<40} # {one.strongest} has {one.interval.mean:.4f}, "
        f"{one.interval.low:.4f} ... {one.interval.high:.4f}"
        for name, one in found.items()
    ]
    low, high = proposed_delta(found)
    delta = f"delta   = [{low:g}, {high:g}]"
    return "\n".join([*lines, f"{delta:<40} # OOD - in-dist, about what these have", LIFT])


def _references(found: Mapping[str, Warranted]) -> Iterator[str]:
    """Yield what is known of these data before anything is trained on them."""
    for name, one in found.items():
        means = ", ".join(f"{ref} {mean:.4f}" for ref, mean in reversed([*one.means.items()]))
        yield f"references: {name}: {means}"
    if found and not fits_profile(found):
        floors = " and ".join(f"{name} {one.floor:.2f}" for name, one in found.items())
        yield f"floors: {floors}, as the strongest reaches: the minimum's are of another space"


def _try_predictors(
    case: Case, train: Windows, found: Mapping[str, Warranted]
) -> tuple[Tried, ...]:
    """Return what predictors come to on held-out training articles; empty where that cannot be."""
    try:
        expect("torch")
    except MissingDependencyError:
        click.echo(f"predictors: not tried without torch. Fix: {bring('train')}", err=True)
        return ()
    from amn.prove.predictors import try_predictors  # noqa: PLC0415 - loads torch

    judged = [one.interval.effective_clusters for one in found.values()]
    with progress_bar() as progress:
        return try_predictors(case.config, train, judged, progress) if found else ()


def _text(
    values: Mapping[str, Any],
    n_windows: int | None = None,
    kind: str = KINDS[0],
    criteria: str = MINIMUM,
) -> str:
    """Return the text of case.toml.

    Args:
        values: Title, path, why, split and context.
        n_windows: Of the training articles; None where it is not known yet.
        kind: Of model.
        criteria: Lines of `[criteria]`.
    """
    model, training = MIXED, "seeds = [0, 1, 2]"
    if kind != KINDS[0]:
        model = f"{f'kind  = {_toml(kind)}':<40} # in closed form: no epochs, one seed"
        training = "seeds = [0]"
    elif n_windows is not None and (batch := batch_size_for(n_windows)) < max(BATCHES):
        why = f"# {count_of(n_windows, 'window')}: {n_windows // batch} steps an epoch"
        training += f"\n{f'batch_size = {batch}':<40} {why}"
    return TEMPLATE.format(model=model, training=training, criteria=criteria, **values)


def _predictors(tried: Sequence[Tried]) -> Iterator[str]:
    """Yield what each predictor gains on training articles that it was not fitted on, and which."""
    for one in tried:
        gain = f"{one.gain.mean:+.4f} ({one.gain.low:+.4f} ... {one.gain.high:+.4f})"
        yield f"predictor: {one.kind}: {gain} over {one.over}, held out; shows in {one.shows:.0%}"
    if tried:
        chosen = chosen_of(tried)
        why = f"the first that shows in {POWER:.0%} of such splits"
        if chosen.shows < POWER:
            why = f"none shows in {POWER:.0%} of such splits: more articles in in_dist and ood"
        yield f"model: {chosen.kind}, {why}"


def _power(split: str, windows: Windows, scatter: float, margin: float, least: int) -> str:
    """Return how often an equal result would pass, and what it lacks where that is seldom."""
    n = _articles(windows)
    passes = passes_when_equal(scatter, n, margin)
    line = f"power: {split}: of retrainings that are as good, about {passes:.0%} would pass"
    if n >= least:
        return line
    wide = math.ceil(1000 * margin * math.sqrt(least / n)) / 1000
    return f"{line}; 80 % takes {least:,} articles, or margin = {wide:g} in [golden]"


def _toml(value: str | float | list[str]) -> str:
    """Return a value in TOML: text with the quotes and escapes of JSON."""
    return json.dumps(value, ensure_ascii=False)
