from __future__ import annotations

import pytest

from amn.corpus.sources.selection import parse_selection
from amn.errors import ArgumentError


def test_ids_and_positions_are_read_and_joined() -> None:
    ids = parse_selection("12, 1-10, 11, 20-30")
    positions = parse_selection("#1-#500")

    assert (ids.by, ids.ranges) == ("id", ((1, 12), (20, 30)))
    assert (positions.by, positions.ranges, positions.last) == ("position", ((1, 500),), 500)
    assert str(ids) == "1-12, 20-30"
    assert str(positions) == "#1-#500"
    assert 30 in ids
    assert 13 not in ids


@pytest.mark.parametrize(
    ("text", "got"), [("1..5", "'1..5'"), ("9-3", "'9-3'"), ("1, #2", "'1, #2'"), ("", "''")]
)
def test_a_bad_range_is_refused_with_what_was_got(text: str, got: str) -> None:
    with pytest.raises(ArgumentError, match=got):
        parse_selection(text)
