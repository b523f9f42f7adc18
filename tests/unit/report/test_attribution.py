from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from amn.checks.comparison import Compared
from amn.evaluation.attribution import Attribution, attribute
from amn.evaluation.statistics import tabulate
from amn.gate.result import GateResult
from amn.report.json import dumps, to_json
from amn.report.markdown import to_markdown
from amn.report.page.attribution import attribution_charts
from amn.report.page.charts import WIDTH
from amn.report.page.html import to_html
from amn.report.verdict import attributions, bars
from amn.verdict import Finding, Outcome, Status

ARTICLES = np.repeat(np.arange(1, 41), 5)
TITLE = "A title that is far too long for a line of a chart | with a bar"
GROUPS = {
    "kind": {a: "list" if a <= 10 else "article" for a in range(1, 41)},
    "id block": {a: f"ids {a // 10 * 10}" for a in range(1, 41)},
}


@pytest.fixture
def found() -> Attribution:
    """Article 3 fell by 0.3, the other lists by 0.05, and all others gained a little."""
    change = np.where(ARTICLES == 3, -0.3, np.where(ARTICLES <= 10, -0.05, 0.01))
    golden = np.full(len(ARTICLES), 0.6)
    sides = {"candidate": (golden + change)[None], "golden": golden[None]}
    return attribute(tabulate(sides, ARTICLES), titles={3: TITLE}, groupings=GROUPS)


@pytest.fixture
def fallen(found: Attribution) -> GateResult:
    finding = Finding("ood", "expected not worse", "look")
    outcomes = (
        Outcome(
            "G001",
            "ood",
            Status.FAIL,
            "-0.02",
            "> -0.01",
            findings=(finding,),
            data=Compared("ood", 0.05, 0.001, found),
        ),
        Outcome("G002", "in_dist", Status.PASS, "+0.00", "> -0.01", data=Compared("in_dist", 0.05)),
    )
    return GateResult("toy", ("G001-ood", "G002-in_dist"), outcomes)


def test_the_comparison_that_failed_says_where_it_comes_from(
    fallen: GateResult, found: Attribution
) -> None:
    assert attributions(fallen) == {"G001": found}
    (document,) = json.loads(to_json([fallen]))["results"]
    assert document["facts"]["attribution"] == {"ood": json.loads(dumps(found.to_json()))}


def test_a_result_that_passed_has_none() -> None:
    shown = GateResult("toy", (), ())

    assert attributions(shown) == {}
    assert list(attribution_charts(shown)) == []


def test_a_loss_is_filled_a_gain_is_hollow_and_the_largest_is_longest() -> None:
    assert bars([-0.1, 0.05, 0.0]) == ["█" * 20, "░" * 10, ""]
    assert bars([]) == []


def test_markdown_lists_articles_and_groups_under_the_check_that_failed(fallen: GateResult) -> None:
    block = next(b for b in to_markdown([fallen]).split("### ") if b.startswith("❌ FAIL G001"))

    assert f"| 3 {TITLE.replace('|', '&#124;')} | 5 | -0.3000 | {'█' * 20} |" in block
    assert "| kind | list | 10 | -0.0750 |" in block
    assert "<details><summary>few articles: the difference by group</summary>" in block
    own = block.partition("<summary>All")[0]
    rows = [line for line in own.splitlines() if line.startswith("|")]
    assert {row.count("|") for row in rows} == {5, 7}


def test_charts_show_each_article_and_group_once_with_its_number(fallen: GateResult) -> None:
    articles, groups = attribution_charts(fallen)

    assert articles.title == "ood: few articles, the worst articles"
    assert next(row[0] for row in articles.rows) == f"3 {TITLE}"
    assert len(articles.rows) == 10
    assert sum(mark.css == "box worse" for mark in articles.marks) == 10
    assert {row[:2] for row in groups.rows} >= {("kind", "list"), ("id block", "ids 40")}
    assert [m.text for m in groups.marks if m.css == "label"] == ["by id block", "by kind"]


def test_bars_begin_at_zero_and_grow_with_the_difference(fallen: GateResult) -> None:
    _, groups = attribution_charts(fallen)
    zero = {m.values["x1"] for m in groups.marks if m.css == "axis"}
    worse = [m for m in groups.marks if m.css == "box worse"]
    better = [m for m in groups.marks if m.css == "box better"]

    assert len(zero) == 1
    at = float(zero.pop())
    ends = [float(m.values["x"]) + float(m.values["width"]) for m in worse]
    assert ends == pytest.approx([at] * len(worse), abs=0.2)
    assert [float(m.values["x"]) for m in better] == pytest.approx([at] * len(better), abs=0.2)
    drawn = sorted(float(m.values["width"]) for m in worse)
    numbers = sorted(-float(row[3]) for row in groups.rows if float(row[3]) < 0)
    assert drawn == pytest.approx([drawn[-1] * n / numbers[-1] for n in numbers], abs=0.2)


def test_nothing_is_drawn_outside_of_a_chart(fallen: GateResult) -> None:
    for chart in attribution_charts(fallen):
        for mark in chart.marks:
            for name in ("x", "x1", "x2"):
                assert 0 <= float(mark.values.get(name, 0)) <= WIDTH
            for name in ("y", "y1", "y2"):
                assert 0 <= float(mark.values.get(name, 0)) <= chart.height
    names = [m.text for m in chart.marks if m.css == "name"]
    assert max(map(len, names)) < 60


def test_the_page_has_both(fallen: GateResult) -> None:
    page = to_html([fallen])

    assert "ood: few articles, the worst articles" in page
    assert "ood: the difference by group of articles" in page


def test_a_grouping_with_one_group_is_left_out(found: Attribution, fallen: GateResult) -> None:
    only = tuple(piece._replace(by="length", name="all") for piece in found.slices[:1])
    one = Compared("ood", 0.05, 0.001, replace(found, slices=only))
    shown = replace(fallen, outcomes=(replace(fallen.outcomes[0], data=one), fallen.outcomes[1]))

    assert len(list(attribution_charts(shown))) == 1
    assert "the difference by group" not in to_markdown([shown])
