"""Sixty clean data sets, of every space that is here: none fails a check, hardly one warns."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.clean_sets import clean_sets, has_shared, is_alarm, is_warning

if TYPE_CHECKING:
    from pathlib import Path

N = 60
SEED = 21

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not has_shared(), reason="../shared/data/spaces is not here"),
]


def test_no_check_before_training_fails_on_a_clean_set(tmp_path: Path) -> None:
    alarms, warnings = [], []
    for k, clean in enumerate(clean_sets(N, seed=SEED)):
        outcomes = clean.outcomes(tmp_path / str(k))
        alarms += [(clean.name, o.label, o.findings) for o in outcomes if is_alarm(o)]
        warnings += [(clean.name, o.label, o.findings) for o in outcomes if is_warning(o)]

    assert alarms == []
    assert len(warnings) <= 1, warnings
