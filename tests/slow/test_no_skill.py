"""What has learned nothing fails on the shipped case by name, whatever its floors say."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import amn
from amn.case.load import load_case, vary_case

if TYPE_CHECKING:
    from collections.abc import Callable

    from amn.gate.result import GateResult

pytestmark = pytest.mark.slow

CASE = Path(__file__).parents[2] / "golden" / "wiki-mini"
FLOORS = {"criteria.in_dist": 0.5, "criteria.ood": 0.5}  # that each of these reaches
SKILL = {"C004-lift_in_dist", "C005-lift_ood"}


def failed(result: GateResult) -> set[str]:
    return {outcome.label for outcome in result.outcomes if outcome.has_failed}


@pytest.mark.parametrize("first_run", [True, False])
@pytest.mark.parametrize(
    "model",
    [
        pytest.param(lambda context: context[:, -1], id="the last row"),
        pytest.param(lambda context: context.mean(axis=1), id="the mean"),
    ],
)
def test_a_copy_of_the_context_has_no_skill(
    model: Callable, tmp_path: Path, *, first_run: bool
) -> None:
    case = vary_case(load_case(CASE), {**FLOORS, "training.seeds": [0]})
    file = amn.predict(case, model, tmp_path / "copies.parquet")

    result = amn.gate(case, predictions=file, first_run=first_run, cache=tmp_path / "runs")

    assert not result
    assert failed(result) >= SKILL


@pytest.mark.parametrize("first_run", [True, False])
def test_a_network_at_a_rate_of_nothing_has_no_skill(tmp_path: Path, *, first_run: bool) -> None:
    changes = {**FLOORS, "training.seeds": [0], "training.lr": 1e-9, "training.epochs": 2}
    case = vary_case(load_case(CASE), changes)

    result = amn.gate(case, first_run=first_run, cache=tmp_path / "runs")

    assert not result
    assert failed(result) >= SKILL
    assert result.verdict.value == "FAIL"
