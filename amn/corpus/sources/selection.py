"""Which articles are wanted: ranges of ids, or of positions in the source."""

from __future__ import annotations

import re
from bisect import bisect_right
from dataclasses import dataclass
from operator import itemgetter

from amn.errors import ArgumentError

RANGE = re.compile(r"\s*(#?)(\d+)\s*(?:-\s*#?(\d+)\s*)?")


@dataclass(frozen=True, slots=True)
class Selection:
    """Ranges, both ends included.

    Attributes:
        by: `id`, or `position`: 1 is the first page of the source, whatever its namespace.
        ranges: Ascending and disjoint.
    """

    by: str
    ranges: tuple[tuple[int, int], ...]

    def __contains__(self, number: int) -> bool:
        at = bisect_right(self.ranges, number, key=itemgetter(0))
        return at > 0 and number <= self.ranges[at - 1][1]

    def __str__(self) -> str:
        mark = "#" if self.by == "position" else ""
        return ", ".join(f"{mark}{a}" if a == b else f"{mark}{a}-{mark}{b}" for a, b in self.ranges)

    @property
    def last(self) -> int:
        """The greatest id or position that is wanted."""
        return self.ranges[-1][1]


def parse_selection(text: str) -> Selection:
    """Return the selection that `"1-11000, 15000"` (ids) or `"#1-500"` (positions) describes.

    Raises:
        ArgumentError: If a range cannot be read, runs backwards, or ids and positions are mixed.
    """
    ranges, marks = [], set()
    for part in text.split(","):
        match = RANGE.fullmatch(part)
        if match is None:
            raise ArgumentError(
                f"articles: expected ids such as 1-11000, 15000 or positions such as #1-500,"
                f" got {part.strip()!r}"
            )
        first, last = int(match[2]), int(match[3] or match[2])
        if first > last:
            raise ArgumentError(f"articles: expected the lower end first, got {part.strip()!r}")
        ranges.append((first, last))
        marks.add(match[1])
    if len(marks) > 1:
        raise ArgumentError(f"articles: expected ids or positions, not both, got {text!r}")
    by = "position" if marks == {"#"} else "id"
    return Selection(by, _merged(sorted(ranges)))


def _merged(ranges: list[tuple[int, int]]) -> tuple[tuple[int, int], ...]:
    """Return sorted ranges with those that touch or overlap joined."""
    merged = [ranges[0]]
    for first, last in ranges[1:]:
        if first <= merged[-1][1] + 1:
            merged[-1] = (merged[-1][0], max(last, merged[-1][1]))
        else:
            merged.append((first, last))
    return tuple(merged)
