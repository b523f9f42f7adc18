"""Where the best predictor is known, it counts as skill, and a copy of a reference does not."""

from __future__ import annotations

import pytest

from tests.known_best import judged

pytestmark = pytest.mark.slow

SETS = 25  # of the 500 that run nightly; each kind of copy five times


def test_a_gain_of_a_two_hundredth_is_skill_and_a_copy_of_a_reference_is_none() -> None:
    found = list(judged(SETS))

    assert sum(any(one.copy.values()) for one in found) == 0
    assert sum(all(one.best.values()) for one in found) >= SETS - 1
