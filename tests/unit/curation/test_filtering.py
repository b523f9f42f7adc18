from __future__ import annotations

from dataclasses import replace
from itertools import permutations
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from amn.curation.describe import Study
from amn.curation.filtering import choose_threshold, plan_filter, worth_of, write_filtered
from amn.curation.region import open_region
from amn.curation.rules import RULES, Chosen, parse_rules
from amn.data.dataset import open_dataset
from amn.data.manifest import Stage
from amn.data.writer import Chunks, write_dataset
from amn.errors import ArgumentError
from tests.strategies import drifting_rows, unit_rows

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from numpy.typing import NDArray

    from amn.curation.region import Region
    from amn.curation.rules import Value

LENGTHS = [1, 7, 7, 8, 9, *[12] * 35]
TITLES = ["List of a", "Mercury (disambiguation)", *(f"title {k}" for k in range(38))]
CHARS = [300, 300, 90, *[600] * 37]  # a chunk
COLUMNS = {
    "title": TITLES,
    "n_chars": CHARS,
    "language": ["en", "de", *["en"] * 38],
}


@pytest.fixture
def study(region: Callable[..., Region]) -> Study:
    rows = drifting_rows(len(LENGTHS), 12, 16).reshape(-1, 12, 16)
    rows = rows + 0.5 * unit_rows(rows.size // 16, dim=16, dtype=np.float32).reshape(rows.shape)
    rows /= np.linalg.norm(rows, axis=-1, keepdims=True)
    vectors = np.concatenate([r[:n] for r, n in zip(rows, LENGTHS, strict=True)])
    stage = Stage(name="read", rows_in=sum(LENGTHS), rows_out=sum(LENGTHS))
    return Study(region(LENGTHS, vectors, columns=COLUMNS, stages=[stage]), context=3)


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


@given(st.integers(0, 463), st.integers(0, 60))
def test_a_target_is_reached_with_the_fewest_rows_or_refused(low: int, width: int) -> None:
    rng = np.random.default_rng(low)
    sizes = rng.integers(1, 30, 40)
    coherence = rng.random(40).round(2)
    part = FakeRegion(sizes, coherence)
    kept, exempt = rng.random(40) < 0.8, rng.random(40) < 0.1
    reachable = [
        int(sizes[kept & ~((coherence < t) & ~exempt)].sum()) for t in [*np.unique(coherence), 2.0]
    ]
    wanted = [n for n in reachable if low <= n <= low + width]

    try:
        least = choose_threshold(part, kept, exempt, (low, low + width))  # type: ignore[arg-type]
    except ArgumentError:
        assert wanted == []
    else:
        left = int(sizes[kept & ~((coherence < least) & ~exempt)].sum())
        assert left == max(wanted)


class FakeRegion:
    def __init__(self, sizes: np.ndarray, coherence: np.ndarray) -> None:
        self.sizes, self.coherence = sizes, coherence


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
    assert part.describe().languages == {"en": 1, "de": 1, "not told": 1}


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


def test_the_worth_is_measured_on_articles_that_no_rule_has_touched(study: Study) -> None:
    least = float(np.nanquantile(study.region.coherence, 0.4))
    plan = plan_filter(study, parse_rules(f"coherence={least}"))

    worth = worth_of(plan)
    fits = {fit.judged_on: fit for fit in worth.fits}

    assert worth.coherence.low > 0
    assert fits["common"].a == fits["A"].a
    assert fits["B"].a > fits["common"].a


def test_what_is_written_is_what_the_plan_keeps(study: Study, tmp_path: Path) -> None:
    source = study.region.dataset
    plan = plan_filter(study, parse_rules("stubs=500"))

    made = write_filtered(plan, tmp_path / "clean", name="clean")

    rows = study.region.take(plan.kept).rows
    assert np.array_equal(made.gather(np.arange(len(made))), source.gather(rows))
    assert np.array_equal(made.article_ids, source.article_ids[rows])
    assert np.array_equal(made.chunk_index, source.chunk_index[rows])
    assert made.column("title").to_pylist()[0] == "title 1"  # type: ignore[union-attr]
    assert made.columns == source.columns
    assert [stage.name for stage in made.manifest.stages] == ["read", "filter"]
    assert made.manifest.stages[1].settings["parent"] == source.digest
    assert made.manifest.stages[1].settings["rules"] == {"stubs": 500.0}


def test_row_groups_of_the_source_leave_no_trace(
    study: Study, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = plan_filter(study, parse_rules("stubs=500,language=en"))
    source, rows = study.region.dataset, study.region.take(plan.kept).rows
    extra = {name: source.column(name).take(rows) for name in COLUMNS}  # type: ignore[union-attr]
    monkeypatch.setattr("amn.data.writer.GROUP_ROWS", 50)

    made = write_filtered(plan, tmp_path / "clean", name="clean")

    keys = source.article_ids[rows], source.chunk_index[rows]
    chunks = Chunks(article_ids=keys[0], chunk_index=keys[1], extra=extra)
    whole = write_dataset(
        tmp_path / "whole", source.gather(rows), chunks, name="clean", dtype="float32"
    )
    assert made.digest == whole.digest


def test_texts_are_not_held_in_memory(
    region: Callable[..., Region], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("amn.data.writer.GROUP_ROWS", 100)
    articles = [f"{n} is the number. " * 500 for n in range(500)]  # 9 kB a chunk
    found = region([4] * len(articles), columns={"text": articles})
    plan = plan_filter(Study(found, context=3), parse_rules("short=2"))
    held = [pa.total_allocated_bytes()]

    write_filtered(
        plan,
        tmp_path / "clean",
        name="clean",
        progress=lambda *_: held.append(pa.total_allocated_bytes()),
    )

    in_all = 4 * sum(map(len, articles))
    assert max(held) - held[0] < in_all / 4


def test_a_filtered_set_can_be_filtered_again(study: Study, tmp_path: Path) -> None:
    plan = plan_filter(study, parse_rules("lists"))
    made = write_filtered(plan, tmp_path / "once", name="once")

    again = plan_filter(Study(open_region(open_dataset(made.path))), parse_rules("lists"))

    assert again.stage().dropped == {}
    assert again.rows == len(made)


def test_an_existing_folder_is_left_alone(study: Study, tmp_path: Path) -> None:
    (tmp_path / "clean").mkdir()

    with pytest.raises(FileExistsError):
        write_filtered(plan_filter(study, parse_rules("lists")), tmp_path / "clean", name="clean")

    assert list((tmp_path / "clean").iterdir()) == []
