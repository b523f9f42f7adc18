"""How much text of train makes evaluated articles leaks, on both sides of each limit."""

from __future__ import annotations

import numpy as np
import pytest

from amn.case.limits import DataConfig
from amn.checks.split_text import check_shared_text
from amn.data.repeats import Overlaps
from amn.data.shared_text import Passages, SharedText
from amn.verdict import Severity


def asked(leaked: int, n: int, *, usual: int, compared: int) -> Severity | str | None:
    """Return what is said of a split of which some articles have the text of one of train."""
    left, some = np.arange(leaked), np.ones(leaked, np.int64)
    overlaps = Overlaps(left, np.full(leaked, 9000), some, some)
    found = {"ood": SharedText(overlaps, np.arange(n), usual, compared)}
    findings = check_shared_text(found, DataConfig()).findings
    return findings[0].severity or "as the check" if findings else None


@pytest.mark.parametrize(
    ("leaked", "usual", "compared", "expected"),
    [
        (0, 0, 200, None),
        (1, 0, 200, Severity.WARNING),  # of 200: 0.5 %
        (3, 2, 200, Severity.WARNING),  # 1.5 %, in train 1 %
        (3, 3, 200, None),
        (4, 60, 200, None),  # 2 %: what train has above that excuses nothing
        (5, 60, 200, Severity.WARNING),
    ],
)
def test_as_many_as_train_has_of_itself_say_nothing_up_to_the_limit(
    leaked: int, usual: int, compared: int, expected: Severity | None
) -> None:
    assert asked(leaked, 200, usual=usual, compared=compared) is expected


def test_more_than_chance_has_at_the_rate_of_train_and_one_fail() -> None:
    assert asked(3, 23, usual=0, compared=50) == "as the check"  # p 0.00996 at 1 of 51
    assert asked(3, 23, usual=0, compared=49) is Severity.WARNING  # p 0.0105 at 1 of 50
    assert asked(3, 22, usual=40, compared=50) == "as the check"  # 2 % at most are usual
    assert asked(3, 23, usual=40, compared=50) is Severity.WARNING
    assert asked(3, 150, usual=0, compared=5000) is Severity.WARNING  # not above 2 %


def test_passages_that_several_articles_of_a_group_have_are_none_of_their_own() -> None:
    found = Passages(
        np.array([5, 5, 6, 6, 7, 5], np.uint64),
        np.array([1, 2, 1, 1, 3, 4]),
        np.arange(6),
    )

    own = found.of_their_own(np.array([0, 0, 0, 0, 0, 1]))

    assert list(zip(own.digests.tolist(), own.articles.tolist(), strict=True)) == [
        (6, 1),
        (7, 3),
        (5, 4),
    ]
