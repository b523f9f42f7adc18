from __future__ import annotations

from typing import Any

import pytest

from amn.case.limits import PROFILES, CriteriaConfig


@pytest.mark.parametrize("profile", PROFILES)
@pytest.mark.parametrize("split", ["in_dist", "ood"])
def test_a_floor_is_the_profiles_unless_you_set_your_own(profile: Any, split: str) -> None:
    own = CriteriaConfig.model_validate({"profile": profile, split: 0.1})

    assert CriteriaConfig(profile=profile).floor(split) == PROFILES[profile][split]
    assert own.floor(split) == 0.1


def test_a_floor_of_zero_is_a_floor() -> None:
    assert CriteriaConfig(in_dist=0.0).floor("in_dist") == 0.0


def test_the_profiles_are_the_published_ones() -> None:
    assert PROFILES["minimum"] == {"in_dist": 0.54, "ood": 0.60, "delta": (0.05, 0.10)}
    assert PROFILES["target"] == {"in_dist": 0.56, "ood": 0.63, "delta": (0.06, 0.08)}
    assert CriteriaConfig(delta=(-0.1, 0.1)).delta_range() == (-0.1, 0.1)
    assert CriteriaConfig().delta_range() == (0.05, 0.10)
