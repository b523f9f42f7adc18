"""What two readings of a file do not share."""

from __future__ import annotations

from amn.golden.base.readings import Difference, Line, differences

ONE, TWO, THREE, OTHER = (
    Line(("steps", "[]", key), value)
    for key, value in [("run", "a"), ("run", "b"), ("uses", "c"), ("uses", "d")]
)


def test_lines_in_another_order_are_named_by_the_first_that_moved() -> None:
    assert list(differences([ONE, TWO, THREE], [ONE, THREE, TWO])) == [Difference(TWO, THREE)]


def test_a_line_that_says_something_else_is_one_difference_and_another_place_two() -> None:
    assert list(differences([ONE, THREE], [ONE, OTHER])) == [Difference(THREE, OTHER)]
    assert list(differences([ONE], [THREE])) == [Difference(ONE, None), Difference(None, THREE)]
    assert list(differences([ONE, ONE], [ONE])) == [Difference(ONE, None)]
    assert list(differences([ONE, TWO], [ONE, TWO])) == []
