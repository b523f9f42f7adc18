from __future__ import annotations

import pytest

from amn.verdict import Loosening, Review

LOWERED = Loosening("lowered a floor", "case.toml criteria.ood", "0.6", "0.5")
SHOWN = "lowered a floor (case.toml criteria.ood: 0.6 -> 0.5)"
BASE = {"target": "origin/main", "base": "0123456789abcdef"}


@pytest.mark.parametrize(
    ("review", "text"),
    [
        (Review(note="no git checkout"), "not compared with a merge base: no git checkout"),
        (Review(**BASE), "on merit (merge base 0123456789 with origin/main)"),
        (
            Review(**BASE, loosenings=(LOWERED,)),
            f"on merit, but this change {SHOWN} (merge base 0123456789 with origin/main)",
        ),
        (
            Review(**BASE, loosenings=(LOWERED,), worse_on_base=("C002-ood",)),
            f"only because this change {SHOWN} (merge base 0123456789 with origin/main)",
        ),
        (
            Review(**BASE, loosenings=(LOWERED,), open_on_base=("C005-lift_ood",)),
            (
                "with C005-lift_ood undecided by the merge base, but this change "
                f"{SHOWN} (merge base 0123456789 with origin/main)"
            ),
        ),
    ],
)
def test_a_review_says_what_the_pass_rests_on(review: Review, text: str) -> None:
    assert str(review) == text


def test_what_was_never_compared_is_not_on_merit() -> None:
    assert Review(**BASE).is_on_merit
    assert not Review().is_on_merit
    assert not Review(**BASE, worse_on_base=("C002-ood",)).is_on_merit


def test_what_was_not_judged_is_not_on_merit() -> None:
    assert not Review(**BASE, is_judged=False).is_on_merit
    assert str(Review(**BASE, loosenings=(LOWERED,), is_judged=False)).startswith(
        f"with no result judged, but this change {SHOWN}"
    )
