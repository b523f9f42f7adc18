"""`amn merge`: the results of shards, put together."""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path
from typing import Any

import click

from amn.cli.options import PathName
from amn.cli.workflows.require import is_bundle, read_document
from amn.errors import ArgumentError
from amn.report.json import dumps
from amn.report.shards import merged, problems
from amn.report.visible import one_line
from amn.storage import write_bytes
from amn.verdict import Verdict, count_of, worst_of


@click.command("merge")
@click.argument("files", nargs=-1, required=True, type=PathName(dir_okay=False))
@click.option(
    "-o",
    "--output",
    type=PathName(dir_okay=False),
    required=True,
    help="What is written: .json of .json, .zip of bundles.",
)
@click.option("--strict", is_flag=True, help="INCONCLUSIVE and PARTIAL exit with 4.")
def command(files: tuple[Path, ...], output: Path, strict: bool) -> None:
    """Put what `amn gate --shard 1/N` … `--shard N/N` wrote into one result.

    FILES are all of one kind, the JSON of -o verdict.json or the bundles of --bundle; with a shard
    that is lost, double, of other cases or of another merge base nothing is written, and the exit
    code is 3. `amn ci require` takes the result as that of one gate.

    \b
    Examples:
      amn merge verdict-*.json -o verdict.json
      amn merge bundle-*.zip -o bundle.zip --strict
    """  # noqa: D301 - \b keeps click from wrapping the examples
    kinds = {is_bundle(path) for path in (*files, output)}
    if len(kinds) > 1:
        raise ArgumentError("expected files and -o of one kind, .json or .zip, got both")
    if len({*files}) < len(files):
        raise ArgumentError("expected each file once, got one twice")
    documents = {str(path): read_document(path) for path in files}
    found = list(problems(documents))
    for problem in found:
        click.echo(f"ERROR: {one_line(problem)}", err=True)
    if found:
        sys.exit(Verdict.ERROR.exit_code(strict=strict))
    document = merged(documents)
    if is_bundle(output):
        _pack(files, output, document)
    else:
        write_bytes(output, dumps(document).encode())
    for result in document["results"]:
        click.echo(one_line(f"{result['case']}: {result['word']}"))
    cases, shards = count_of(len(document["results"]), "case"), count_of(len(files), "shard")
    click.echo(f"wrote {output}: {cases} of {shards}")
    verdicts = [Verdict[result["verdict"]] for result in document["results"]]
    sys.exit(worst_of(verdicts).exit_code(strict=strict))


def _pack(files: tuple[Path, ...], output: Path, document: dict[str, Any]) -> None:
    """Write one bundle with the members of all, and the verdict that they have together."""
    from amn.gate.bundle import VERDICT_FILE, write_bundle  # noqa: PLC0415 - of bundles alone
    from amn.storage import MANIFEST, Content, unpack_archive  # noqa: PLC0415 - as above

    members: dict[str, Content] = {}
    with tempfile.TemporaryDirectory() as place:
        for number, file in enumerate(files):
            folder = Path(place, str(number))
            folder.mkdir()
            unpack_archive(file, folder)
            for path in sorted(folder.rglob("*")):
                name = path.relative_to(folder).as_posix()
                if path.is_file() and name not in (MANIFEST, VERDICT_FILE):
                    members[name] = path
        write_bundle(output, members, json.dumps(document))
