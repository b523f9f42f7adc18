from __future__ import annotations

import pytest

from amn.corpus.articles import Kind
from amn.corpus.kinds import STUB_WORDS, find_kind

LONG = "word " * STUB_WORDS


@pytest.mark.parametrize(
    ("title", "text", "kind"),
    [
        ("Ada", "Ada may refer to:", Kind.DISAMBIGUATION),
        ("Ada", "Ada is a name.\n\nIt may also refer to:\n\nPlaces.", Kind.DISAMBIGUATION),
        ("Ada", "ADA can stand for :", Kind.DISAMBIGUATION),
        ("Ada", "The name may refer to a town. It has a port:", Kind.STUB),
        ("Ada (disambiguation)", LONG, Kind.DISAMBIGUATION),
        ("List of lamps", LONG, Kind.LIST),
        ("Liste der Lampen", "x", Kind.LIST),
        ("Listed buildings in Ada", LONG, Kind.ARTICLE),
        ("Ada", LONG, Kind.ARTICLE),
        ("Ada", "word " * (STUB_WORDS - 1), Kind.STUB),
        ("Ada", "#REDIRECT [[Ada (town)]]", Kind.REDIRECT),
    ],
)
def test_title_and_text_tell_the_kind(title: str, text: str, kind: Kind) -> None:
    assert find_kind(title, text) is kind


@pytest.mark.parametrize(
    "template",
    ["{{disambiguation|geo}}", "{{ Hndis | Ada }}", "{{dab}}", "{{Geodis}}", "{{Begriffsklärung}}",
     "{{Road disambiguation}}", "__DISAMBIG__"],
)  # fmt: skip
def test_a_disambiguation_template_tells_it_whatever_the_words(template: str) -> None:
    assert find_kind("Ada", LONG, markup=f"{LONG}{template}") is Kind.DISAMBIGUATION


@pytest.mark.parametrize(
    "markup",
    ["{{about|a|b|Ada (disambiguation)}}", "{{disambiguation needed|x}}", "{{Distinguish|b}}",
     "{{Infobox disease}}", "Ada may refer to:"],
)  # fmt: skip
def test_a_mention_of_disambiguation_is_not_one(markup: str) -> None:
    assert find_kind("Ada", LONG, markup=markup) is Kind.ARTICLE
