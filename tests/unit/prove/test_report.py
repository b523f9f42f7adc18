"""The calibration of a case: what it proposes, and the JSON of it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from amn.case.config import CaseConfig
from amn.errors import ArgumentError
from amn.evaluation.statistics import ClusterTable, tabulate
from amn.prove.calibrate import STEP, Calibration, Settings, calibrate
from tests.strategies import seeds_of_a_recipe

if TYPE_CHECKING:
    from collections.abc import Mapping

CASE = {
    "schema": 1,
    "dataset": {"path": "data"},
    "split": {"in_dist": {"articles": "1"}, "ood": {"articles": "2"}},
    "criteria": {"in_dist": 0.3, "ood": 0.59},
}
QUICK = Settings(trials=200)


def scored(**options: Any) -> Mapping[str, ClusterTable]:
    splits = {}
    for seed, name in enumerate(("in_dist", "ood")):
        cosines, articles = seeds_of_a_recipe(5, seed=seed, **options)
        splits[name] = tabulate({name: cosines}, articles)
    return splits


def calibrated(settings: Settings = QUICK, **options: Any) -> Calibration:
    config = CaseConfig.model_validate(CASE)
    return calibrate(
        "toy", config, scored(**options), golden_seeds=5, source="test", settings=settings
    )


@pytest.fixture(scope="module")
def calibration() -> Calibration:
    return calibrated()


def test_the_proposed_margin_keeps_what_was_asked_for(calibration: Calibration) -> None:
    for split in calibration.splits.values():
        at = next(at for at in split.table if at.margin == calibration.proposed)
        assert at.same.passed >= QUICK.pass_rate
        assert at.harmless.passed >= QUICK.pass_rate
        assert max(at.same.failed, at.harmless.failed) <= QUICK.false_fail
        assert at.at_margin.passed <= 0.1
        assert split.margin <= calibration.proposed
    largest = max(split.margin for split in calibration.splits.values())
    assert calibration.proposed - STEP < largest


def test_more_noise_asks_for_a_wider_margin(calibration: Calibration) -> None:
    noisy = calibrated(seed_sd=0.01)

    assert noisy.proposed > 2 * calibration.proposed


def test_a_floor_within_the_noise_of_articles_is_named(calibration: Calibration) -> None:
    floors = {name: split.floor for name, split in calibration.splits.items()}

    assert not floors["in_dist"].is_near
    assert floors["ood"].standard_errors == pytest.approx(
        (calibration.splits["ood"].noise.mean - 0.59) / calibration.splits["ood"].noise.score_se
    )


def test_json_has_no_infinity_and_the_rates_at_both_margins(calibration: Calibration) -> None:
    values = json.loads(json.dumps(calibration.to_json(), allow_nan=False))

    assert values["proposed_margin"] == calibration.proposed
    assert {at["margin"] for at in values["splits"]["ood"]["at_margin"]} == {
        0.01,
        calibration.proposed,
    }
    assert values["seeds"] == {"source": "test", "candidate": 3, "golden": 5}


@pytest.mark.parametrize(
    "wrong",
    [
        {"scatter": -0.1},
        {"scatter": float("nan")},
        {"scatter": float("inf")},
        {"false_fail": 0.0},
        {"false_fail": float("nan")},
        {"pass_rate": 1.0},
    ],
)
def test_settings_out_of_range_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ArgumentError, match=r"expected a (number|share)"):
        Settings(**wrong)
