"""Options that several commands have, each written once."""

from __future__ import annotations

from pathlib import Path

import click

from amn.places import CACHE_FOLDER

CACHE = click.option(
    "--cache",
    type=click.Path(path_type=Path),
    default=CACHE_FOLDER,
    show_default=True,
    help="Finished runs, by content.",
)
FORMAT = click.option(
    "--format", "style", type=click.Choice(["text", "json"]), default="text", show_default=True
)
