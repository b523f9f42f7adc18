from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from amn.corpus.study.kinds import in_series, kinds_of
from amn.data.chunk_table import kinds_by_title
from amn.data.manifest import Stage
from tests.strategies import unit_rows

if TYPE_CHECKING:
    from collections.abc import Callable

    from amn.corpus.study.region import Region


def test_the_kind_column_wins(region: Callable[..., Region]) -> None:
    part = region([1, 1], columns={"kind": ["redirect", "series"], "title": ["List of a", "b"]})

    kinds, source = kinds_of(part, seed=0)

    assert kinds is not None
    assert kinds.tolist() == ["redirect", "series"]
    assert source == "kind column"


def test_series_that_the_builder_did_not_look_for_are_told_from_openings(
    region: Callable[..., Region],
) -> None:
    rows = unit_rows(40, dim=64, dtype=np.float32)
    rows[:8] = rows[0]
    options: dict[str, Any] = {"columns": {"kind": ["article", *["stub"] * 39]}}
    stage = Stage(name="read", rows_in=40, rows_out=40, settings={"series": False})

    looked, _ = kinds_of(region([1] * 40, rows, **options), seed=0)
    kinds, source = kinds_of(region([1] * 40, rows, stages=[stage], **options), seed=0)

    assert looked is not None
    assert kinds is not None
    assert looked.tolist() == ["article", *["stub"] * 39]
    assert kinds.tolist() == ["article", *["series"] * 7, *["stub"] * 32]
    assert source == "kind column, openings"


def test_titles_and_lengths_tell_lists_disambiguation_pages_and_stubs(
    region: Callable[..., Region],
) -> None:
    titles = ["List of towns", "Mercury (disambiguation)", "Short", "Long"]
    part = region([1, 1, 1, 1], columns={"title": titles, "n_chars": [9000, 90, 90, 3101]})

    kinds, source = kinds_of(part, seed=0)

    assert kinds is not None
    assert kinds.tolist() == ["list", "disambiguation", "stub", "article"]
    assert source == "titles, lengths, openings"


def test_a_title_tells_lists_and_disambiguation_pages_and_nothing_else() -> None:
    titles = ["List of towns", "Outline of law", "List of x (disambiguation)", "Listening", None]

    told = kinds_by_title(titles).tolist()

    assert told == ["list", "list", "disambiguation", "", ""]
    assert kinds_by_title([]).tolist() == []


def test_without_titles_and_lengths_kinds_are_not_guessed(region: Callable[..., Region]) -> None:
    assert kinds_of(region([2, 2]), seed=0) == (None, "nothing")


def test_stubs_of_one_template_are_a_series_and_others_are_not(
    region: Callable[..., Region],
) -> None:
    rows = unit_rows(40, dim=64, dtype=np.float32)
    rows[:8] = rows[0] + 0.05 * unit_rows(8, dim=64, seed=1, dtype=np.float32)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    part = region([1] * 40, rows)

    found = in_series(part, np.ones(40, np.bool_), seed=0)

    assert np.flatnonzero(found).tolist() == list(range(8))


def test_five_alike_stubs_are_one_too_few_for_a_series(region: Callable[..., Region]) -> None:
    rows = unit_rows(40, dim=64, dtype=np.float32)
    rows[:5] = rows[0]

    assert not in_series(region([1] * 40, rows), np.ones(40, np.bool_), seed=0).any()


def test_long_articles_that_begin_alike_are_no_series(region: Callable[..., Region]) -> None:
    rows = unit_rows(40, dim=64, dtype=np.float32)
    rows[:8] = rows[0]
    is_stub = np.arange(40) >= 8

    assert not in_series(region([1] * 40, rows), is_stub, seed=0).any()
