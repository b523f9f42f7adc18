"""What a build asks of an engine."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from amn.corpus.articles import Skipped
    from amn.corpus.sources import Record
    from amn.corpus.tasks import ChunkPages, EncodeRows

    Pages = tuple[int, Sequence[Record | Skipped]]  # number of the part, its pages


class Engine(Protocol):
    """Runs tasks over parts, in any order; what a task raises comes out of the iterator."""

    def chunk(self, task: ChunkPages, parts: Iterable[Pages]) -> Iterator[int]:
        """Yield the pages of each part when it is finished; takes a few parts ahead, not all."""
        ...

    def encode(self, task: EncodeRows, parts: Sequence[int]) -> Iterator[int]:
        """Yield the rows of each part when it is finished."""
        ...
