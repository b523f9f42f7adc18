"""Evidence: named parts that checks read, each made once by its maker, when first asked for."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any

from amn.checks.check import Check, parameters
from amn.checks.limits import all_checks
from amn.checks.own import applies
from amn.errors import AmnError, CheckNotRunError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    Maker = Callable[..., object]

ITSELF = "evidence"  # a maker that takes it may ask other questions of the same evidence


class Evidence(Mapping[str, Any]):
    """Parts by name: given, or made from other parts by the maker of that name.

    Args:
        makers: Part -> function whose parameters name the parts that it is made from.
        given: Parts that are there already.
    """

    def __init__(self, makers: Mapping[str, Maker], /, **given: object) -> None:
        self._makers, self._given = dict(makers), given
        self._made: dict[str, object] = {}
        self._failed: dict[str, AmnError] = {}
        self._sources: dict[str, frozenset[str]] = {}

    def __contains__(self, part: object) -> bool:
        """Tell whether a part is given or promised; nothing is made for the answer."""
        return part in self._promised

    @cached_property
    def _promised(self) -> set[object]:
        """What is given, and what is made of that alone, round every corner."""
        found: set[object] = {ITSELF, *self._given}
        while ready := {
            part
            for part, maker in self._makers.items()
            if part not in found and found.issuperset(parameters(maker))
        }:
            found |= ready
        return found

    def __iter__(self) -> Iterator[str]:
        """Iterate over the parts that are given or promised."""
        return (part for part in dict.fromkeys([*self._given, *self._makers]) if part in self)

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def __getitem__(self, part: str) -> Any:  # noqa: ANN401 - each part has a type of its own
        """Return a part, made now if it was not; its failure is remembered like its value.

        Raises:
            CheckNotRunError: If nothing makes it.
            AmnError: If it cannot be made.
        """
        if part == ITSELF:
            return self
        for known in (self._given, self._made):
            if part in known:
                return known[part]
        if part in self._failed:
            raise self._failed[part]
        if part not in self:
            raise CheckNotRunError(f"{part}: expected evidence of that name, got none")
        maker = self._makers[part]
        try:
            self._made[part] = maker(**{source: self[source] for source in parameters(maker)})
        except AmnError as error:
            self._failed[part] = error
            raise
        return self._made[part]

    def get(self, part: str, default: Any = None) -> Any:  # noqa: ANN401 - as above
        """Return a part where it is given or promised, or the default."""
        return self[part] if part in self else default  # noqa: SIM401 - this is get

    @property
    def made(self) -> dict[str, Any]:
        """What is there by now: given, or made because somebody asked; what reports draw."""
        return {**self._made, **self._given}

    def keep(self, part: str, value: object) -> None:
        """Keep a part that was found on the way: its maker is not asked any more."""
        self._made.setdefault(part, value)

    def call(self, function: Callable[..., Any], **own: object) -> Any:  # noqa: ANN401 - what it returns
        """Call a function with the parts that its parameters name.

        Args:
            own: Arguments that are no parts of the evidence.
        """
        names = [name for name in parameters(function) if name not in own]
        return function(**{name: self[name] for name in names}, **own)

    def anew(self, part: str) -> Any:  # noqa: ANN401 - each part has a type of its own
        """Make a part once more by its maker, whatever was given or made before."""
        return self.call(self._makers[part])

    def promises(self, parts: Iterable[str]) -> bool:
        """Tell whether all of these parts are given or promised."""
        return all(part in self for part in parts)

    def sources(self, part: str) -> frozenset[str]:
        """Return a part and all that it is made from, round every corner."""
        if part not in self._sources:
            maker = None if part in self._given else self._makers.get(part)
            below = [self.sources(source) for source in parameters(maker)] if maker else []
            self._sources[part] = frozenset({part}.union(*below))
        return self._sources[part]

    def with_(self, **parts: object) -> Evidence:
        """Return a copy with other parts, in which what was made from them is made again."""
        changed = {*parts, ITSELF}
        copy = Evidence(self._makers, **{**self._given, **parts})
        copy._made = {
            part: value
            for part, value in self._made.items()
            if part not in parts and not changed & self.sources(part)
        }
        return copy

    def without(self, *parts: str) -> Evidence:
        """Return a copy that neither has nor promises some parts."""
        makers = {part: maker for part, maker in self._makers.items() if part not in parts}
        copy = Evidence(makers, **{p: v for p, v in self._given.items() if p not in parts})
        copy._made = {
            part: value for part, value in self._made.items() if not self.sources(part) & {*parts}
        }
        return copy


def declare(evidence: Evidence) -> tuple[Check, ...]:
    """Return every check all of whose parts are promised: the checks that have to run."""
    home, case = evidence.get("home"), evidence.get("case")
    every = all_checks(case.config if case else None)
    return tuple(
        check for check in every.values() if applies(check, home) and evidence.promises(check.reads)
    )


def named(*makers: Callable[..., object]) -> dict[str, Callable[..., object]]:
    """Makers by the name of the part that each makes."""
    return {maker.__name__: maker for maker in makers}
