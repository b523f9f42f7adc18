"""D017 where the set's own stretches spread too widely, and the defect that breaks it there."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from amn.case.limits import DataConfig
from amn.checks import data_order
from amn.data.row_order import RowOrder
from amn.errors import DoesNotApplyError

N_ARTICLES = 120


def parts(*, shuffled: bool) -> tuple[Any, Any]:
    """Sample and order of articles in order, 30 that follow each other shuffled or not."""
    articles = np.arange(N_ARTICLES)
    scores = 5 + 4 * np.random.default_rng(1).standard_normal(N_ARTICLES)
    if shuffled:
        scores[data_order.a_stretch(articles)] = np.random.default_rng(2).standard_normal(30)
    return (SimpleNamespace(articles=articles),), (RowOrder(scores, scores, 999),)


def test_a_number_that_says_nothing_beside_its_limit_says_so() -> None:
    named = (SimpleNamespace(path=Path("data")),)

    told = data_order.check_order_stretch(named, *parts(shuffled=False), DataConfig())  # type: ignore[arg-type]
    untold = data_order.check_order_stretch(named, *parts(shuffled=True), DataConfig())  # type: ignore[arg-type]

    assert told.value == f"{told.number:.1f}"
    assert untold.findings == []
    assert untold.number < 1.6
    assert untold.value == f"{untold.number:.1f}, too spread to tell"


def test_stretches_that_spread_widely_once_they_are_broken_are_no_defect_to_catch() -> None:
    config = SimpleNamespace(data=DataConfig())
    copy: Any = SimpleNamespace(
        dataset=lambda: SimpleNamespace(articles=np.arange(N_ARTICLES)), config=config
    )

    with pytest.raises(DoesNotApplyError, match="more alike in their order"):
        data_order.stretch_shuffled(copy, *parts(shuffled=False))
