"""`--engine` and `--address`: where the work of a command is done."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

from amn.errors import ArgumentError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from amn.engines import Engine


def engine_options(function: Callable[..., None]) -> Callable[..., None]:
    """Add `engine` and `address` to a command."""
    for option in (
        click.option("--address", help="Of a Ray cluster, such as auto.  [default: start one]"),
        click.option(
            "--engine",
            type=click.Choice(["local", "ray"]),
            default="local",
            show_default=True,
            help="Where the work is done; the result is the same.",
        ),
    ):
        function = option(function)
    return function


@contextmanager
def open_engine(
    name: str, address: str | None, *, most: int | None = None
) -> Iterator[Engine | None]:
    """Yield the engine of a cluster, connected to it; None for this machine.

    Args:
        most: Calls at a time; None: as many as there are CPUs for.

    Raises:
        ArgumentError: If there is an address and no Ray, or no cluster at it.
        MissingDependencyError: If Ray is not installed.
    """
    if name != "ray":
        if address:
            raise ArgumentError(f"--address: expected --engine ray with it, got {name}")
        yield None
        return
    from amn.engines.ray import RayEngine, ray_cluster  # noqa: PLC0415 - loads the engines

    with ray_cluster(address):
        yield RayEngine(most)
