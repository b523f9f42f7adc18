from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from amn.corpus.study.scores import fit_on, held_out_windows, is_held_out, judge_on, windows_of
from amn.errors import ArgumentError

if TYPE_CHECKING:
    from collections.abc import Callable

    from amn.corpus.study.region import Region


def test_a_fifth_of_any_ids_is_held_out() -> None:
    for ids in (np.arange(20_000), np.arange(20_000) * 1000):
        assert is_held_out(ids, seed=0).mean() == pytest.approx(0.2, abs=0.01)


def test_what_is_held_out_depends_on_the_id_and_the_seed_alone() -> None:
    ids = np.arange(1000)
    found = is_held_out(ids, seed=0)

    assert is_held_out(ids[500:], seed=0).tolist() == found[500:].tolist()
    assert (is_held_out(ids, seed=1) != found).any()


def test_the_fit_sees_no_held_out_article(region: Callable[..., Region]) -> None:
    part = region([12] * 40)
    fitted = fit_on(part, context=3, seed=0)
    rest = fit_on(part.take(~is_held_out(part.ids, seed=0)), context=3, seed=0)

    windows = held_out_windows(part, context=3, seed=0)
    judged = judge_on(fitted, windows)

    assert np.array_equal(fitted.ridge, rest.ridge)
    assert is_held_out(windows.article_ids, seed=0).all()
    assert judged.interval("ridge", seed=0).mean > judged.interval("constant", seed=0).mean


def test_too_many_windows_are_thinned_evenly(region: Callable[..., Region]) -> None:
    part = region([30] * 4)

    few = windows_of(part, 5, most=10)

    assert len(few) == 10
    assert set(few.article_ids.tolist()) == {0, 1, 2, 3}


def test_articles_too_short_for_a_window_are_an_error(region: Callable[..., Region]) -> None:
    with pytest.raises(ArgumentError, match="expected articles of 6 consecutive rows"):
        fit_on(region([5] * 9), seed=0)
    with pytest.raises(ArgumentError, match="expected held-out articles of 6 consecutive rows"):
        held_out_windows(region([5] * 9), seed=0)
