"""Things found by name: those that amn brings, and those that installed packages add to them.

A package adds one with an entry point: under `[project.entry-points."amn.reports"]` the line
`slack = "my_package.slack:to_slack"`. Nothing is imported before it is asked for.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache, cached_property
from importlib.metadata import EntryPoint, EntryPoints, entry_points
from typing import Generic, TypeVar, cast

from amn.errors import ArgumentError

T = TypeVar("T")


@cache
def _installed() -> EntryPoints:
    """The entry points of every installed package: reading them takes 0.1 s."""
    return cast("EntryPoints", entry_points())


class Registry(Mapping[str, T], Generic[T]):
    """Entries by name, each loaded when it is first asked for.

    Args:
        group: Of entry points, such as `amn.reports`.
        ours: Name -> `module:attribute`.

    Raises:
        ArgumentError: When first used, if an installed package takes a name of ours, or one twice;
            when an entry is asked for, if it cannot be imported.
    """

    def __init__(self, group: str, ours: Mapping[str, str]) -> None:
        self.group, self._ours = group, dict(ours)
        self._loaded: dict[str, T] = {}

    @cached_property
    def _points(self) -> dict[str, EntryPoint]:
        found = {n: EntryPoint(n, value, self.group) for n, value in self._ours.items()}
        for point in _installed().select(group=self.group):
            if point.name in found:
                raise ArgumentError(
                    f"entry point {self.group}: expected a name of its own, got {point.name!r} of "
                    f"{point.value} beside {found[point.name].value}"
                )
            found[point.name] = point
        return found

    def __getitem__(self, name: str) -> T:
        if name not in self._loaded:
            point = self._points[name]
            try:
                self._loaded[name] = cast("T", point.load())
            except (ImportError, AttributeError) as error:
                if name in self._ours:
                    raise
                package = point.dist.name if point.dist else "PACKAGE"
                raise ArgumentError(
                    f"entry point {self.group} {name}: expected {point.value} to be there, got: "
                    f"{error}. Fix: pip install --upgrade {package}"
                ) from error
        return self._loaded[name]

    def __contains__(self, name: object) -> bool:
        return name in self._points

    def __iter__(self) -> Iterator[str]:
        return iter(self._points)

    def __len__(self) -> int:
        return len(self._points)

    def require(self, name: str, what: str) -> T:
        """Return the entry of that name.

        Args:
            what: What it was asked for, for the message: `--format`.

        Raises:
            ArgumentError: If there is none.
        """
        if name not in self:
            known = ", ".join(self)
            raise ArgumentError(f"{what}: expected one of {known}, got {name!r}")
        return self[name]
