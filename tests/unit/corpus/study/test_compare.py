from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from amn.corpus.study.compare import compare
from amn.corpus.study.region import open_region
from amn.corpus.study.study import Study
from amn.data.manifest import EncoderInfo, Stage
from amn.errors import ArgumentError
from tests.strategies import drifting_rows, unit_rows

if TYPE_CHECKING:
    from collections.abc import Callable

    from amn.corpus.study.region import Region

LENGTHS = [12] * 60


def rough(n_articles: int, noise: float, seed: int = 0) -> np.ndarray:
    """Return rows of articles that noise makes less coherent."""
    rows = drifting_rows(n_articles, 12, 16, seed=seed)
    rows = rows + noise * unit_rows(len(rows), dim=16, seed=seed + 1, dtype=np.float32)
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def test_a_less_coherent_set_is_told_apart(region: Callable[..., Region]) -> None:
    clean, noisy = Study(region(LENGTHS)), Study(region(LENGTHS, rough(60, 1.0, 5), first=100))

    found, turned = compare(clean, noisy), compare(noisy, clean)

    assert found.verdict == "no"
    assert found.answer.startswith("Is B more coherent than A? no (less): ")
    assert turned.verdict == "yes"
    assert turned.coherence.value == pytest.approx(-found.coherence.value)


def test_a_set_is_as_coherent_as_itself(region: Callable[..., Region]) -> None:
    study = Study(region(LENGTHS))

    found = compare(study, study)

    assert found.verdict == "no"
    assert "(alike within 0.01)" in found.answer
    assert found.overlap.both == 60
    assert all(f.gain.mean == 0 for f in found.fitted)
    assert (found.a.label, found.b.label) == ("toy (A)", "toy (B)")


def test_seven_articles_cannot_tell(region: Callable[..., Region]) -> None:
    found = compare(Study(region([12] * 7)), Study(region(LENGTHS, first=100, seed=3)))

    assert found.verdict == "cannot tell"


def test_shared_articles_are_those_with_the_same_id_and_opening(
    region: Callable[..., Region],
) -> None:
    rows = rough(60, 0.0)
    one = region(LENGTHS, rows)
    rows[12 * 59 :] = rough(1, 0.0, seed=8)
    other = region(LENGTHS, rows, name="new")

    found = compare(Study(one), Study(other))

    assert (found.overlap.both, found.overlap.only_a, found.overlap.only_b) == (59, 1, 1)


def test_the_common_set_holds_both_sides_and_no_article_twice(
    region: Callable[..., Region],
) -> None:
    whole = region(LENGTHS)
    part = open_region(whole.dataset, "0-39", scan=whole.scan)

    found = {f.judged_on: f for f in compare(Study(whole), Study(part)).fitted}

    assert found["common"].a == found["A"].a
    assert found["common"].gain.mean == found["A"].gain.mean


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"encoder": EncoderInfo(name="gtr")}, "expected vectors of mpnet as in toy, got those of"),
        ({"vectors": unit_rows(720, dim=8)}, "expected vectors of 16 numbers as in toy, got 8"),
    ],
)
def test_vectors_of_other_spaces_are_refused(
    region: Callable[..., Region], options: dict[str, object], message: str
) -> None:
    one = region(LENGTHS, encoder=EncoderInfo(name="mpnet"))

    with pytest.raises(ArgumentError, match=message):
        compare(Study(one), Study(region(LENGTHS, **options)))


def test_a_planted_circular_filter_is_called_out_by_name(region: Callable[..., Region]) -> None:
    whole = region(LENGTHS, rough(60, 0.5))
    low = np.quantile(whole.coherence, 0.3)
    part = whole.take(whole.coherence >= low, "filtered")

    found = compare(Study(whole), Study(part))

    assert [c.reason for c in found.circular] == ["low coherence"]
    assert found.verdict == "yes"
    assert "yes (by its own filter)" in found.answer


def test_a_filter_by_chance_is_not_called_circular(region: Callable[..., Region]) -> None:
    whole = region(LENGTHS, rough(60, 0.5))
    part = whole.take(np.arange(60) % 3 > 0, "thinned")

    assert compare(Study(whole), Study(part)).circular == ()


def test_a_manifest_that_says_so_is_enough(region: Callable[..., Region]) -> None:
    stage = Stage(name="filter", rows_in=900, rows_out=720, dropped={"low coherence": 180})
    one, other = region(LENGTHS), region(LENGTHS, first=500, seed=2, stages=[stage])

    found = compare(Study(one), Study(other))

    assert [c.evidence for c in found.circular] == [
        "180 rows, by stage 'filter' of its dataset.json"
    ]
