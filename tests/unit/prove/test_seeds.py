"""Where the seeds of a calibration come from: the golden, the cache, or a training."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from amn.errors import CheckNotRunError
from amn.golden.store import write_golden
from amn.golden.table import rounded
from amn.prove.seeds import scored_seeds

if TYPE_CHECKING:
    from pathlib import Path


def test_a_golden_gives_its_seeds_and_nothing_is_trained(
    make_case: Any, toy_golden: Any, tmp_path: Path
) -> None:
    write_golden(tmp_path, toy_golden)

    scored = scored_seeds(make_case(tmp_path), cache=tmp_path / "unused")

    assert scored.golden_seeds == 5
    assert scored.source == "the golden of 2025-01-31"
    assert not (tmp_path / "unused").exists()


def test_seeds_of_the_cache_are_those_of_the_golden_that_was_made_of_them(
    make_case: Any, toy_golden: Any, toy_cache: Path, tmp_path: Path
) -> None:
    scored = scored_seeds(make_case(tmp_path), cache=toy_cache, n=3)

    assert scored.source == "seeds 0, 1, 2 of the case as it is now"
    sums = scored.splits["ood"].by_label().sides[0]
    assert np.array_equal(rounded(sums), toy_golden.sums("ood")[:3])


def test_nothing_is_trained_on_data_that_fail_their_checks(make_case: Any, tmp_path: Path) -> None:
    case = make_case(tmp_path, dataset={"path": str(tmp_path / "none")})

    with pytest.raises(CheckNotRunError, match="pass every check before training, got D003"):
        scored_seeds(case, cache=tmp_path / "unused", n=3)

    assert not (tmp_path / "unused").exists()
