from __future__ import annotations

import pytest
from pydantic import ValidationError

from amn.case.config import CaseConfig
from amn.case.limits import LEAST, DataConfig
from amn.golden.base.loosenings import limit_loosenings

RAW = {
    "schema": 1,
    "dataset": {"path": "data"},
    "split": {"in_dist": {"fraction": 0.2}, "ood": {"articles": "1-9"}},
}


def case(**data: object) -> CaseConfig:
    return CaseConfig.model_validate({**RAW, "data": {"reason": "measured", **data}})


def test_a_limit_of_ones_own_needs_a_reason() -> None:
    with pytest.raises(ValidationError, match="expected why duplicates is not the default"):
        DataConfig(duplicates=0.1)

    assert DataConfig(duplicates=0.1, reason="a note ends every article").duplicates == 0.1


@pytest.mark.parametrize("name", DataConfig().limits())
def test_a_limit_that_lets_more_through_is_a_loosening_and_the_reverse_is_none(name: str) -> None:
    usual = DataConfig().limits()[name]
    lower, upper = (usual - 1, usual) if usual < 0 else (0.0, usual)
    if name not in LEAST:
        lower = 0 if name == "positions" else 1e-9
    strict, loose = (upper, lower) if name in LEAST else (lower, upper)

    (found,) = limit_loosenings(case(**{name: strict}), case(**{name: loose}), "case.toml")

    assert found.what == "loosened a limit of the data"
    assert list(limit_loosenings(case(**{name: loose}), case(**{name: strict}), "case.toml")) == []


def test_limits_of_the_data_shape_no_result() -> None:
    assert case(duplicates=0.1).digest() == CaseConfig.model_validate(RAW).digest()
