from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from amn.corpus.articles import Kind, Reason
from amn.corpus.sources import open_source
from amn.errors import DataError
from tests.pages import TEXTS, articles, as_texts, page, skipped, write_export

if TYPE_CHECKING:
    from pathlib import Path

REDIRECT = '    <redirect title="Lantern" />\n'


def test_namespaces_redirects_and_models_are_told_apart(tmp_path: Path) -> None:
    path = write_export(
        tmp_path / "a.xml",
        [
            page(1, "Lantern", TEXTS[3]),
            page(2, "Lamp", "#REDIRECT [[Lantern]]", extra=REDIRECT),
            page(3, "Talk:Lantern", "Talk.", namespace=1),
            page(4, "Lantern.json", "{}").replace("wikitext", "json"),
            page(5, "Blank", "{{Infobox|a=b}}"),
        ],
    )
    source = open_source(path)
    everything = open_source(path, namespaces=None)

    assert [(item.article_id, item.kind) for item in articles(source)] == [
        (1, Kind.STUB),
        (2, Kind.REDIRECT),
    ]
    assert [item.reason for item in skipped(source)] == [
        Reason.OUTSIDE_NAMESPACES,
        Reason.NOT_WIKITEXT,
        Reason.EMPTY,
    ]
    assert [item.article_id for item in articles(everything)] == [1, 2, 3]
    assert articles(source)[0].language == "en"


def test_the_last_revision_of_a_page_counts(tmp_path: Path) -> None:
    older = "    <revision><id>0</id><text>Old.</text></revision>\n"
    path = write_export(tmp_path / "a.xml", [page(1, "Ferry", TEXTS[7], extra=older)])

    assert articles(open_source(path))[0].text == TEXTS[7]


def test_media_names_of_the_site_are_known_in_its_language(tmp_path: Path) -> None:
    markup = "[[Datei:Boot.jpg|thumb|A boat]]The ferry is [[boat|a boat]]."
    path = write_export(tmp_path / "a.xml", [page(1, "Ferry", markup)])

    assert articles(open_source(path))[0].text == "The ferry is a boat."


@pytest.mark.parametrize(
    ("broken", "reason", "detail"),
    [
        (page(9, "Bad", "x").replace("</title>", "</titel>"), Reason.MALFORMED, "line 6, column"),
        (page(9, "Bad", "x").replace("  </page>\n", ""), Reason.MALFORMED, "line"),
        (page(9, "Bad", "x").replace("<page>", ""), Reason.MALFORMED, "line"),
        (page(9, "Bad", "x &nbsp; y").replace("&amp;", "&"), Reason.MALFORMED, "undefined entity"),
        (page("none", "Bad", "x"), Reason.ID, "'none'"),
    ],
)
def test_a_broken_page_does_not_take_its_neighbours_with_it(
    broken: str, reason: Reason, detail: str, tmp_path: Path
) -> None:
    path = write_export(
        tmp_path / "a.xml", [broken, page(3, "Lantern", TEXTS[3]), page(7, "Ferry", TEXTS[7])]
    )
    source = open_source(path)
    (bad,) = skipped(source)

    assert bad.reason is reason
    assert detail in bad.detail
    assert as_texts(articles(source)) == {3: ("Lantern", TEXTS[3]), 7: ("Ferry", TEXTS[7])}
    with pytest.raises(DataError, match=str(reason)):
        list(open_source(path, strict=True))


def test_bytes_that_are_not_utf8_are_skipped_with_their_line(tmp_path: Path) -> None:
    path = write_export(tmp_path / "a.xml", [page(1, "One", "caf@"), page(2, "Two", TEXTS[7])])
    path.write_bytes(path.read_bytes().replace(b"@", b"\xe9"))
    (bad,) = skipped(open_source(path))

    assert (bad.reason, bad.where, bad.detail) == (Reason.ENCODING, "a.xml:5", "line 9")


def test_pages_are_found_across_blocks_with_their_lines(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write_export(tmp_path / "a.xml", [page(i, f"T{i}", TEXTS[3]) for i in range(1, 9)])
    lines = path.read_text().splitlines()
    expected = [f"a.xml:{n}" for n, line in enumerate(lines, 1) if "<page>" in line]

    for size in (7, 64, 1000):
        monkeypatch.setattr("amn.corpus.sources.streams.BLOCK_BYTES", size)
        assert [item.where for item in articles(open_source(path))] == expected


@pytest.mark.parametrize("end", ["", "  <page>\n    <title>Cut"])
def test_an_export_that_breaks_off_is_an_error_after_its_whole_pages(
    end: str, tmp_path: Path
) -> None:
    path = write_export(tmp_path / "a.xml", [page(1, "One", "x"), page(2, "Two", "y")], end=end)

    with pytest.raises(DataError, match=r"line 17: expected .* Pages up to 2 can be read"):
        list(open_source(path))
    assert len(articles(open_source(path, articles="#1-#2"))) == 2


def test_an_export_without_pages_has_no_articles(tmp_path: Path) -> None:
    assert list(open_source(write_export(tmp_path / "a.xml", []))) == []
