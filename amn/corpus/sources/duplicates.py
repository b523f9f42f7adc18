"""Ids that come twice."""

from __future__ import annotations

PAGE_BITS = 1024


class IdSet:
    """A set of ids as a sparse bitmap: a bit an id where ids are dense, as in a wiki.

    Seven million ids take about 15 MB, a Python set of them 500 MB.
    """

    def __init__(self) -> None:
        self._pages: dict[int, int] = {}

    def add(self, number: int) -> bool:
        """Add an id >= 0; return whether it was new."""
        page, bit = divmod(number, PAGE_BITS)
        bits = self._pages.get(page, 0)
        mask = 1 << bit
        self._pages[page] = bits | mask
        return not bits & mask
