from __future__ import annotations

from typing import Any, get_args

import pytest
from pydantic import ValidationError

from amn.case.limits import PARAMETERS, PROFILES, CriteriaConfig, IndexConfig, IndexKind
from amn.data.index.build import default_parameters


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


IVF = {"id": "I101", "name": "ivf", "kind": "ivf"}


@pytest.mark.parametrize(
    ("own", "said"),
    [
        (
            [{**IVF, "parameters": {"m": 8}}],
            "I101: expected parameters of ivf .nlist, nprobe., got m",
        ),
        ([{**IVF, "kind": "flat", "parameters": {"m": 8}}], "parameters of flat .none., got m"),
        ([{**IVF, "parameters": {"nprobe": 0}}], "greater than or equal to 1"),
        ([{**IVF, "kind": "lsh"}], "'pq' or 'file'"),
        ([{**IVF, "id": "I008"}], "String should match pattern"),
        ([{**IVF, "name": "IVF 8"}], "String should match pattern"),
        ([{**IVF, "recall": 1.5}], "less than or equal to 1"),
        ([IVF, {**IVF, "name": "other"}], "an id of its own for each, got I101 twice"),
        ([IVF, {**IVF, "id": "I102"}], "a name of its own for each, got ivf twice"),
    ],
)
def test_a_configuration_that_could_not_be_built_or_named_is_refused(own: Any, said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        IndexConfig.model_validate({"configuration": own})


def test_a_configuration_has_a_floor_of_its_own_or_that_of_the_index() -> None:
    found = IndexConfig.model_validate(
        {
            "recall": 0.8,
            "configuration": [IVF, {"id": "I102", "name": "b", "kind": "hnsw", "recall": 0.95}],
        }
    )

    assert [found.floor(one) for one in found.configuration] == [0.8, 0.95]


def test_the_parameters_of_a_kind_are_those_that_it_is_built_with() -> None:
    for kind in get_args(IndexKind):
        assert [*default_parameters(kind, 1000, 24)] == [*PARAMETERS.get(kind, ())]
