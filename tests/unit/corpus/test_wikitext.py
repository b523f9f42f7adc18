from __future__ import annotations

import mwparserfromhell
import pytest

from amn.corpus.rendering import render
from amn.corpus.wikitext import plain_text
from amn.errors import ArgumentError


@pytest.mark.parametrize(
    ("markup", "text"),
    [
        ("'''Salt''' is ''old''.", "Salt is old."),
        ("A [[lamp]] and [[oil lamp|lamps]].", "A lamp and lamps."),
        ("Made of [[tin]]s.", "Made of tins."),
        ("See [http://x.org the map] or [http://x.org].", "See the map or."),
        ("Salt<ref>{{cite|a}}</ref> and<ref name=x /> oil.", "Salt and oil."),
        ("Salt ({{IPAc-en|s}} or; ''sal'') is old.", "Salt (or; sal) is old."),
        ("Salt ({{IPAc-en|s}}) is old.", "Salt is old."),
        ("It is {{convert|5|km|mi}} long.", "It is 5 km long."),
        ("Called {{lang|fr|sel}} and {{lang-de|Salz}}.", "Called sel and Salz."),
        ("1900{{ndash}}1910, 5&nbsp;m", "1900\u20131910, 5\xa0m"),
        ("[[File:A.jpg|thumb|A [[red]] lamp]]Text.", "Text."),
        ("[[Category:Lamps]][[de:Lampe]][[:Category:Lamps]]", "Category:Lamps"),
        ("A\n{| class=x\n! head\n|-\n| cell\n|}\nB", "A\n\nB"),
        ("A\n{| class=x\n| never closed", "A"),
        ("One.<!-- hidden [[x]] -->\n\n\n\nTwo.", "One.\n\nTwo."),
        ("Lead.\n== Use ==\nText.", "Lead.\n\nUse\n\nText."),
        ("* one\n* two", "one\ntwo"),
        (
            "Text.\n== See also ==\nx\n=== More ===\ny\n== Use ==\nEnd.",
            "Text.\n\nUse\n\nEnd.",
        ),
        ("Text.\n==''References''==\n{{reflist}}", "Text."),
        ("<nowiki>[[kept]]</nowiki> <math>x^2</math>a<br/>b __NOTOC__", "[[kept]] a b"),
        ("{{Infobox\n| a = {{b}}\n}}", ""),
        ("{{nowrap|1=a=b}} {{convert| 5 |km}} {{lang|fr}}", "a=b 5 km"),
        ("{{quote|{{lang|la|[[Salve|salve]]}} he said}}", "salve he said"),
        ("A&ndash;B &#65;&#x42; &amp;c", "A\u2013B AB &c"),
        ("http://bare.org is not shown; {{{1|default}}} neither", "is not shown; neither"),
        ("<div class='x'>In a <span style=y>span</span></div>", "In a span"),
        ("", ""),
    ],
)
def test_wikitext_becomes_the_text_that_a_reader_sees(markup: str, text: str) -> None:
    assert plain_text(markup) == text


def test_rendering_agrees_with_the_tree_that_the_parser_builds() -> None:
    markup = "\n".join(
        f"== Part {n} ==\n* ''Salt'' from [[Sea|the sea]], [[tin]]s & [http://x.org ore] ({n})."
        for n in range(50)
    )
    tree = mwparserfromhell.parse(markup, skip_style_tags=True)

    assert "".join(render(markup, ()).split()) == "".join(tree.strip_code().split())


def test_markup_that_the_tokenizer_gives_up_on_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    class Broken:
        def tokenize(self, *_: object) -> None:
            raise mwparserfromhell.parser.ParserError("stack is not empty")

    monkeypatch.setattr("mwparserfromhell.parser.CTokenizer", Broken)
    with pytest.raises(ArgumentError, match=r"got: .*stack is not empty"):
        plain_text("[[x]]")


def test_deep_nesting_and_unclosed_marks_do_not_stop_it() -> None:
    assert plain_text("{{a|" * 500 + "deep") is not None
    assert plain_text("[[" * 500 + "x" + "<b>" * 500) is not None
    assert "end" in plain_text("'''" * 999 + " end")
