"""`amn replay`: the same verdict elsewhere, from a bundle alone."""

from __future__ import annotations

import sys
from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from amn.cli.options import FORMAT, Existing, one_line
from amn.errors import DataError
from amn.gate.replay import replay
from amn.report.json import dumps
from amn.storage import sha256_file
from amn.verdict import Verdict, worst_of

if TYPE_CHECKING:
    from pathlib import Path

    from amn.gate.replay import Replayed


@click.command("replay")
@click.argument("bundle", type=Existing("a bundle", "amn gate --bundle FILE.zip"))
@click.option(
    "--sha256",
    "digest",
    callback=one_line,
    help="Refuse any bundle but this one: what amn gate printed.",
)
@click.option("--strict", is_flag=True, help="INCONCLUSIVE and PARTIAL exit with 4.")
@FORMAT
def command(bundle: Path, digest: str | None, style: str, *, strict: bool) -> None:
    """Judge a BUNDLE of `amn gate --bundle` again: no data at hand, no weights, no git.

    Criteria, the comparison with the golden, its ledger, records and the soundness of the scores
    are judged again from the files in it; data, index, splits and windows too where it was made
    --with-data. What reads weights or git is carried over, and listed. A file that was changed is
    refused. Exit codes as those of `amn gate`; 3 too where the result is another one.

    \b
    Examples:
      amn gate --bundle out.zip
      amn replay out.zip
    """  # noqa: D301 - \b keeps click from wrapping the examples
    got = sha256_file(bundle) if digest is not None and bundle.is_file() else None
    if digest is not None and got is not None and got != digest.lower():
        raise DataError(bundle, f"expected sha256 {digest[:12]}…, got {got[:12]}…")
    found = replay(bundle)
    if style == "json":
        click.echo(dumps({"schema": 1, "cases": [_plain(one) for one in found]}))
    else:
        for one in found:
            _print(one)
    is_another = any(one.differences for one in found)
    worst = Verdict.ERROR if is_another else worst_of(one.verdict for one in found)
    sys.exit(worst.exit_code(strict=strict))


def _plain(one: Replayed) -> dict[str, object]:
    return {**asdict(one), "recorded": one.recorded.value, "verdict": one.verdict.value}


def _print(one: Replayed) -> None:
    click.echo(f"{one.case}: {one.verdict.value}, {_agreement(one)}")
    click.echo(f"  judged again ({len(one.again)}): {_ids(one.again)}")
    click.echo(f"  carried over ({len(one.carried)}): {_ids(one.carried)}")
    if not one.has_data:
        click.echo(
            "  no data in the bundle, nothing of it looked at: amn gate --bundle FILE --with-data "
            "packs it"
        )
    for difference in one.differences:
        click.echo(f"  DIFFERS {difference}")


def _agreement(one: Replayed) -> str:
    if one.differences:
        return f"{len(one.differences)} differences from the {one.recorded.value} in the bundle"
    return "as in the bundle"


def _ids(labels: tuple[str, ...]) -> str:
    return " ".join(label.partition("-")[0] for label in labels) or "none"
