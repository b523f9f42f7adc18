from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import TYPE_CHECKING, Any

import pytest

from amn.report.markdown import (
    COMMENT_BYTES,
    MARKER,
    SUMMARY_BYTES,
    code,
    escape,
    to_comment,
    to_markdown,
)
from amn.verdict import Finding, Loosening, Review, Status, Waiver

if TYPE_CHECKING:
    from amn.gate.result import GateResult


def test_the_verdict_comes_first_and_the_worst_finding_next(failed: GateResult) -> None:
    heads = [line for line in to_markdown([failed]).splitlines() if line.startswith("#")]

    assert heads == [
        "## ❌ FAIL: wiki-mini",
        "### ❌ FAIL C002 name",
        "### ❔ INCONCLUSIVE R002 name",
        "### ⚠️ WARN D009 name",
    ]


def test_a_finding_has_its_place_number_and_fix(failed: GateResult) -> None:
    text = to_markdown([failed])

    assert "**0.5701**, expected &gt;= 0.6000" in text
    assert "- **ood**: expected at least 0.6, got 0.5701<br>fix: look at the data" in text
    assert "why: <code>amn rules C002</code>" in text


def test_every_check_is_in_the_folded_table(failed: GateResult) -> None:
    text = to_markdown([failed])

    for check in ("D001", "D009", "R002", "C002", "G001"):
        assert f"\n| {check} name |" in text
    assert "| ⏸️ NOT RUN |" in text


def test_a_broken_measurement_is_not_blamed_on_the_model(
    make_result: Any, make_outcome: Any
) -> None:
    text = to_markdown([make_result(make_outcome("E005", Status.HARNESS))])

    assert "The measurement itself is broken: its scores say nothing about the model." in text


def test_several_cases_begin_with_a_table_and_the_worst_case(
    failed: GateResult, make_result: Any, make_outcome: Any
) -> None:
    passed = make_result(make_outcome("C001", Status.PASS), case="other")

    lines = to_markdown([passed, failed]).splitlines()

    assert lines[0] == "## ❌ FAIL: 1 of 2 cases"
    assert lines.index("## ❌ FAIL: wiki-mini") < lines.index("## ✅ PASS: other")


def test_what_is_waived_and_what_was_loosened_stands_under_the_verdict(failed: GateResult) -> None:
    day = date(2025, 1, 31)
    waiver = Waiver("D009", "known", "A. Nonymous", created=day, expires=day)
    review = Review("main", "0123456789ab", loosenings=(Loosening("lowered a floor", "C002"),))

    head = to_markdown([replace(failed, waivers=(waiver,), review=review)]).partition("###")[0]

    assert "- D009 waived until 2025-01-31 by A. Nonymous: known" in head
    assert "Compared with the merge base 0123456789 with main." in head
    assert "This change lowered a floor." in head


def test_what_others_wrote_stays_text(hostile: GateResult) -> None:
    text = to_markdown([hostile])

    for markup in ("<script", "**b**", "`x`", "@team", "[a](b)", "~~s~~", "\n# head"):
        assert markup not in text
    rows = [line for line in text.splitlines() if line.startswith("|")]
    assert len(rows) == 6
    assert {row.count("|") for row in rows} == {6}


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a|b", "a&#124;b"),
        ("in_dist", "in_dist"),
        ("_x_ __y__", "&#95;x&#95; &#95;&#95;y&#95;&#95;"),
        ("a\r\n  b", "a b"),
        ("&lt;", "&amp;lt;"),
        (">= 0.6", "&gt;= 0.6"),
        ("😀", "😀"),
    ],
)
def test_text_is_escaped(text: str, shown: str) -> None:
    assert escape(text) == shown
    assert code(text) == f"<code>{shown}</code>"


def test_a_long_result_is_cut_to_what_the_reader_takes(make_result: Any, make_outcome: Any) -> None:
    finding = Finding("ü" * 500, "ü" * 1500)
    many = [make_outcome(f"D{i:03d}", Status.WARN, finding) for i in range(400)]
    shown = make_result(*many, make_outcome("C002", Status.FAIL, Finding("ood", "too low")))

    summary, comment = to_markdown([shown]), to_comment([shown])

    assert len(summary.encode()) <= SUMMARY_BYTES
    assert len(comment.encode()) <= COMMENT_BYTES
    assert "- **ood**: too low" in comment
    assert "parts are left out here: the log has them all._" in summary.splitlines()[-1]


def test_a_comment_begins_with_the_marker_that_finds_it(failed: GateResult) -> None:
    first, rest = to_comment([failed]).split("\n", 1)

    assert first == MARKER
    assert rest == to_markdown([failed])
