"""Where a text may be cut: paragraphs, packed sentences, fixed lengths. Lengths in characters."""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from typing import TYPE_CHECKING

from amn.corpus.articles import BLANK_LINES
from amn.corpus.sentences import sentence_ends

if TYPE_CHECKING:
    from collections.abc import Iterator

Span = tuple[int, int]  # first character, and the one behind the last

SPACE = re.compile(r"\s*")


def paragraph_spans(text: str) -> Iterator[Span]:
    """Yield the paragraphs of a text, without the space around them."""
    at = 0
    for gap in BLANK_LINES.finditer(text):
        yield from stripped(text, at, gap.start())
        at = gap.end()
    yield from stripped(text, at, len(text))


def stripped(text: str, begin: int, end: int) -> Iterator[Span]:
    """Yield the span without the space around it; nothing where only space is left."""
    begin = SPACE.match(text, begin, end).end()  # type: ignore[union-attr] # matches everywhere
    while end > begin and text[end - 1].isspace():
        end -= 1
    if end > begin:
        yield begin, end


def packed_spans(text: str, span: Span, size: int, *, even: bool = False) -> Iterator[Span]:
    """Yield pieces of a span: as many whole sentences as fit into `size` characters.

    A sentence longer than `size` is cut at a line end (items of a list) or its last space before.

    Args:
        text: The whole text.
        span: A paragraph or a part of it, without space around.
        size: No piece is longer.
        even: Cut into about equal pieces, not into full ones and a rest.
    """
    begin, end = span
    if end - begin <= size:
        yield span
        return
    ends = sentence_ends(text, begin, end)
    pieces = -(-(end - begin) // size) if even else 1
    aim = (end - begin) // pieces
    while begin < end:
        last = bisect_right(ends, begin + size) - 1  # the last sentence end within reach
        if last >= 0 and ends[last] > begin:
            stop = ends[min(last, bisect_left(ends, begin + aim))]
        else:
            stop = _item_end(text, begin, begin + size)
        yield from stripped(text, begin, stop)
        begin = SPACE.match(text, stop, end).end()  # type: ignore[union-attr] # matches everywhere


def fixed_spans(text: str, size: int, overlap: int) -> Iterator[Span]:
    """Yield pieces of at most `size` characters, cut at spaces; paragraphs do not count.

    Each piece but the first begins at a word within the last `overlap` characters of the one
    before.
    """
    for begin, end in stripped(text, 0, len(text)):
        at = begin
        while at < end:
            stop = end if end - at <= size else _space_before(text, at, at + size)
            yield from stripped(text, at, stop)
            if stop == end:
                return
            at = _word_after(text, stop - overlap, stop) if overlap else stop
            at = SPACE.match(text, at, end).end()  # type: ignore[union-attr] # matches everywhere


def _item_end(text: str, begin: int, limit: int) -> int:
    """Return the last line end in the second half of `text[begin:limit]`, else the last space."""
    half = begin + (limit - begin) // 2
    return text.rfind("\n", half, limit) + 1 or _space_before(text, begin, limit)


def _space_before(text: str, begin: int, limit: int) -> int:
    """Return the place after the last space in the second half of `text[begin:limit]`.

    Without any it is `limit`: a run of characters without space is cut anywhere.
    """
    half = begin + (limit - begin) // 2
    return max(text.rfind(" ", half, limit), text.rfind("\n", half, limit)) + 1 or limit


def _word_after(text: str, begin: int, limit: int) -> int:
    """Return the first place after a space in `text[begin:limit]`, or `limit`."""
    places = [at for at in (text.find(" ", begin, limit), text.find("\n", begin, limit)) if at >= 0]
    return min(places) + 1 if places else limit
