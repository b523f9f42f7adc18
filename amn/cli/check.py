"""`amn check`: one family of checks, without training anything."""

from __future__ import annotations

import shlex
import sys
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

from amn.api import check_data, check_encoder, check_index, check_run, check_split
from amn.case.load import case_folder
from amn.cli.cases import find_folder, today
from amn.cli.console import progress_bar, results
from amn.cli.options import FORMAT, RECORD, Existing
from amn.cli.records import NAMES, PROFILE, REFERENCES, words_of
from amn.data.encoder import load_declared
from amn.data.manifest import read_manifest
from amn.data.reencoding import Encoding
from amn.diagnosis.records import ABORT_PROFILES, judge_paths
from amn.errors import DataError
from amn.report.json import to_json
from amn.report.records import print_records
from amn.report.text import print_result
from amn.report.verdict import worst_verdict
from amn.training.records.find import describe_left_out
from amn.training.records.names import KNOWN, read_names

if TYPE_CHECKING:
    from amn.gate.result import GateResult

INDEX_SUFFIXES = (".faiss", ".index")  # of files that faiss wrote, here and elsewhere
# What a file may be, checks say better.
FOLDER = click.argument(
    "path", type=Existing("a data set", "amn data import SOURCE FOLDER", is_data=True)
)


@click.group("check")
def command() -> None:
    """Check data, an encoder, an index, a split or a run, in seconds.

    \b
    Examples:
      amn check data golden/wiki-mini/data
      amn check encoder data/mine --encoder ./my-encoder
      amn check index golden/wiki-mini/data
      amn check split golden/wiki-mini
      amn check run training_history.json
    """  # noqa: D301 - \b keeps click from wrapping the examples


def _finish(result: GateResult, style: str) -> None:
    """Print every check of a family and exit with its code."""
    if style == "json":
        click.echo(to_json([result]))
    else:
        print_result(result, verbose=True)
    sys.exit(result.verdict.exit_code())


ENCODER = click.option(
    "--encoder",
    metavar="MODEL",
    help="A sentence-transformers model, by name or folder.  [default: the one it names]",
)
DOWNLOAD = click.option(
    "--download", is_flag=True, help="Fetch that model when it is not on this machine."
)


@command.command("data")
@FOLDER
@ENCODER
@DOWNLOAD
@FORMAT
def data(path: Path, encoder: str | None, style: str, *, download: bool) -> None:
    """Check every row of a data set: D001 and on."""
    chosen = None
    if encoder:
        chosen = load_declared(read_manifest(path).encoder, encoder, download=download)
    with progress_bar() as progress:
        result = check_data(path, encoder=chosen, progress=progress)
    _finish(result, style)


@command.command("encoder")
@FOLDER
@ENCODER
@DOWNLOAD
@click.option(
    "--texts",
    type=Existing("texts", "a .parquet or .jsonl with article_id, chunk_index, text"),
    help="A .parquet or .jsonl with article_id, chunk_index, text, for a data set that keeps none.",
)
@click.option(
    "--rows",
    type=click.IntRange(min=0),
    default=0,
    show_default=True,
    help="Look at so many rows more, drawn evenly over articles: 150 find 2 % that are wrong.",
)
@FORMAT
def encoder_(
    path: Path, encoder: str | None, texts: Path | None, rows: int, style: str, *, download: bool
) -> None:
    """Encode the canaries of a data set again, and name how their rows were made: D013.

    \b
    Examples:
      amn check encoder data/wiki
      amn check encoder data/wiki --encoder ./minilm --rows 500
      amn check encoder data/wiki --texts chunks.jsonl
    """  # noqa: D301 - as above
    load = partial(load_declared, model=encoder, download=download)
    with progress_bar() as progress:
        result = check_encoder(path, Encoding(load, texts, rows), progress=progress)
    words = [result.reproduce]
    for option, value in (("--encoder", encoder), ("--texts", texts), ("--rows", rows)):
        words += [option, shlex.quote(str(value))] if value else []
    _finish(replace(result, reproduce=" ".join(words)), style)


@command.command("index")
@FOLDER
@FORMAT
def index(path: Path, style: str) -> None:
    """Check the FAISS index of a data set against its vectors: I001 and on."""
    if path.is_file() and path.suffix in INDEX_SUFFIXES:
        raise DataError(
            path,
            "expected the folder of a data set, got a file. Fix: amn index adopt "
            f"{shlex.quote(str(path))} DATASET, then: amn check index DATASET",
        )
    with progress_bar() as progress:
        result = check_index(path, progress=progress)
    _finish(result, style)


@command.command("split")
@click.argument("path", type=click.Path(path_type=Path))
@FORMAT
def split(path: Path, style: str) -> None:
    """Check a case's splits and windows: S001 and on, W001 and on.

    PATH is a case: its folder, or its name under golden/. Where it has a golden, the data are
    compared with those that it was accepted on, before anything is trained.
    """
    with progress_bar() as progress:
        result = check_split(find_folder(str(path)), today=today(), progress=progress)
    _finish(result, style)


@command.command("run")
@click.argument("paths", nargs=-1, required=True, type=RECORD)
@click.option(
    "--case",
    "case_path",
    type=click.Path(path_type=Path),
    help="The case that the run is of: its model and scores are checked as well (R, M and E).",
)
@PROFILE
@REFERENCES
@NAMES
@FORMAT
def run(
    paths: tuple[Path, ...],
    case_path: Path | None,
    profile: str,
    references: dict[str, float],
    columns: Path | None,
    style: str,
) -> None:
    """Check records of trainings: R; with --case also model and scores of a run: M and E.

    PATHS are run folders, run.json, or what a trainer or tracker of yours wrote (docs/records.md
    lists the formats), or folders of these. Several get one line each.

    \b
    Examples:
      amn check run runs/seed-0 --case golden/wiki-mini
      amn check run training_history.json
      amn check run records/ --profile seed
      amn check run log.csv --reference constant=0.197 --reference mean=0.594
      amn check run log.csv --columns names.toml
    """  # noqa: D301 - \b keeps click from wrapping the examples
    if case_path:
        if len(paths) > 1:
            raise click.UsageError(f"expected one run with --case, got {len(paths)}")
        if words := words_of(references, profile, columns):
            raise click.UsageError(f"expected only PATH with --case, got {' '.join(words)}")
        with progress_bar() as progress:
            result = check_run(
                paths[0], case_folder(str(case_path)), today=today(), progress=progress
            )
        _finish(result, style)
    names = read_names(columns) if columns else KNOWN
    all_judged = judge_paths(paths, ABORT_PROFILES[profile], references, names)
    judged = all_judged.judged
    words = ["amn", "check", "run", *map(str, paths), *words_of(references, profile, columns)]
    reproduce = shlex.join(words)
    found = [one.as_result(reproduce) for one in judged]
    if all_judged.left_out:
        click.echo(f"left out: {describe_left_out(all_judged.left_out)}", err=True)
    if len(found) == 1:
        judged[0].require_readable()
        _finish(found[0], style)
    verdict = worst_verdict(found)
    if style == "json":
        click.echo(to_json(found))
    else:
        print_records(judged, found, verdict, results())
    sys.exit(verdict.exit_code())
