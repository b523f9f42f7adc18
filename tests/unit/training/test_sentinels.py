"""Every stopping rule at its boundary."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from amn.case.training import AbortConfig
from amn.training.record import (
    FIRST_STEPS,
    LEAST_GAIN,
    Stop,
    find_dominance,
    find_stop,
    find_stops,
    first_epoch_floor,
)

CONSTANT, MEAN = 0.2, 0.6


def stop(*cosines: float, **rule: Any) -> Stop | None:
    return find_stop(cosines, AbortConfig(**rule), constant=CONSTANT, mean=MEAN)


@given(st.lists(st.sampled_from([-0.1, 0.1, 0.21, 0.4, 0.5, 0.55, 0.6, math.nan]), max_size=12))
@settings(deadline=None, derandomize=True, max_examples=200)
def test_all_epochs_are_judged_at_once_as_each_was_after_it(cosines: list[float]) -> None:
    rule = AbortConfig(stall_epochs=3)
    single = [stop(*cosines[:n], stall_epochs=3) for n in range(1, len(cosines) + 1)]

    found = find_stops(cosines, rule, constant=CONSTANT, mean=MEAN)
    assert [stops[0] if stops else None for stops in found] == single


def check_of(*cosines: float, **rule: Any) -> str | None:
    found = stop(*cosines, **rule)
    return found and found.check


def test_the_relative_floor_is_half_way_and_a_number_is_itself() -> None:
    relative, absolute = AbortConfig(), AbortConfig(first_epoch=0.5)

    assert first_epoch_floor(relative, constant=CONSTANT, mean=MEAN) == pytest.approx(0.4)
    assert first_epoch_floor(absolute, constant=CONSTANT, mean=MEAN) == 0.5


@pytest.mark.parametrize(("share", "floor"), [(0.0, 0.2), (0.1, 0.24), (1.0, 0.6)])
def test_the_relative_floor_is_a_share_of_the_way(share: float, floor: float) -> None:
    rule = AbortConfig(first_epoch_share=share)

    assert first_epoch_floor(rule, constant=CONSTANT, mean=MEAN) == pytest.approx(floor)


@pytest.mark.parametrize(
    ("rule", "floor"), [("relative", 0.4), (0.5, 0.5), (0.0, 0.0), (-1.0, -1.0)]
)
def test_the_first_epoch_fails_only_below_its_floor(rule: Any, floor: float) -> None:
    at = first_epoch_floor(AbortConfig(first_epoch=rule), constant=CONSTANT, mean=MEAN)
    assert at == pytest.approx(floor)

    if at > CONSTANT:
        assert check_of(at, first_epoch=rule) is None
        assert check_of(math.nextafter(at, -1), first_epoch=rule) == "R001"
    else:
        assert check_of(math.nextafter(CONSTANT, 1), first_epoch=rule) is None


def test_a_low_first_epoch_says_what_it_reached() -> None:
    assert stop(0.3) == Stop("R001", 1, "expected at least 0.4000 after epoch 1, got 0.3000")


def test_a_later_epoch_may_be_below_the_first_epochs_floor() -> None:
    assert check_of(0.41, 0.39) is None


@pytest.mark.parametrize("before", [(), (0.6,), (0.6, 0.6)])
def test_the_constant_predictor_has_to_be_beaten_not_met(before: tuple[float, ...]) -> None:
    assert check_of(*before, CONSTANT) == "R004"


def test_a_cosine_that_is_not_a_number_is_below_the_constant_predictor() -> None:
    assert check_of(0.6, math.nan) == "R004"


def test_below_the_constant_predictor_says_both_numbers() -> None:
    assert stop(0.0132) == Stop(
        "R004", 1, "expected above the constant predictor's 0.2000, got 0.0132"
    )


@given(st.floats(0.001, 0.2))
@settings(deadline=None, derandomize=True, max_examples=50)
def test_a_fall_stops_above_the_limit_and_not_below(fall: float) -> None:
    found = check_of(0.8, 0.8 - fall, drop=0.05)

    assert found == ("R003" if 0.8 - (0.8 - fall) > 0.05 else None)


def test_a_fall_of_exactly_the_limit_is_allowed() -> None:
    assert check_of(0.75, 0.5, drop=0.25, below_best=0.5) is None
    assert check_of(0.75, math.nextafter(0.5, 0), drop=0.25, below_best=0.5) == "R003"


def test_a_slow_fall_stops_below_its_share_of_the_best() -> None:
    falling = [1.0, 0.9, 0.8]
    rule = {"drop": 0.9, "below_best": 0.75}

    assert check_of(*falling, 0.75, **rule) is None
    assert check_of(*falling, math.nextafter(0.75, 0), **rule) == "R003"
    found = stop(*falling, 0.7, **rule)
    assert found == Stop("R003", 4, "expected at least 0.75 of the best 1.0000, got 0.7000")


def test_a_share_of_a_negative_best_stops_nothing() -> None:
    rule = AbortConfig(first_epoch=-1.0)

    assert find_stop([-0.4, -0.39], rule, constant=-0.5, mean=0.6) is None


@pytest.mark.parametrize("epochs", [1, 3, 10])
def test_a_stall_stops_after_exactly_as_many_epochs(epochs: int) -> None:
    flat = [0.5] + [0.499] * epochs

    assert check_of(*flat[:-1], stall_epochs=epochs) is None
    found = stop(*flat, stall_epochs=epochs)
    assert found is not None
    assert (found.check, found.epoch) == ("R002", epochs + 1)
    assert found.message == (
        f"expected a new best, by more than 0.0001, within {epochs} epochs, got none since epoch 1"
        " (0.5000)"
    )


def test_meeting_the_best_again_is_no_new_best() -> None:
    assert check_of(0.5, 0.5, 0.5, stall_epochs=2) == "R002"


@given(st.lists(st.floats(0.61, 0.99), min_size=1, max_size=12).map(sorted))
@settings(deadline=None, derandomize=True, max_examples=50)
def test_a_training_that_rises_by_more_than_rounding_is_never_stopped(cosines: list[float]) -> None:
    rising = [c + i * 1.1 * LEAST_GAIN for i, c in enumerate(cosines)]

    assert check_of(*rising, stall_epochs=1) is None


@given(st.floats(1e-12, 1e-6), st.integers(1, 10))
@settings(deadline=None, derandomize=True, max_examples=50)
def test_gains_of_rounding_are_no_new_best(gain: float, epochs: int) -> None:
    creeping = [0.6 + i * gain for i in range(epochs + 1)]

    assert check_of(*creeping, stall_epochs=epochs) == "R002"


def test_gains_that_add_up_are_a_new_best() -> None:
    creeping = [0.6 + i * LEAST_GAIN / 4 for i in range(30)]

    assert check_of(*creeping, stall_epochs=10) is None


def test_a_first_epoch_of_few_steps_is_judged_once_enough_were_taken() -> None:
    rule = AbortConfig()

    def first(cosines: list[float], steps: list[int]) -> str | None:
        found = find_stop(cosines, rule, constant=CONSTANT, mean=MEAN, steps=steps)
        return found and f"{found.check} in epoch {found.epoch}"

    few = FIRST_STEPS // 2
    assert first([0.3], [few]) is None
    assert first([0.3, 0.45], [few, few]) is None
    assert first([0.3, 0.39], [few, few]) == "R001 in epoch 2"
    assert first([0.3], [FIRST_STEPS]) == "R001 in epoch 1"
    assert first([0.3], []) == "R001 in epoch 1"  # nobody counted


def test_a_number_for_the_first_epoch_holds_however_few_its_steps() -> None:
    rule = AbortConfig(first_epoch=0.5)

    found = find_stop([0.45], rule, constant=CONSTANT, mean=MEAN, steps=[1])

    assert found is not None
    assert found.check == "R001"


def test_the_reason_comes_first_and_every_rule_that_fails_is_there() -> None:
    (stops,) = find_stops([0.19], AbortConfig(), constant=CONSTANT, mean=MEAN)

    assert [stop.check for stop in stops] == ["R004", "R001"]


@given(st.lists(st.floats(-1, 1), min_size=1, max_size=12))
@settings(deadline=None, derandomize=True, max_examples=50)
def test_a_stop_is_always_of_the_last_epoch_and_of_a_known_check(cosines: list[float]) -> None:
    found = stop(*cosines)

    assert found is None or (
        found.epoch == len(cosines) and found.check in {"R001", "R002", "R003", "R004"}
    )


@pytest.mark.parametrize(
    ("terms", "stops"),
    [
        ({"mse": 1.0}, False),
        ({"mse": 0.5, "infonce": 0.5}, False),
        ({"mse": 0.5, "infonce": 0.51}, True),
        ({"mse": 0.2, "infonce": 0.4, "moment": 0.4}, False),
        ({"mse": 0.0, "infonce": 0.0}, False),
        ({"mse": 0.0, "infonce": 1.0}, True),
    ],
)
def test_no_secondary_loss_may_outweigh_all_others(terms: dict[str, float], *, stops: bool) -> None:
    assert bool(find_dominance(1, terms)) is stops


def test_a_dominating_loss_is_named_with_its_size() -> None:
    stop = find_dominance(3, {"mse": 0.001, "infonce": 0.697, "moment": 0.002})

    message = "expected at most 50% of the loss from infonce, got 99.6%, 697 times mse"
    assert stop == Stop("R007", 3, message)
