from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from amn.case.config import CaseConfig
from amn.golden.headroom import Headroom, headrooms

if TYPE_CHECKING:
    from collections.abc import Callable


@pytest.fixture
def rooms(build_record: Any, splits: Any) -> Callable[..., dict[str, Headroom]]:
    """Return each limit of a case with these criteria, by its key."""

    def rooms(**criteria: Any) -> dict[str, Headroom]:
        selectors = {"in_dist": {"articles": "1-9"}, "ood": {"articles": "10-19"}}
        values = {"schema": 1, "dataset": {"path": "."}, "split": selectors, "criteria": criteria}
        config = CaseConfig.model_validate(values)
        return {room.limit: room for room in headrooms(config, build_record(splits))}

    return rooms


def test_the_noise_is_that_of_the_mean_over_the_seeds_of_a_gate(
    rooms: Any, build_record: Any, splits: Any
) -> None:
    per_seed = build_record(splits).metrics["ood"].per_seed

    assert rooms()["criteria.ood"].noise == pytest.approx(np.std(per_seed, ddof=1) / np.sqrt(3))


def test_a_floor_far_below_what_is_measured_is_named_with_a_better_one(rooms: Any) -> None:
    room = rooms(ood=0.1)["criteria.ood"]

    assert room.note == "too far"
    assert room.value - 0.011 <= room.proposal <= room.value - 0.01


def test_a_floor_within_the_noise_of_training_is_named(rooms: Any) -> None:
    measured = rooms()["criteria.ood"]
    room = rooms(ood=measured.value - measured.noise)["criteria.ood"]

    assert room.note == "within noise"
    assert room.sigmas == pytest.approx(1.0)
    assert room.proposal < room.value - 3 * room.noise


def test_every_limit_that_judges_a_mean_is_listed(rooms: Any) -> None:
    assert set(rooms()) == {
        f"{limit}{split}"
        for split in ("in_dist", "ood")
        for limit in ("criteria.", "criteria.lift ", "golden.margin ")
    }


def test_a_limit_says_what_is_wrong_with_it_and_what_to_set_it_to() -> None:
    far = Headroom("criteria.in_dist", 0.6124, 0.54, 0.0001, "too far", 0.602)
    near = Headroom("criteria.ood", 0.6052, 0.605, 0.0001, "within noise", 0.604)

    assert str(far) == (
        "criteria.in_dist 0.5400: the golden's 0.6124 may fall by 0.0724 unnoticed; consider 0.602"
    )
    assert str(near) == (
        "criteria.ood 0.6050: the golden's 0.6052 is 2.0 standard deviations of training noise "
        "away; consider 0.604"
    )
    assert str(Headroom("criteria.ood", 0.6, 0.59, 0.0)).endswith("0.6000 is +0.0100 from it")
