"""Alarms beside each other, and looks after each other."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from amn.checks.check import checks
from amn.checks.comparison import COMPARED, LEAST_P, Sides, holm
from amn.verdict import Status, Verdict

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


def by_p(p: dict[str, float]) -> Callable[[str, float], bool]:
    return lambda name, level: p[name] <= level


@pytest.mark.parametrize(
    ("p", "alarms"),
    [
        ({"a": 0.04, "b": 0.04}, set()),  # each would be one by itself
        ({"a": 0.02, "b": 0.04}, {"a", "b"}),
        ({"a": 0.02, "b": 0.06}, {"a"}),
        ({"a": 0.2, "b": 0.6}, set()),
        ({"a": 0.01, "b": 0.02, "c": 0.03, "d": 0.04}, {"a"}),
        ({"a": 0.04}, {"a"}),
        ({}, set()),
    ],
)
def test_holm_by_levels_is_holm_by_p_values(p: dict[str, float], alarms: set[str]) -> None:
    assert set(holm(p, by_p(p), 0.05)) == alarms


def test_holm_equals_the_textbook_on_random_p_values() -> None:
    rng = np.random.default_rng(0)
    for _ in range(200):
        p = {str(i): float(v) for i, v in enumerate(rng.beta(0.4, 4, rng.integers(1, 8)))}
        ordered = sorted(p.items(), key=lambda item: item[1])
        textbook: set[str] = set()
        for rank, (name, value) in enumerate(ordered):
            if value > 0.05 / (len(p) - rank):
                break
            textbook.add(name)
        assert set(holm(p, by_p(p), 0.05)) == textbook


@pytest.fixture
def sides(
    make_case: Any, toy_golden: Any, toy_evaluations: Any, tmp_path: Path
) -> Callable[..., Sides]:
    """The toy case's golden, and as candidate the golden's mean, moved by split."""

    def sides(
        moved: dict[str, Any] | None = None, looks: tuple[int, ...] = (), **golden: Any
    ) -> Sides:
        seeds = {"seeds": [0, 1, 2, 3, 4]} if looks else {}
        case = make_case(tmp_path, golden=golden, training=seeds)
        scores = dict(toy_evaluations[0].scores)
        for name, by in (moved or {}).items():
            table = toy_golden.tables[name].judged()
            means = toy_golden.sums(name).mean(axis=0) / table.sizes
            at = np.searchsorted(table.articles, scores[name].article_ids)
            scores[name] = replace(scores[name], cosines=means[at] + by)
        candidate = replace(toy_evaluations[0], scores=scores)
        return Sides((candidate,), toy_golden, case.config.golden, tmp_path, looks)

    return sides


def run(check: str, sides: Sides) -> Any:
    """Run a check of the comparison."""
    return checks()[check].run({"sides": sides, "judged_data": {}})


def scattered(toy_golden: Any, split: str, mean: float, sd: float) -> Any:
    """(N,) a change of each article, of exactly this mean over windows."""
    table = toy_golden.tables[split].judged()
    by = np.repeat(np.random.default_rng(1).normal(0, sd, len(table.articles)), table.sizes)
    return by - by.mean() + mean


def barely(sides: Any, toy_golden: Any) -> Any:
    """(N,) a change of OOD that fails at 0.05 and not at 0.025."""
    for sd in np.arange(0.015, 0.06, 0.0005):
        by = scattered(toy_golden, "ood", -0.0123, sd)
        found = sides({"ood": by})
        if not found.fails("ood", 0.025):
            assert found.fails("ood", 0.05)
            return by
    raise AssertionError("no such scatter")


def test_a_clear_fail_is_an_alarm_beside_a_split_that_passes(sides: Any) -> None:
    found = sides({"ood": -0.05, "in_dist": 0.0})

    judged = {check: found.judge(split) for split, check in COMPARED.items()}

    assert judged["G001"].verdict is Verdict.FAIL
    assert judged["G001"].level == 0.025
    assert judged["G002"].verdict is Verdict.PASS
    assert judged["G002"].level == 0.05


def test_a_fail_that_only_its_own_level_sees_is_no_alarm(sides: Any, toy_golden: Any) -> None:
    by = barely(sides, toy_golden)
    found = sides({"ood": by, "in_dist": 0.0})
    judged = found.judge("ood")

    assert judged.comparison.verdict is Verdict.FAIL
    assert judged.verdict is Verdict.INCONCLUSIVE
    outcome = run("G001", found)
    assert outcome.status is Status.INCONCLUSIVE
    message = "no alarm at 0.025, its level beside the other split (Holm)"
    assert message in outcome.findings[0].message


def test_it_is_an_alarm_once_the_other_split_is_one_as_well(sides: Any, toy_golden: Any) -> None:
    by = barely(sides, toy_golden)
    found = sides({"ood": by, "in_dist": -0.05})

    assert found.judge("ood").verdict is Verdict.FAIL
    assert found.judge("ood").level == 0.05
    assert found.judge("in_dist").level == 0.025


def test_a_look_is_judged_at_its_share_of_alpha_and_says_what_was_spent(
    sides: Any, toy_golden: Any
) -> None:
    by = scattered(toy_golden, "ood", 0.0, 0.01)
    one = run("G001", sides({"ood": by}))
    first = run("G001", sides({"ood": by}, (3,), adaptive_seeds=[3, 4, 5]))
    second = run("G001", sides({"ood": by}, (3, 4), adaptive_seeds=[3, 4, 5]))

    assert "look" not in one.detail
    assert "look 1 of 3 at 3 seeds, alpha 0.0125, spent 0.0125 of 0.05" in first.detail
    assert "look 2 of 3 at 4 seeds, alpha 0.0166667, spent 0.0291667 of 0.05" in second.detail
    assert first.standing.low < second.standing.low < one.standing.low


def test_a_loss_of_few_articles_is_undecided_by_name_where_it_would_pass(
    sides: Any, toy_golden: Any
) -> None:
    sizes = toy_golden.tables["ood"].judged().sizes
    few = np.repeat(np.where(np.arange(len(sizes)) % 6 == 1, -0.017, 0.0), sizes)
    found = sides({"ood": few + scattered(toy_golden, "ood", 0.0, 0.005)})
    comparison, outcome = found.compare("ood", 0.05), run("G001", found)

    assert comparison.pooled.low > -found.margin("ood")
    assert outcome.status is Status.INCONCLUSIVE
    doubt = "; a few articles are far below the rest, so that the lower bound is further off"
    message = outcome.findings[0].message
    assert f"lower bound {comparison.lower:+.4f}, upper" in message
    assert f"margin 0.01{doubt}; a drop of" in message
    assert outcome.detail.endswith(doubt)


def test_the_p_of_an_alarm_is_the_level_at_which_it_stops_to_fail(
    sides: Any, toy_golden: Any
) -> None:
    by = barely(sides, toy_golden)
    found = sides({"ood": by, "in_dist": -0.05})
    judged = found.judge("ood")

    assert judged.p is not None
    assert 0.025 < judged.p <= 0.05
    assert found.fails("ood", judged.p)
    assert not found.fails("ood", judged.p / 1.03)
    assert found.judge("in_dist").p == LEAST_P


def test_what_is_no_alarm_has_no_p(sides: Any, toy_golden: Any) -> None:
    found = sides({"ood": barely(sides, toy_golden), "in_dist": 0.0})

    assert [run(check, found).data.p for check in ("G001", "G002")] == [None, None]
