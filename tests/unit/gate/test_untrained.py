"""Networks that learned nothing do not pass where every floor lets them: the small twin."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.untrained import KINDS, case_of, has_passed, results

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize("kind", KINDS[:2])
def test_no_network_that_learned_nothing_passes(toy_data: Path, tmp_path: Path, kind: str) -> None:
    case = case_of(tmp_path / "case", toy_data, "53-64", kind)

    found = list(results(case, tmp_path, 3, seed=0))

    assert all("evaluations" in result.made for _, result in found)  # each was really scored
    assert [what for what, result in found if has_passed(result)] == []
    skill = {"C004-lift_in_dist", "C005-lift_ood"}
    for what, result in found:
        failed = {outcome.label for outcome in result.outcomes if outcome.has_failed}
        assert failed & skill or result.verdict.value == "HARNESS", what
