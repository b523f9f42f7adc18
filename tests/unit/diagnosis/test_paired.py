"""Paired trainings: what their scores come to, with the case's margin and what would decide."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import pytest

from amn.data.windows import find_windows
from amn.diagnosis.paired import Paired, Size
from amn.diagnosis.variants import DECLARED, GOING_ON, Variant
from tests.strategies import in_memory, running_keys

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from amn.diagnosis.ranking import Settled

ARTICLES, ROWS, SEEDS = 30, 12, 3
WINDOWS = find_windows(in_memory(*running_keys(*[ROWS] * ARTICLES)), 5)
BASE = np.random.default_rng(1).normal(0.5, 0.02, (SEEDS, len(WINDOWS)))


def paired(*, noise: float = 0.001, by_seed: float = 0.0, **gains: float) -> Paired:
    """Scores of one variant a cause, above what it is held against by a gain."""
    rng = np.random.default_rng(0)
    variants = [Variant(DECLARED, cast("Any", None), WINDOWS)]
    variants.append(replace(variants[0], name=GOING_ON))
    cosines: dict[str, NDArray[np.float64]] = dict.fromkeys((DECLARED, GOING_ON), BASE)
    missing = {}
    for cause in ("dilution", "context", "learning_rate", "new_rows"):
        if cause not in gains:
            missing[cause] = ("no such rows", "more rows")
            continue
        against = GOING_ON if cause == "learning_rate" else DECLARED
        variants.append(Variant(f"with {cause} undone", variants[0].plan, WINDOWS, cause, against))
        per_article = rng.normal(gains[cause], noise, ARTICLES)
        of_seeds = by_seed * np.array([[-1.0], [0.0], [1.0]])
        cosines[variants[-1].name] = BASE + per_article[WINDOWS.codes] + of_seeds
    return Paired(
        variants=tuple(variants), cosines=cosines, margin=0.01, size=Size(512, SEEDS),
        seconds=60, whole_steps=4096, missing=missing,
    )  # fmt: skip


def answer(found: Paired, cause: str = "dilution") -> Settled:
    return next(one for one in found.settled() if one.cause == cause)


@pytest.mark.parametrize(
    ("gain", "expected"),
    [(0.02, "supported"), (0.011, "supported"), (0.002, "refuted"), (-0.02, "refuted")],
)
@pytest.mark.parametrize("cause", ["dilution", "learning_rate"])
def test_a_gain_above_the_margin_supports_and_one_below_refutes(
    gain: float, expected: str, cause: str
) -> None:
    found = answer(paired(**{cause: gain}), cause)

    assert found.answer == expected
    assert f"gains {gain:+.2f}"[:10] in found.says
    assert "margin 0.01" in found.says
    assert found.needs == ""


def test_an_open_answer_says_what_it_would_take() -> None:
    few_seeds = answer(paired(by_seed=0.01, dilution=0.005))
    few_articles = answer(paired(noise=0.06, dilution=0.005))

    assert (few_seeds.answer, few_articles.answer) == ("undecided", "undecided")
    n = int(few_seeds.needs.split()[0])
    assert n > SEEDS
    assert few_seeds.needs == f"{n} seeds, some {n} minutes: --plan 512x{n}"
    assert few_articles.needs.endswith(f" judged articles; there are {ARTICLES}")
    assert int(few_articles.needs.split()[0].replace(",", "")) > ARTICLES


def test_trainings_that_came_a_part_of_the_way_refute_less_and_may_support() -> None:
    short = replace(paired(dilution=0.0, new_rows=0.02, learning_rate=0.0), reached=0.4)

    assert answer(short).answer == "undecided"
    assert "40% of the way" in answer(short).says
    assert answer(short).needs == "more steps: --plan 2048x3"
    assert answer(short, "new_rows").answer == "supported"
    assert answer(short, "learning_rate").answer == "refuted"  # it went on from judged weights
    assert answer(replace(short, whole_steps=512)).answer == "refuted"  # as long as declared

    small = paired(dilution=0.006)
    assert answer(replace(small, reached=0.9)).answer == "refuted"  # below 0.9 of the margin
    assert answer(replace(small, reached=0.55)).answer == "undecided"  # above 0.55 of it


def test_a_stopped_training_decides_nothing_that_it_does_not_support() -> None:
    stopped = replace(paired(dilution=0.0, new_rows=0.02), stops=("R007",))

    assert answer(stopped).answer == "undecided"
    assert "stopped by R007" in answer(stopped).says
    assert answer(stopped, "new_rows").answer == "supported"


def test_one_seed_and_a_case_without_a_variant_decide_nothing() -> None:
    one = replace(
        paired(dilution=0.02),
        size=Size(512, 1),
        cosines={name: rows[:1] for name, rows in paired(dilution=0.02).cosines.items()},
    )

    assert answer(one).answer == "undecided"
    assert answer(one).needs == "--minutes 4, or --plan 512x3"
    assert answer(one, "context") == ("context", "undecided", "no such rows", "more rows")
    assert len(one.settled()) == 4


def test_of_several_variants_one_is_enough_and_each_has_a_part_of_the_error() -> None:
    one = paired(context=0.002)
    both = replace(
        one,
        variants=(*one.variants, replace(one.variants[-1], name="context 9")),
        cosines={**one.cosines, "context 9": BASE + 0.02},
    )

    assert answer(one, "context").answer == "refuted"
    assert answer(both, "context").answer == "supported"
    assert both.compare(both.variants[-1]).alpha == one.compare(one.variants[-1]).alpha / 2


def test_a_longer_context_is_held_against_the_same_targets() -> None:
    longer = find_windows(WINDOWS.dataset, 7)
    whole = paired(context=0.0)
    mine = replace(whole.variants[-1], judged=longer)
    same = np.isin(WINDOWS.targets, longer.targets)
    cosines = {**whole.cosines, mine.name: BASE[:, same] + 0.02}
    found = replace(whole, variants=(*whole.variants[:-1], mine), cosines=cosines)

    assert 0 < len(longer) < len(WINDOWS)
    assert found.compare(mine).difference == pytest.approx(-0.02)
