"""Ids of articles: whole numbers or strings, one kind a data set, and sets of them that are named.

Whole numbers are ordered by value; strings by code points, which is the order of their UTF-8 bytes.
Strings are kept as they are: no normal form, no folding of case, no number read out of them, so
that `10` stands before `9` and `Z` before `a`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from hashlib import blake2b
from itertools import chain, islice
from typing import TYPE_CHECKING, Any

import numpy as np

from amn.errors import ArgumentError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray

    Ids = NDArray[Any]  # (n,) int64 or str

RANGE = re.compile(r"\s*(\d+)\s*(?:-\s*(\d+)\s*)?")
CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")  # would break the lines and tables that name it
MOST_CHARACTERS = 512  # an array of ids takes four bytes a character of the longest
LIMIT = 2**63  # ids are below it, and above minus it


@dataclass(frozen=True, eq=False)
class IdSet:
    """Ids that a person or a file names; ranges are never expanded.

    Attributes:
        ranges: (k, 2) int64 lowest and highest id, ascending, none touching the next.
        names: (n,) str, ascending, each once; one of the two is empty.
    """

    ranges: NDArray[np.int64] = field(default_factory=lambda: np.empty((0, 2), np.int64))
    names: NDArray[np.str_] = field(default_factory=lambda: np.empty(0, np.str_))

    @classmethod
    def of(cls, named: str | Iterable[int] | Iterable[str]) -> IdSet:
        """Ids of a list, or of a text of whole numbers and ranges such as `1-400, 512`.

        Raises:
            ArgumentError: If a part is neither an id nor a range with the lower end first, or a
                list has ids of two kinds.
        """
        if isinstance(named, str):
            return cls(_merged([_parsed(part) for part in named.split(",")]))
        ids: list[Any] = list(named)
        kinds = {type(i) for i in ids}
        if kinds <= {str}:
            return cls(names=np.unique(np.array(ids, np.str_)))
        if kinds != {int}:
            raise ArgumentError("expected ids that are all whole numbers or all strings")
        if out := [i for i in ids if not -LIMIT < i < LIMIT]:
            raise ArgumentError(f"expected ids below 2^63, got {out[0]}")
        return cls(_merged([(i, i) for i in ids]))

    def __bool__(self) -> bool:
        return bool(len(self.ranges) or len(self.names))

    def __str__(self) -> str:
        """Return the shortest text: ranges as `of` reads them, strings one after the other."""
        pairs = self.ranges.tolist()
        numbers = (f"{low}" if low == high else f"{low}-{high}" for low, high in pairs)
        return ", ".join([*numbers, *self.names.tolist()])

    def to_json(self) -> str | list[str]:
        """Return what `of` reads back: ranges as text, strings as a list."""
        return self.names.tolist() if len(self.names) else str(self)

    @property
    def size(self) -> int:
        """How many ids it has: up to 2^64, more than `len` may return."""
        return len(self.names) + sum(int(high) - int(low) + 1 for low, high in self.ranges)

    def first(self, n: int) -> Ids:
        """The lowest n ids."""
        if len(self.names):
            return self.names[:n]
        every = chain.from_iterable(range(low, high + 1) for low, high in self.ranges.tolist())
        return np.array(list(islice(every, n)), np.int64)

    def holds(self, ids: Ids) -> NDArray[np.bool_]:
        """Which ids are in the set: (n,) bool.

        Raises:
            ArgumentError: If the set has strings and the ids are whole numbers, or the reverse.
        """
        if len(self.names) or (is_text(ids) and not len(self.ranges)):
            return are_in(ids, self.names)
        require_kind(ids, self.ranges)
        return _covered(self.ranges, ids, ids)

    def without(self, ids: Ids) -> IdSet:
        """The set without some of its ids, which are ascending, each once."""
        if is_text(ids):
            return IdSet(names=np.setdiff1d(self.names, ids, assume_unique=True))
        lows, highs = self.ranges.T
        before = np.sort(np.concatenate([lows - 1, ids]))
        last = np.sort(np.concatenate([highs, ids - 1]))
        left = before < last
        return IdSet(np.column_stack([before[left] + 1, last[left]]))

    def issubset(self, other: IdSet) -> bool:
        """Tell whether every id is in another set too."""
        lows, highs = self.ranges.T
        named = np.isin(self.names, other.names)
        return bool(named.all() and _covered(other.ranges, lows, highs).all())


def as_ids(values: Iterable[object]) -> Ids:
    """Return values as ids, (n,) int64 or str.

    Raises:
        ArgumentError: If a string is no id.
    """
    ids = np.asarray(values)
    if not is_text(ids):
        return ids.astype(np.int64, copy=False)
    if problem := refusal(np.unique(ids).tolist()):
        raise ArgumentError(f"article_ids: {problem}")
    return ids


def as_numbers(ids: Ids) -> NDArray[np.uint64]:
    """Return a 64-bit number for each id, which follows from it alone: itself, or a hash."""
    if not is_text(ids):
        return ids.astype(np.uint64)
    digests = b"".join(blake2b(name.encode(), digest_size=8).digest() for name in ids.tolist())
    return np.frombuffer(digests, "<u8").astype(np.uint64)


def later_ids(ids: Ids, n: int) -> Ids:
    """Return ids that come after all others: (n,) ascending.

    Args:
        ids: (m,) ascending, at least one.
    """
    if is_text(ids):
        return np.array([f"{ids[-1]}+{k:08d}" for k in range(n)], np.str_)
    return np.arange(ids[-1] + 1, ids[-1] + 1 + n)


def is_text(ids: Ids) -> bool:
    """Tell whether ids are strings."""
    return ids.dtype.kind == "U"


def are_in(ids: Ids, wanted: Ids) -> NDArray[np.bool_]:
    """Tell which ids are among the wanted: (n,) bool.

    Raises:
        ArgumentError: If ones are strings and the others whole numbers.
    """
    if not len(wanted):
        return np.zeros(len(ids), np.bool_)
    require_kind(ids, wanted)
    return np.isin(ids, wanted)


def require_kind(ids: Ids, others: Ids) -> None:
    """Raise ArgumentError unless ids of a data set and others are of one kind: 7 is not `7`."""
    ours, theirs = ("strings" if is_text(i) else "whole numbers" for i in (ids, others))
    if ours != theirs:
        message = f"expected {ours}, as the article ids of the data set are, got {theirs}"
        raise ArgumentError(message)


def refusal(names: Iterable[str]) -> str:
    """Return what is wrong with the first string that is no id, empty when all are ids."""
    for name in names:
        if not 0 < len(name) <= MOST_CHARACTERS or CONTROL.search(name):
            return (
                f"expected strings of 1 to {MOST_CHARACTERS} characters, none of them a control "
                f"character, got {name[:40]!r}"
            )
    return ""


def _covered(
    ranges: NDArray[np.int64], lows: NDArray[np.int64], highs: NDArray[np.int64]
) -> NDArray[np.bool_]:
    """Tell from which lowest to which highest id one of the ranges reaches: (n,) bool."""
    if not len(ranges):
        return np.zeros(len(lows), np.bool_)
    at = np.searchsorted(ranges[:, 0], lows, "right") - 1
    reached: NDArray[np.bool_] = (at >= 0) & (highs <= ranges[np.maximum(at, 0), 1])
    return reached


def _parsed(part: str) -> tuple[int, int]:
    """Return the lowest and highest id of `7` or `1-400`."""
    match = RANGE.fullmatch(part)
    low, high = (int(match[1]), int(match[2] or match[1])) if match else (1, 0)
    if not low <= high < LIMIT:
        meant = re.sub(r"[^\d-]", "", part)
        if match and high < low:
            meant = f"{high}-{low}"
        is_one = meant != part and RANGE.fullmatch(meant)
        fix = meant if is_one else f"whole numbers below {LIMIT}, as the data set has them"
        raise ArgumentError(f"expected ids and ranges like '1-400, 512', got {part!r}. Fix: {fix}")
    return low, high


def _merged(ranges: Sequence[tuple[int, int]]) -> NDArray[np.int64]:
    """Return ranges ascending, with those that touch or overlap joined: (k, 2)."""
    pairs = np.array(ranges, np.int64).reshape(-1, 2)
    lows, highs = pairs[np.argsort(pairs[:, 0], kind="stable")].T
    reach = np.maximum.accumulate(highs)
    begins = np.ones(len(lows), np.bool_)
    begins[1:] = lows[1:] - 1 > reach[:-1]
    ends = np.append(np.flatnonzero(begins)[1:] - 1, len(lows) - 1)[: begins.sum()]
    return np.column_stack([lows[begins], reach[ends]])
