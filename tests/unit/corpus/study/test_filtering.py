from __future__ import annotations

from dataclasses import replace
from itertools import permutations
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pytest

from amn.corpus.study.describe import describe
from amn.corpus.study.filtering import plan_filter
from amn.corpus.study.rules import RULES, Chosen, parse_rules
from amn.corpus.study.study import Study
from amn.errors import ArgumentError
from tests.strategies import unit_rows

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from amn.corpus.study.region import Region
    from amn.corpus.study.rules import Value


@pytest.mark.parametrize(
    ("rules", "dropped"),
    [
        ("lists", [0]),
        ("disambiguation", [1]),
        ("stubs=500", [0, 1, 2]),
        ("short=8", [0, 1, 2]),
        ("language=en", [1]),
        ("redirects", []),
        ("series", []),
        ("near-duplicates", []),
    ],
)
def test_each_rule_drops_what_it_says(study: Study, rules: str, dropped: list[int]) -> None:
    plan = plan_filter(study, parse_rules(rules))

    assert np.flatnonzero(~plan.kept).tolist() == dropped


def test_the_coherence_rule_drops_articles_below_and_leaves_those_without_any(
    study: Study,
) -> None:
    least = float(np.nanmedian(study.region.coherence))
    plan = plan_filter(study, parse_rules(f"coherence={least}"))

    assert plan.kept[0]
    assert np.nanmin(study.region.coherence[plan.kept]) >= least
    assert np.nanmax(study.region.coherence[~plan.kept]) < least


def test_all_but_the_longest_of_near_duplicates_go(region: Callable[..., Region]) -> None:
    rows = unit_rows(24, dim=64, dtype=np.float32)
    rows[4:12] = rows[np.r_[:4, :4]]
    part = region([4, 8, 12], rows)

    plan = plan_filter(Study(part), parse_rules("near-duplicates"))

    assert plan.kept.tolist() == [False, True, True]


def test_the_order_of_rules_changes_nothing(study: Study) -> None:
    names = ("lists", "stubs=500", "disambiguation", "coherence=0.4")
    stages = [
        plan_filter(study, parse_rules(",".join(order))).stage() for order in permutations(names)
    ]

    assert all(stage == stages[0] for stage in stages)


def test_dropped_rows_are_counted_once_by_the_first_reason(study: Study) -> None:
    plan = plan_filter(study, parse_rules("stubs=500,lists,disambiguation"))
    stage = plan.stage()

    assert stage.dropped == {"disambiguation": 7, "list": 1, "stub": 7}
    assert stage.rows_in - sum(stage.dropped.values()) == stage.rows_out == plan.rows
    assert [(c.rule, c.articles, c.rows, c.only_rows) for c in plan.counts()] == [
        ("disambiguation", 1, 7, 0),
        ("lists", 1, 1, 0),
        ("stubs=500", 3, 15, 7),
    ]


def test_exempt_articles_are_touched_by_no_rule(study: Study) -> None:
    exempt = np.arange(40) < 2

    plan = plan_filter(study, parse_rules("stubs=500"), exempt=exempt)

    assert np.flatnonzero(~plan.kept).tolist() == [2]
    assert plan.stage().settings["exempt"] == "0-1"


def test_a_target_below_what_other_rules_leave_is_refused_with_the_number(study: Study) -> None:
    with pytest.raises(ArgumentError, match=r"expected at least 460 rows after the other rules, g"):
        plan_filter(study, parse_rules("stubs=500"), target=(460, 480))


def test_a_target_between_two_thresholds_is_refused_with_both_neighbours(study: Study) -> None:
    rows = plan_filter(study, (), target=(300, 320)).rows

    with pytest.raises(ArgumentError, match=rf"got \d+ or {rows}\. Fix: a wider range"):
        plan_filter(study, (), target=(rows + 1, rows + 2))


def test_a_target_sets_the_threshold_of_coherence(study: Study) -> None:
    plan = plan_filter(study, parse_rules("lists"), target=(300, 320))

    assert 300 <= plan.rows <= 320
    assert [c.rule.name for c in plan.rules] == ["lists", "coherence"]
    assert plan.stage().dropped["low coherence"] == 451 - plan.rows


def test_with_a_target_every_rule_is_asked_once(study: Study) -> None:
    asked: list[str] = []

    def drops(study: Study, _: Value) -> NDArray[np.bool_]:
        asked.append("lists")
        return np.zeros(len(study.region), np.bool_)

    plan_filter(study, [Chosen(replace(RULES["lists"], drops=drops), None)], target=(300, 320))

    assert asked == ["lists"]


def test_rules_that_leave_nothing_are_refused(study: Study) -> None:
    with pytest.raises(ArgumentError, match=r"got none left\. Fix: leave out short=99"):
        plan_filter(study, parse_rules("short=99"))


def test_an_article_whose_language_nobody_can_tell_stays(region: Callable[..., Region]) -> None:
    part = Study(region([8, 8, 8], columns={"language": ["en", None, "de"]}), context=3)

    plan = plan_filter(part, parse_rules("language=en"))

    assert plan.kept.tolist() == [True, True, False]
    assert describe(part).languages == {"en": 1, "de": 1, "not told": 1}


def test_languages_that_were_never_told_filter_nothing(region: Callable[..., Region]) -> None:
    part = Study(region([8, 8], columns={"language": ["", ""]}))
    untold = pa.array([None] * 16, pa.string())
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(type(part.region.dataset), "column", lambda _, __: pa.chunked_array([untold]))
        with pytest.raises(ArgumentError, match="or amn data build --detect-language writes one"):
            plan_filter(part, parse_rules("language=en"))


def test_a_rule_that_cannot_tell_says_which_column_is_missing(
    region: Callable[..., Region],
) -> None:
    part = Study(region([3, 3]))

    for rules in ("lists", "stubs", "language"):
        with pytest.raises(ArgumentError, match="in the chunk table, got none"):
            plan_filter(part, parse_rules(rules))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("list", "expected some of redirects, .*, got 'list'"),
        ("lists,lists", "expected lists once"),
        ("lists=3", "lists: expected no value, got '3'"),
        ("stubs=many", "stubs: expected a number, got 'many'"),
        ("stubs=nan", "expected a finite number"),
        ("", "got ''"),
    ],
)
def test_rules_that_cannot_be_read_are_named(text: str, message: str) -> None:
    with pytest.raises(ArgumentError, match=message):
        parse_rules(text)


def test_near_duplicates_far_apart_are_refused(study: Study) -> None:
    with pytest.raises(ArgumentError, match=r"expected a cosine from 0\.9 to below 1, got 0\.5"):
        plan_filter(study, parse_rules("near-duplicates=0.5"))


def test_only_coherence_selects_by_what_is_judged(study: Study) -> None:
    plan = plan_filter(study, parse_rules(",".join(set(RULES) - {"short"})))

    assert [str(c) for c in plan.judged] == ["coherence=0.35"] * (len(plan.judged) > 0)
    assert [rule.name for rule in RULES.values() if rule.is_judged] == ["coherence"]
