"""--no-articles: no form for people names an article, and every one says the same verdict."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from amn.checks.comparison import Compared
from amn.evaluation.attribution import ArticlePart, Attribution
from amn.report.anonymous import without_articles
from amn.report.outputs import FILES, Report, render
from amn.verdict import Finding, Status

if TYPE_CHECKING:
    from amn.gate.result import GateResult

FORMS = sorted(set(FILES) - {"json"})


@pytest.fixture
def named(make_result: Any, make_outcome: Any) -> GateResult:
    """A result that names article 4711 wherever one can be named."""
    worst = ArticlePart(article=4711, title="Lantern", windows=3, difference=-0.2, part=-0.02)
    found = Attribution(
        pattern="few articles",
        difference=-0.02,
        articles=9,
        worse=1,
        better=8,
        sign_p=0.04,
        n_worst=1,
        worst_share=1.0,
        without_worst=0.0,
        worst=(worst,),
        slices=(),
    )
    finding = Finding("article 4711", "expected 0.6, got 0.4 in Lantern", "drop 4711")
    return make_result(
        make_outcome("D001", Status.PASS, value="0 rows"),
        make_outcome("D004", Status.WARN, finding, detail="4711 Lantern"),
        make_outcome("G001", Status.FAIL, finding, data=Compared("ood", 0.05, 0.01, found)),
    )


@pytest.mark.parametrize("form", FORMS)
def test_no_form_names_an_article_when_told_so(named: GateResult, form: str) -> None:
    with_names = render(form, Report((named,)))
    without = render(form, Report((named,), shows_articles=False))

    assert "4711" not in without
    assert "Lantern" not in without
    if form in ("html", "markdown", "comment", "note", "junit", "github", "codequality"):
        assert "Lantern" in with_names
        assert "1 finding, not shown here" in without


def test_json_keeps_what_it_has(named: GateResult) -> None:
    text = render("json", Report((named,), shows_articles=False))

    assert json.loads(text) == json.loads(render("json", Report((named,))))


def test_the_verdict_of_a_real_gate_is_the_same(gated: Any) -> None:
    whole = gated()
    shown = without_articles(whole)

    assert (shown.word, shown.scope) == (whole.word, whole.scope)
    assert [(o.label, o.status, o.value) for o in shown.outcomes] == [
        (o.label, o.status, o.value) for o in whole.outcomes
    ]
    assert render("html", Report((whole,), shows_articles=False))
