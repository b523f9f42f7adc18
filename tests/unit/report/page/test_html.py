from __future__ import annotations

import base64
import hashlib
import re
import sys
from html.parser import HTMLParser
from typing import TYPE_CHECKING, Any

import pytest

from amn.errors import MissingDependencyError
from amn.report.page.html import to_html
from amn.verdict import Status

if TYPE_CHECKING:
    from amn.gate.result import GateResult

VOID = {"meta", "link", "br"}


class Page(HTMLParser):
    """Collects what a page is made of, and fails on an element that is not closed."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.ids: list[str] = []
        self.attributes: list[tuple[str, str]] = []
        self.words: list[str] = []
        self._open: list[str] = []
        self.feed(text)
        self.close()
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        self.tags.append(tag)
        self.attributes += [(name, value or "") for name, value in attrs]
        self.ids += [value for name, value in attrs if name == "id"]
        if tag not in VOID:
            self._open.append(tag)

    def handle_startendtag(self, tag: str, attrs: Any) -> None:  # noqa: ARG002 - as it is called
        self.tags.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.words.append(data)


def test_the_verdict_comes_first_and_the_worst_finding_next(failed: GateResult) -> None:
    text = "".join(Page(to_html([failed])).words)

    places = [text.index(word) for word in ("FAIL wiki-mini", "C002 name", "R002 name", "D009")]
    assert places == sorted(places)
    assert "expected at least 0.6, got 0.5701" in text
    assert "This change must not be merged" in text


def test_the_page_needs_no_network_and_runs_no_script(gated: Any) -> None:
    text = to_html([gated()])

    page = Page(text)

    assert "script" not in page.tags
    assert not re.search(r"https?://|url\(|@import", text)
    for name, value in page.attributes:
        assert not name.startswith("on")
        assert name != "style"
        if name in ("href", "src"):
            assert value.startswith(("#", "data:"))


def test_the_policy_allows_the_style_sheet_and_nothing_else(failed: GateResult) -> None:
    text = to_html([failed])

    (style,) = re.findall(r"<style>(.*?)</style>", text, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    assert f"default-src 'none'; style-src 'sha256-{digest}'" in Page(text).attributes[3][1]


def test_what_others_wrote_stays_text(hostile: GateResult) -> None:
    page = Page(to_html([hostile]))

    assert "script" not in page.tags
    assert any("<script>alert(1)</script>" in word for word in page.words)


def test_ids_are_unique_and_what_points_to_one_finds_it(gated: Any) -> None:
    result = gated()

    page = Page(to_html([result, result]))

    assert len(set(page.ids)) == len(page.ids)
    wanted = [v for name, v in page.attributes if name in ("aria-labelledby", "aria-describedby")]
    for identifier in " ".join(wanted).split():
        assert identifier in page.ids
    for name, value in page.attributes:
        if name == "href" and value.startswith("#"):
            assert value[1:] in page.ids


def test_every_chart_has_a_name_a_description_and_its_numbers(gated: Any) -> None:
    text = to_html([gated()])

    n_charts = text.count('class="chart"')
    assert n_charts >= 10
    assert text.count('role="img" aria-labelledby=') == n_charts
    assert text.count("<desc id=") == n_charts
    assert text.count("<summary>Numbers</summary>") == n_charts


def test_a_broken_measurement_is_not_blamed_on_the_model(
    make_result: Any, make_outcome: Any
) -> None:
    text = to_html([make_result(make_outcome("E005", Status.HARNESS))])

    assert "The measurement itself is broken: its scores say nothing about the model." in text


def test_a_gate_that_stopped_at_the_data_says_why_nothing_is_drawn(failed: GateResult) -> None:
    text = to_html([failed])

    assert "nothing was trained or scored window by window: C002-name came first." in text


def test_the_worst_of_several_cases_comes_first(
    failed: GateResult, make_result: Any, make_outcome: Any
) -> None:
    passed = make_result(make_outcome("C001", Status.PASS), case="other")

    words = "".join(Page(to_html([passed, failed])).words)

    assert (
        words.index("FAIL: 1 of 2 cases")
        < words.index("FAIL wiki-mini")
        < words.index("PASS other")
    )


def test_the_same_result_gives_the_same_page(gated: Any) -> None:
    result = gated()

    assert to_html([result]) == to_html([result])


def test_without_jinja2_the_extra_is_named(
    failed: GateResult, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "jinja2", None)

    with pytest.raises(MissingDependencyError, match=r"pip install 'jinja2>=3"):
        to_html([failed])
