"""A few clean data sets that need the repository alone: the shipped vectors, and made ones."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from tests.clean_sets import draw, is_alarm

if TYPE_CHECKING:
    from pathlib import Path

SOURCES = ("wiki-mini", "generated")


@pytest.mark.parametrize("number", range(8))
def test_no_check_before_training_fails_on_a_clean_set(number: int, tmp_path: Path) -> None:
    clean = draw(SOURCES[number % len(SOURCES)], np.random.default_rng([2, number]))

    alarms = [(o.label, o.findings) for o in clean.outcomes(tmp_path / "case") if is_alarm(o)]

    assert alarms == [], clean.name
