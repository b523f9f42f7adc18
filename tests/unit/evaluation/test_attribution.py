"""Where a difference comes from: made with a known cause, which is named."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from amn.evaluation.attribution import attribute, sign_test
from amn.evaluation.noninferiority import noninferiority
from amn.evaluation.statistics import ClusterTable, tabulate

ARTICLES, WINDOWS = 60, 12
CLUSTERS = np.repeat(np.arange(100, 100 + ARTICLES), WINDOWS)


def sums(candidate: Any, golden: Any, clusters: Any = CLUSTERS) -> ClusterTable:
    """Sums by article of both sides."""
    sides = {"candidate": np.atleast_2d(candidate), "golden": np.atleast_2d(golden)}
    return tabulate(sides, clusters)


def compared(drop: Any, *, noise: float = 0.002, **options: Any) -> Any:
    """Attribution of a candidate that loses `drop`, a number an article."""
    rng = np.random.default_rng(0)
    golden = rng.normal(0.6, 0.1, (2, len(CLUSTERS)))
    moved = golden.mean(axis=0) - np.repeat(np.broadcast_to(drop, ARTICLES), WINDOWS)
    return attribute(sums(moved + rng.normal(0, noise, len(CLUSTERS)), golden), **options)


def test_a_loss_everywhere_is_a_broad_shift() -> None:
    found = compared(0.01)

    assert found.pattern == "broad shift"
    assert (found.worse, found.better) == (60, 0)
    assert found.sign_p == pytest.approx(2 * 0.5**60)
    assert found.worst_share < 0.1
    assert str(found).startswith("broad shift: 60 of 60 articles are worse (sign test p 2e-18)")


def test_a_loss_of_three_articles_is_theirs() -> None:
    drop = np.zeros(ARTICLES)
    drop[[5, 17, 40]] = 0.3

    found = compared(drop, titles={105: "Aristotle"})

    assert found.pattern == "few articles"
    assert {part.article for part in found.worst[:3]} == {105, 117, 140}
    assert {part.title for part in found.worst[:3]} == {"Aristotle", ""}
    assert found.worst_share > 0.9
    assert abs(found.without_worst) < 0.001


def test_a_scatter_without_a_direction_is_no_pattern() -> None:
    drop = np.random.default_rng(3).normal(0.002, 0.01, ARTICLES)

    assert compared(drop).sign_p > 0.01
    assert compared(drop).pattern == "no pattern"
    assert compared(np.tile([0.012, -0.01], 30)).pattern == "no pattern"


def test_the_group_that_loses_stands_out_by_name() -> None:
    groups = {int(a): "list" if a % 4 == 0 else "article" for a in np.unique(CLUSTERS)}
    halves = {int(a): "old" if a < 130 else "new" for a in np.unique(CLUSTERS)}
    drop = np.where(np.arange(100, 160) % 4 == 0, 0.04, 0.0)

    found = compared(drop, groupings={"kind": groups, "age": halves})

    first = found.slices[0]
    assert (first.by, first.name, first.articles) == ("kind", "list", 15)
    assert first.z < -10
    assert first.difference == pytest.approx(-0.04, abs=0.002)
    assert "by kind, list stands out: -0.0" in str(found)
    for by in ("kind", "age"):
        assert sum(s.share for s in found.slices if s.by == by) == pytest.approx(1)


def test_an_even_loss_makes_no_group_stand_out() -> None:
    groups = {int(a): str(a % 4) for a in np.unique(CLUSTERS)}

    assert "stands out" not in str(compared(0.01, groupings={"kind": groups}))


def test_parts_add_up_to_the_difference_that_the_gate_judges() -> None:
    found = compared(np.linspace(0, 0.02, ARTICLES))
    rng = np.random.default_rng(0)
    golden = rng.normal(0.6, 0.1, (2, len(CLUSTERS)))
    moved = golden.mean(axis=0) - np.repeat(np.linspace(0, 0.02, ARTICLES), WINDOWS)
    candidate = moved + rng.normal(0, 0.002, len(CLUSTERS))
    judged = noninferiority(candidate, golden, CLUSTERS, margin=0.01, alpha=0.05, seed=1)

    assert found.difference == pytest.approx(judged.difference, abs=1e-15)


def test_the_worst_articles_are_named_with_their_part() -> None:
    golden = np.full(100, 0.6)
    clusters = np.repeat(np.arange(100, 110), 10)
    candidate = golden - np.where(clusters == 107, 0.3, 0.0) - np.where(clusters == 103, 0.1, 0.0)

    found = attribute(sums(candidate, golden, clusters))

    assert [part.article for part in found.worst] == [107, 103]
    worst = found.worst[0]
    assert (worst.windows, worst.difference, worst.part) == pytest.approx((10, -0.3, -0.03))
    assert sum(part.part for part in found.worst) == pytest.approx(found.difference)


def test_nothing_that_differs_is_no_pattern_and_has_no_culprit() -> None:
    values = np.full(len(CLUSTERS), 0.5)
    found = attribute(sums(values, values))

    assert (found.pattern, found.worst, found.difference) == ("no pattern", (), 0.0)
    assert found.sign_p == 1.0


def test_json_is_plain() -> None:
    values = json.loads(json.dumps(compared(0.01).to_json(), allow_nan=False))

    assert values["pattern"] == "broad shift"
    assert set(values["worst"][0]) == {"article", "title", "windows", "difference", "part"}


@pytest.mark.parametrize(
    ("worse", "better", "p"), [(0, 0, 1.0), (5, 5, 1.0), (10, 0, 2 / 1024), (9, 1, 22 / 1024)]
)
def test_the_sign_test_is_the_binomial_one(worse: int, better: int, p: float) -> None:
    assert sign_test(worse, better) == pytest.approx(p)
    assert sign_test(better, worse) == pytest.approx(p)
