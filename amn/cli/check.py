"""`amn check`: one family of checks, without training anything."""

from __future__ import annotations

import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

from amn.cli.console import progress_bar
from amn.corpus.encoding import EncoderConfig, encode_texts, load_encoder
from amn.gate.family import check_data, check_index, check_run, check_split
from amn.report.json import to_json
from amn.report.text import print_result

if TYPE_CHECKING:
    from amn.findings import GateResult

FORMAT = click.option(
    "--format", "style", type=click.Choice(["text", "json"]), default="text", show_default=True
)
FOLDER = click.argument("path", type=click.Path(path_type=Path))


@click.group("check")
def command() -> None:
    """Check data, an index, a split or a run, in seconds.

    \b
    Examples:
      amn check data golden/wiki-mini/data
      amn check index golden/wiki-mini/data
      amn check split golden/wiki-mini
      amn check run runs/seed-0
    """  # noqa: D301 - \b keeps click from wrapping the examples


def _finish(result: GateResult, style: str) -> None:
    """Print every check of a family and exit with its code."""
    if style == "json":
        click.echo(to_json([result]))
    else:
        print_result(result, verbose=True)
    sys.exit(result.verdict.exit_code())


@command.command("data")
@FOLDER
@click.option(
    "--encoder",
    metavar="MODEL",
    help="Re-encode a sample of its texts with this sentence-transformers model, by name or path.",
)
@click.option("--download", is_flag=True, help="Fetch that model when it is not on this machine.")
@FORMAT
def data(path: Path, encoder: str | None, style: str, *, download: bool) -> None:
    """Check every row of a data set: D001 and on."""
    encode = (
        partial(encode_texts, load_encoder(EncoderConfig(model=encoder, download=download)))
        if encoder
        else None
    )
    with progress_bar() as progress:
        result = check_data(path, encode=encode, progress=progress)
    _finish(result, style)


@command.command("index")
@FOLDER
@FORMAT
def index(path: Path, style: str) -> None:
    """Check the FAISS index of a data set against its vectors: I001 and on."""
    with progress_bar() as progress:
        result = check_index(path, progress=progress)
    _finish(result, style)


@command.command("split")
@FOLDER
@FORMAT
def split(path: Path, style: str) -> None:
    """Check a case's splits and windows: S001 and on, W001 and on."""
    with progress_bar() as progress:
        result = check_split(path, progress=progress)
    _finish(result, style)


@command.command("run")
@FOLDER
@click.option(
    "--case",
    "case_path",
    type=click.Path(path_type=Path),
    required=True,
    help="The case that it is a run of.",
)
@FORMAT
def run(path: Path, case_path: Path, style: str) -> None:
    """Check a run's record, checkpoint and scores: R, M and E."""
    with progress_bar() as progress:
        result = check_run(path, case_path, progress=progress)
    _finish(result, style)
