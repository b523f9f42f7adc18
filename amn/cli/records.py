"""What the commands that judge records share: their options, and how to say them again."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import click

from amn.cli.options import Existing
from amn.diagnosis.records import ABORT_PROFILES
from amn.training.records.history import ASSUMED

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

DEFAULT_PROFILE = "calibrated"


def _references(_: click.Context, __: click.Parameter, texts: tuple[str, ...]) -> dict[str, float]:
    """Return `constant=0.197` as a table; anything else is wrong use."""
    values = {}
    for text in texts:
        name, _equals, number = text.partition("=")
        try:
            values[name] = float(number)
        except ValueError:
            values[name] = math.nan
        if name not in ASSUMED or not abs(values[name]) <= 1:
            raise click.UsageError(
                f"--reference: expected {' or '.join(ASSUMED)}=COSINE in -1 ... 1, got {text!r}"
            )
    return values


PROFILE = click.option(
    "--profile",
    type=click.Choice(list(ABORT_PROFILES)),
    default=DEFAULT_PROFILE,
    show_default=True,
    help="Rule for epoch 1: half-way from constant to mean of the context, or the seed's 0.50.",
)
REFERENCES = click.option(
    "--reference",
    "references",
    metavar="NAME=COSINE",
    multiple=True,
    callback=_references,
    help="Validation cosine of a reference predictor, constant or mean, where a record has none.",
)


NAMES = click.option(
    "--columns",
    type=Existing("a TOML file", "write one with [columns]"),
    metavar="TOML",
    help='What columns of yours are: [columns] with lines such as "sim_dev" = "val_cosine".',
)


def words_of(
    references: Mapping[str, float], profile: str = DEFAULT_PROFILE, columns: Path | None = None
) -> list[str]:
    """Return the options that give the same judgement again."""
    words = ["--profile", profile] if profile != DEFAULT_PROFILE else []
    words += ["--columns", str(columns)] if columns else []
    return words + [word for n, v in references.items() for word in ("--reference", f"{n}={v}")]
