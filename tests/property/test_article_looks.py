"""Looks at some of the articles stop what is not lost in at most alpha, and save what is lost."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from amn.case.config import EVALUATED
from amn.case.limits import GoldenConfig
from amn.checks.looks import FEWEST, SHARES, look_until_lost, looks_at
from amn.evaluation.statistics import ClusterTable
from tests.error_rates import DESIGNS, simulate_looks

if TYPE_CHECKING:
    from collections.abc import Mapping

TRIALS = 150
DRAWN = {design.name: design.drawn for design in DESIGNS}


@pytest.mark.parametrize(
    ("name", "spread"),
    [
        ("normal, equal lengths", 0.0095),
        ("normal, lengths of wiki-mini", 0.02),
        ("two seeds of wiki-mini", 1.0),
    ],
)
def test_at_the_margin_few_are_stopped_and_at_three_most_articles_are_saved(
    name: str, spread: float
) -> None:
    found = simulate_looks(name, DRAWN[name], spread, TRIALS)

    assert found.broken() == []
    assert found.lost > 0.9
    assert found.saved >= 0.6


@given(articles=st.integers(1, 100_000))
def test_looks_grow_and_leave_articles_to_score(articles: int) -> None:
    looks = looks_at(articles)

    assert list(looks) == sorted(set(looks))
    assert len(looks) <= len(SHARES)
    assert all(FEWEST <= n < articles for n in looks)


@given(
    alpha=st.floats(0.001, 0.49),
    futility=st.booleans(),
    seeds=st.integers(1, 9),
    epochs=st.integers(1, 30),
)
def test_all_that_stops_in_vain_shares_one_alpha(
    *, alpha: float, futility: bool, seeds: int, epochs: int
) -> None:
    limits = GoldenConfig(alpha=alpha, futility=futility, article_looks=True)
    of_articles = [limits.level_at(n, 2) for n in range(1, len(SHARES) + 1) for _ in EVALUATED]
    of_epochs = [limits.level_at(n, seeds) for n in range(1, epochs + 1) for _ in range(seeds)]

    assert sum(of_articles) + (sum(of_epochs) if futility else 0.0) < alpha
    plain = GoldenConfig(alpha=alpha)
    assert plain.level_at(1, seeds) == alpha / seeds / 2


def looked(losses: Mapping[str, np.ndarray], **changes: float) -> list[tuple[str, int, bool]]:
    """Return split, articles and end of each look at articles of equal lengths."""
    limits = GoldenConfig(article_looks=True)

    def table_of(split: str, n: int) -> ClusterTable:
        return ClusterTable(np.arange(n), np.full(n, 10.0), (-10 * losses[split][None, :n],))

    sizes = {split: len(one) for split, one in losses.items()}
    looks = look_until_lost(sizes, table_of, limits, seed=1, **changes)
    return [(look.split, look.n, look.is_lost) for look in looks]


def noise(n: int, mean: float, spread: float = 0.005) -> np.ndarray:
    """Return (n,) losses with just this mean in the first articles, too."""
    drawn = np.random.default_rng(0).standard_normal(n)
    return mean + spread * drawn


def test_the_first_look_that_is_lost_is_the_last() -> None:
    equal, lost = noise(110, 0.0), noise(110, 0.03)

    assert looked({"in_dist": equal, "ood": lost}) == [("in_dist", 15, False), ("ood", 15, True)]
    assert looked({"in_dist": lost, "ood": equal}) == [("in_dist", 15, True)]
    assert [look[1] for look in looked({"in_dist": equal, "ood": equal})] == [
        15,
        15,
        28,
        28,
        55,
        55,
    ]


def test_a_look_is_wider_by_what_two_machines_are_apart() -> None:
    lost = {"ood": noise(110, 0.03)}

    assert looked(lost)[-1] == ("ood", 15, True)
    assert not any(is_lost for _, _, is_lost in looked(lost, tolerance=0.05))


def test_a_few_articles_that_gain_much_keep_a_look_from_being_sure() -> None:
    """What a sample without them would be sure of, one that shows them is not."""
    losses = noise(110, 0.016, 0.002)
    gains = losses.copy()
    gains[[3, 9]] = -0.03

    assert looked({"ood": losses})[0] == ("ood", 15, True)
    assert looked({"ood": gains})[0] == ("ood", 15, False)


def test_a_split_of_few_articles_is_not_looked_at() -> None:
    assert looked({"in_dist": noise(15, 0.5), "ood": noise(40, 0.0)}) == [
        ("ood", 15, False),
        ("ood", 20, False),
    ]
