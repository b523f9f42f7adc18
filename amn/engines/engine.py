"""What is asked of an engine."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

Item = TypeVar("Item")
Result = TypeVar("Result")
Tell = Callable[[Any], None]


def silent(_: object) -> None:
    """Listen to nothing."""


class Engine(Protocol):
    """Calls a function on many items, some at a time."""

    def map(
        self,
        function: Callable[[Item, Tell], Result],
        items: Iterable[Item],
        *,
        cores: int = 1,
        tell: Tell = silent,
    ) -> Iterator[Result]:
        """Yield what the function returns, in the order in which the calls end.

        Function, items and results are picklable, and `str` of an item names it in messages. Items
        are taken when they are needed, one or a few ahead.

        Args:
            cores: That one call uses.
            tell: Called in this process with what a call tells while it works.

        Raises:
            AmnError: As the function raises it, as an OSError.
            WorkerError: If a process ended before its call did.
        """
        ...
