from __future__ import annotations

import numpy as np
import pytest

from amn.checks.split import judged_drops, was_exempt
from amn.corpus.study.circular import find_selection
from amn.data.manifest import Manifest, Stage

VALUES = np.random.default_rng(0).normal(0.5, 0.1, 400)


def manifest(*stages: Stage) -> Manifest:
    return Manifest(schema=1, name="toy", rows=1, dim=8, dtype="float16", stages=stages, files=())


def test_a_threshold_is_found_and_named() -> None:
    found = find_selection(VALUES, VALUES > 0.42, "low coherence")

    assert found is not None
    assert found.reason == "low coherence"
    assert "100% of pairs of a kept and a missing one have the kept one higher" in found.evidence


def test_a_threshold_is_found_among_other_filters() -> None:
    others = np.random.default_rng(1).random(400) < 0.4

    found = find_selection(VALUES, (VALUES > 0.4) & ~others, "low coherence")

    assert found is not None
    assert found.evidence == "all of the 70 lowest articles are missing: none is below 0.402"


@pytest.mark.parametrize("seed", range(20))
def test_articles_dropped_by_chance_are_no_selection(seed: int) -> None:
    kept = np.random.default_rng(seed).random(400) < 0.5

    assert find_selection(VALUES, kept, "low coherence") is None


def test_dropping_both_ends_is_no_threshold() -> None:
    kept = np.abs(VALUES - 0.5) < 0.1

    assert find_selection(VALUES, kept, "low coherence") is None


def test_few_missing_articles_tell_nothing() -> None:
    assert find_selection(VALUES, np.sort(VALUES)[6] < VALUES, "low coherence") is None


def test_a_manifest_tells_which_rows_were_dropped_by_what_is_judged() -> None:
    stage = Stage(
        name="filter",
        rows_in=9,
        rows_out=1,
        dropped={"stubs": 4, "low coherence": 4, "low score": 0},
    )

    assert judged_drops(manifest(stage)) == [(stage, "low coherence", 4)]


def test_exempt_articles_are_read_back_from_a_stage() -> None:
    stage = Stage(name="filter", rows_in=1, rows_out=1, settings={"exempt": "3-4, 9"})

    assert was_exempt(stage, np.array([2, 3, 9])).tolist() == [False, True, True]
    assert not was_exempt(Stage(name="f", rows_in=1, rows_out=1), np.array([3])).any()
