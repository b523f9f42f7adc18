"""C: floors on unrounded numbers, and what is shown beside them."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from amn.case.limits import CriteriaConfig
from amn.checks.check import checks
from amn.checks.criteria import shown
from amn.errors import CheckNotRunError
from amn.evaluation.statistics import Interval, cluster_interval
from amn.evaluation.summary import Skill, Summary
from amn.gate.evidence import Evidence, named
from amn.gate.makers.of_candidates import lifts
from amn.verdict import Status

FLOORS = st.floats(-0.99, 0.99)


def interval(mean: float, spread: float = 0.02, articles: int = 12) -> Interval:
    values = mean + spread * np.linspace(-1, 1, articles)
    return cluster_interval(values, np.arange(articles), seed=0)


def evidence(*, lift: Any = None, config: Any = None, **means: float) -> Evidence:
    means = {"in_dist": 0.6, "ood": 0.66, **means}
    made = {
        name: Summary(
            mean=value,
            per_seed=(value,),
            interval=interval(value) if math.isfinite(value) else None,
            references={"constant": 0.2, "mean": 0.55},
            lift=lift,
        )
        for name, value in means.items()
    }
    return of_summaries(made, **(config or {}))


def of_summaries(summaries: dict[str, Summary], **config: Any) -> Evidence:
    return Evidence(named(lifts), summaries=summaries, criteria=CriteriaConfig(**config))


@pytest.mark.parametrize("check", ["C001", "C002", "C003", "C004", "C005"])
def test_a_good_result_passes(check: str, passes: Any) -> None:
    passes(check, evidence(lift=interval(0.05)))


@pytest.mark.parametrize("check", ["C001", "C002", "C003"])
def test_a_trained_case_passes(check: str, passes: Any, run_evidence: Any) -> None:
    outcome = passes(check, run_evidence())

    assert outcome.number is not None


@pytest.mark.parametrize(
    ("check", "split", "floor"), [("C001", "in_dist", 0.54), ("C002", "ood", 0.60)]
)
def test_a_score_below_its_floor_fires_with_the_reference_predictors(
    fires: Any, check: str, split: str, floor: float
) -> None:
    finding = fires(check, evidence(**{split: 0.4607}))

    assert finding.where == split
    assert finding.message == f"expected at least {floor}, got 0.4607"
    assert finding.fix == "look at the reference predictors first: constant 0.2000, mean 0.5500"


@pytest.mark.parametrize(("check", "split"), [("C001", "in_dist"), ("C002", "ood")])
@given(floor=FLOORS)
@settings(deadline=None, derandomize=True, max_examples=40)
def test_a_floor_is_met_at_it_and_above_and_at_no_number_below(
    check: str, split: str, floor: float
) -> None:
    for value, status in (
        (floor, Status.PASS),
        (math.nextafter(floor, math.inf), Status.PASS),
        (math.nextafter(floor, -math.inf), Status.FAIL),
    ):
        outcome = checks()[check].run(evidence(**{split: value}, config={split: floor}))
        assert outcome.status is status
        assert outcome.number == value


@pytest.mark.parametrize("check", ["C001", "C002"])
@pytest.mark.parametrize("bad", [math.nan, -math.inf])
def test_a_score_that_is_not_a_number_fails(fires: Any, check: str, bad: float) -> None:
    split = {"C001": "in_dist", "C002": "ood"}[check]

    assert f"got {bad}" in fires(check, evidence(**{split: bad}, config={split: -1.0})).message


@pytest.mark.parametrize("check", ["C001", "C002", "C003"])
def test_a_score_that_was_never_measured_cannot_be_checked(check: str) -> None:
    missing = {"in_dist": Summary(math.nan), "ood": Summary(math.nan)}

    with pytest.raises(CheckNotRunError, match="expected"):
        checks()[check].run(of_summaries(missing))


def test_c002_calls_a_very_low_score_fundamental(fires: Any) -> None:
    assert fires("C002", evidence(ood=0.39)).message == (
        "expected at least 0.6, got 0.3900 (below 0.4: fundamental)"
    )


def test_the_interval_and_the_distance_in_standard_errors_are_shown() -> None:
    outcome = checks()["C001"].run(evidence(in_dist=0.6))
    expected = interval(0.6)

    assert outcome.data == evidence(in_dist=0.6)["summaries"]["in_dist"]
    assert outcome.detail == (
        f"{expected.low:.4f} ... {expected.high:.4f}, z {0.06 / expected.se:+.1f}"
    )


@given(value=st.floats(-1, 1), limit=FLOORS)
@settings(deadline=None, derandomize=True, max_examples=100)
def test_different_numbers_never_look_alike(value: float, limit: float) -> None:
    text = shown(value, limit)
    digits = len(text.split(".")[1])

    assert digits >= 4
    assert value == limit or digits == 17 or text != f"{limit:.{digits}f}"


def test_as_many_digits_are_shown_as_tell_a_score_from_its_floor() -> None:
    assert shown(0.5999999, 0.6) == "0.5999999"
    assert shown(0.61, 0.6) == "0.6100"
    assert shown(math.nextafter(0.6, 0), 0.6) == "0.5999999999999999"
    assert "0.5999999999999999" in checks()["C002"].run(evidence(ood=math.nextafter(0.6, 0))).value


@pytest.mark.parametrize(
    ("ood", "config", "status"),
    [
        (0.67, {}, Status.PASS),
        (0.1275, {}, Status.WARN),
        (0.75, {}, Status.WARN),
        (0.1275, {"delta": (-0.1, 0.1)}, Status.FAIL),
        (0.75, {"delta": (-0.1, 0.1)}, Status.FAIL),
    ],
)
def test_c003_warns_of_a_profiles_range_and_fails_your_own(
    ood: float, config: Any, status: Status
) -> None:
    assert checks()["C003"].run(evidence(ood=ood, config=config)).status is status


@pytest.mark.parametrize(("ood", "delta"), [(0.1275, "-0.4725"), (0.75, "+0.1500")])
def test_c003_fires_with_the_difference(fires: Any, ood: float, delta: str) -> None:
    finding = fires("C003", evidence(ood=ood, config={"delta": (0.05, 0.10)}))

    assert finding.where == "ood - in_dist"
    assert finding.message == f"expected +0.05 ... +0.10, got {delta}"


@pytest.mark.parametrize(("check", "split"), [("C004", "in_dist"), ("C005", "ood")])
def test_lift_fires_when_a_reference_predictor_is_as_good(
    fires: Any, check: str, split: str
) -> None:
    lift = interval(-0.0149, spread=0.01)
    finding = fires(check, evidence(lift=lift))

    assert finding.where == split
    assert finding.message == (
        f"expected a lift above 0.001, got -0.0149 ({lift.low:+.4f} ... {lift.high:+.4f}): "
        "a reference predictor is as good or better"
    )


@pytest.mark.parametrize("check", ["C004", "C005"])
def test_c004_and_c005_fire_at_exactly_no_lift(fires: Any, check: str) -> None:
    assert "got +0.0000" in fires(check, evidence(lift=interval(0.0, spread=0.0))).message


@pytest.mark.parametrize("check", ["C004", "C005"])
def test_a_lift_that_prints_as_none_is_none_whatever_the_case_asks(fires: Any, check: str) -> None:
    rounding = interval(4e-9, spread=1e-10)

    assert "got +0.0000" in fires(check, evidence(lift=rounding, config={"lift": 0.0})).message


@pytest.mark.parametrize("check", ["C004", "C005"])
def test_a_lift_above_the_limit_whose_interval_excludes_none_passes(
    passes: Any, check: str
) -> None:
    lift = interval(0.003, spread=0.003)
    assert 0 < lift.low < 0.002

    passes(check, evidence(lift=lift, config={"lift": 0.002}))


@pytest.mark.parametrize("check", ["C004", "C005"])
def test_a_lift_whose_interval_reaches_the_limit_is_undecided(fires: Any, check: str) -> None:
    wide = interval(0.01, spread=0.1)
    assert wide.low < 0

    finding = fires(check, evidence(lift=wide), Status.INCONCLUSIVE)

    assert finding.message.startswith("expected a lift above 0.0 with its interval, got +0.0100 (-")


@pytest.mark.parametrize("check", ["C004", "C005"])
def test_a_lift_above_zero_can_be_below_the_limit_of_the_case(fires: Any, check: str) -> None:
    lift = interval(0.01, spread=0.001)

    assert "expected a lift above 0.02, got +0.0100" in (
        fires(check, evidence(lift=lift, config={"lift": 0.02})).message
    )


def skilled(**gains: Any) -> Evidence:
    """Return evidence of gains by l2 over a reference predictor whose mean is 2."""
    found = {
        split: Skill("l2", "last", gain, 2.0) if gain else None for split, gain in gains.items()
    }
    return Evidence({}, skills=found)


@pytest.mark.parametrize(("check", "split"), [("C006", "in_dist"), ("C007", "ood")])
def test_skill_by_another_metric_is_a_gain_with_its_interval_over_the_strongest_reference(
    fires: Any, passes: Any, check: str, split: str
) -> None:
    outcome = passes(check, skilled(**{split: interval(0.03)}))
    assert outcome.number == pytest.approx(0.03)
    assert outcome.detail.endswith("12 articles, over last by l2")

    assert "got -0.01 (" in fires(check, skilled(**{split: interval(-0.01)})).message
    rounding = skilled(**{split: interval(1e-5, spread=1e-7)})
    assert "got +1e-05 (" in fires(check, rounding).message
    wide = fires(check, skilled(**{split: interval(0.01, spread=0.1)}), Status.INCONCLUSIVE)
    assert "above 0 with its interval, got +0.01 (-" in wide.message
    with pytest.raises(CheckNotRunError, match="expected a number of every window"):
        checks()[check].run(skilled(**{split: None}))


@pytest.mark.parametrize("check", ["C004", "C005"])
def test_a_lift_of_unknown_windows_cannot_be_checked(check: str) -> None:
    with pytest.raises(CheckNotRunError, match="expected cosines of every window, got none"):
        checks()[check].run(evidence(lift=None))
