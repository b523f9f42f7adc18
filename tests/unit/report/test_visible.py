"""Hostile text in every reporter: it stays text, nothing of it is hidden, and nothing is obeyed."""

from __future__ import annotations

import io
import json
import re
from html.parser import HTMLParser
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from amn.evaluation.summary import Summary
from amn.gate.result import GateResult
from amn.report.github import to_annotations
from amn.report.json import to_json
from amn.report.junit import to_junit
from amn.report.markdown import to_note
from amn.report.outputs import FILES, Report, render
from amn.report.terminal import VisibleConsole
from amn.report.text import print_result
from amn.report.visible import HIDDEN, one_line, visible, visible_json
from amn.verdict import Finding, Outcome, Review, Status

if TYPE_CHECKING:
    from collections.abc import Iterator

    from markdown_it.token import Token

ATTACKS = (
    "\x1b[2J", "\x1b]0;title\x07", "\x9b31m", "\r", "\r\n", "\n", "\u2028", "\x85", "\u202e",
    "\u2066", "\u200b", "\ufeff", "\x00", "\udc80", "\ufffe", "::error file=a::m",
    "%0A::error::m", "##[error]", "##vso[task.setvariable variable=a]",
    "<script>alert(1)</script>", "<!--", "]]>", "&amp;", "|", "`", "```", "@team", "#1", "!2",
    "%3", "~bug", "$x$", "[a](http://b)", "![a](b)", "**b**", "__i__", "/merge", "- ", "1. ",
    "# ", "> ", "===", "---", ":x:", "[bold]", "[/]", "\\", "{{ 7 * 7 }}", "😀",
    "\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645",
)  # fmt: skip
texts = st.lists(st.sampled_from(ATTACKS) | st.text(max_size=6) | st.just("word"), max_size=6).map(
    "".join
)
examined = settings(max_examples=50, deadline=None)


def result(text: str) -> GateResult:
    """A result that says the same hostile thing everywhere."""
    outcomes = tuple(
        Outcome(
            check, "name", status, text, text, text, (Finding(text, text, text), Finding("b", text))
        )
        for check, status in (("D001", Status.WARN), ("C002", Status.FAIL), ("E001", Status.ERROR))
    )
    scores = {text: Summary(0.5, references={text: 0.4})}
    return GateResult(
        text,
        tuple(o.label for o in outcomes),
        outcomes,
        made={"summaries": scores},
        title=text,
        reproduce=text,
        review=Review(note=text),
    )


def printed(text: str) -> str:
    out = io.StringIO()
    print_result(result(text), VisibleConsole(file=out, width=60, color_system=None))
    return out.getvalue()


@given(texts)
@examined
def test_every_form_shows_what_is_hidden_and_can_be_written(text: str) -> None:
    report = Report((result(text), result(text)))
    forms = {kind: render(kind, report) for kind in FILES}
    forms |= {"text": printed(text), "github": to_annotations(report.results)}

    for kind, form in forms.items():
        assert not HIDDEN.search(form), kind
        assert form.encode(), kind


@given(texts)
@example("|word%0A::error::m")
@examined
def test_no_line_of_a_log_is_a_command_that_others_wrote(text: str) -> None:
    assert not re.search(r"^\s*::|##\w*\[", printed(text), re.MULTILINE)
    *notes, verdict = to_annotations([result(text)]).split("\n")
    assert len(notes) == 3
    for note in notes:
        assert re.fullmatch(
            r"::(error|warning) file=golden/[^:,]*/case\.toml,title=amn [A-Z]\d{3}-name::.*", note
        )
    assert verdict.startswith("ERROR: 2 of 3 checks (C002 name, E001 name). Reproduce:")


def tokens(markdown: str) -> Iterator[Token]:
    """Yield what a reader of markdown makes of it, nested tokens too."""
    for token in MarkdownIt("commonmark").enable(["table", "strikethrough"]).parse(markdown):
        yield token
        yield from token.children or ()


@given(texts)
@example("/merge")
@example("- a")
@example("1. a")
@examined
def test_markdown_is_our_markup_and_their_text(text: str) -> None:
    note = to_note([result(text)])

    markup = {t.content for t in tokens(note) if t.type == "html_inline"}
    assert markup <= {"<code>", "</code>", "<br>"}
    others = {
        "link_open",
        "image",
        "em_open",
        "s_open",
        "code_inline",
        "fence",
        "ordered_list_open",
    }
    assert not others & {t.type for t in tokens(note)}
    assert {t.tag for t in tokens(note) if t.type == "heading_open"} == {"h2", "h3"}
    assert sum(t.type == "heading_open" for t in tokens(note)) == 5
    assert not re.search(r"^\s*/|(?<!&)#\d|@|!\d", note, re.MULTILINE)
    if shown := one_line(text):
        words = ["".join(c.content for c in t.children or ()) for t in tokens(note)]
        assert sum(shown in line for line in words) > 4


@given(texts)
@examined
def test_xml_is_well_formed_and_says_the_same(text: str) -> None:
    failure = ET.fromstring(to_junit([result(text)])).find(".//failure")  # noqa: S314 - our own

    assert failure is not None
    assert failure.text is not None
    assert visible(text).replace("\r", "\n") in failure.text


@given(texts)
@examined
def test_json_keeps_every_character(text: str) -> None:
    assert json.loads(to_json([result(text)]))["results"][0]["facts"]["title"] == text


class Tags(HTMLParser):
    """Collects tags and the attributes that could run something."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.live: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.live += [name for name, value in attrs if name.startswith("on") or name == "src"]
        self.live += [value for name, value in attrs if value and "javascript:" in value]


def tags(text: str) -> Tags:
    page = Tags()
    page.feed(render("html", Report((result(text),))))
    return page


@given(texts)
@examined
def test_a_page_has_the_tags_of_a_page_whose_texts_are_plain(text: str) -> None:
    assert tags(text).tags <= tags("plain").tags
    assert tags(text).live == []


@given(st.text())
@examined
def test_text_without_anything_hidden_stays_as_it_is(text: str) -> None:
    shown = visible(text)

    assert visible(shown) == shown
    if not HIDDEN.search(text) and "::" not in text and "##" not in text:
        assert shown == text


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a\x1b[31mb", r"a\x1b[31mb"),
        ("\u202egnp.exe", r"\u202egnp.exe"),
        ("\U000e0041", r"\U000e0041"),
        ("\udc80", r"\udc80"),
        ("a\r\nb\tc", "a\nb\tc"),
        ("::error::x", r"\x3a:error::x"),
        ("##[group]", r"\x23#[group]"),
        ("golden/a/case.toml::C001-ood golden/b::C002-ood", None),
        ("\u0645\u06cc\u200c\u062e 👩\u200d🔬", None),
    ],
)
def test_what_is_hidden_is_shown_as_its_escape(text: str, shown: str | None) -> None:
    assert visible(text) == (text if shown is None else shown)


def test_json_escapes_what_a_terminal_would_obey() -> None:
    assert visible_json('{"a": "\x9b31m \U000e0041 é"}') == '{"a": "\\u009b31m \\udb40\\udc41 é"}'


def test_a_console_shows_no_emoji_for_a_code_and_obeys_our_markup_only() -> None:
    out = io.StringIO()

    VisibleConsole(file=out, width=60, color_system=None).print("[red]:x:[/] \x1b[31m")

    assert out.getvalue() == ":x: \\x1b[31m\n"
