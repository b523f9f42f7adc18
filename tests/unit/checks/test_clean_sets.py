"""A few clean data sets that need the repository alone: the shipped vectors, and made ones."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.clean_sets import clean_sets, is_alarm

if TYPE_CHECKING:
    from pathlib import Path

    from tests.clean_sets import CleanSet

SETS = list(clean_sets(8, sources=("wiki-mini", "generated"), seed=2))


@pytest.mark.parametrize("clean", SETS, ids=lambda clean: clean.name)
def test_no_check_before_training_fails_on_a_clean_set(clean: CleanSet, tmp_path: Path) -> None:
    alarms = [(o.label, o.findings) for o in clean.outcomes(tmp_path / "case") if is_alarm(o)]

    assert alarms == []
