from __future__ import annotations

import bz2
import gzip
import json
import pickle
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from amn.corpus.articles import Kind, Reason
from amn.corpus.sources import Record, open_source
from amn.errors import ArgumentError, DataError
from tests.pages import TEXTS, TITLES, articles, as_texts, page, skipped, write_export

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

EXPECTED = {key: (TITLES[key], TEXTS[key]) for key in TEXTS}


def rows() -> list[dict[str, str | int]]:
    return [{"id": key, "title": TITLES[key], "text": TEXTS[key]} for key in TEXTS]


def jsonl_of(items: list[dict[str, str | int]]) -> bytes:
    return "".join(json.dumps(item) + "\n" for item in items).encode()


def write_jsonl(folder: Path) -> Path:
    path = folder / "articles.jsonl"
    path.write_bytes(jsonl_of(rows()))
    return path


def write_jsonl_gz(folder: Path) -> Path:
    path = folder / "articles.jsonl.gz"
    path.write_bytes(gzip.compress(jsonl_of(rows())))
    return path


def write_jsonl_zst(folder: Path) -> Path:
    path = folder / "articles.jsonl.zst"
    with pa.CompressedOutputStream(str(path), "zstd") as stream:
        stream.write(jsonl_of(rows()))
    return path


def write_parquet(folder: Path) -> Path:
    table = pa.Table.from_pylist([{**row, "id": str(row["id"]), "url": "u"} for row in rows()])
    for part in (0, 1):
        first, length = (0, 2) if part == 0 else (2, 1)
        pq.write_table(table.slice(first, length), folder / f"train-0000{part}.parquet")
    return folder


def write_doc(folder: Path) -> Path:
    (folder / "AA").mkdir()
    docs = "".join(
        f'<doc id="{row["id"]}" url="u" title="{str(row["title"]).replace("&", "&amp;")}">\n'
        f"{str(row['title']).replace('&', '&amp;')}\n\n"
        f"{str(row['text']).replace('<', '&lt;')}\n</doc>\n\n"
        for row in rows()
    )
    (folder / "AA" / "wiki_00.bz2").write_bytes(bz2.compress(docs.encode()))
    return folder


def write_doc_json(folder: Path) -> Path:
    path = folder / "wiki_00"
    flat = [{**row, "text": str(row["text"]).replace("\n\n", "\n")} for row in rows()]
    path.write_bytes(jsonl_of(flat))
    return path


def write_xml(folder: Path) -> Path:
    return write_export(folder / "dump.xml", [page(key, TITLES[key], TEXTS[key]) for key in TEXTS])


def write_xml_bz2(folder: Path) -> Path:
    data = write_xml(folder).read_bytes()
    path = folder / "pages-articles1.xml-p1p99.bz2"  # multistream, as Wikipedia serves it
    path.write_bytes(bz2.compress(data[:300]) + bz2.compress(data[300:]))
    return path


@pytest.mark.parametrize(
    "write",
    [
        write_jsonl,
        write_jsonl_gz,
        write_jsonl_zst,
        write_parquet,
        write_doc,
        write_doc_json,
        write_xml,
        write_xml_bz2,
    ],
)
def test_every_format_gives_the_same_articles(
    write: Callable[[Path], Path], tmp_path: Path
) -> None:
    source = pickle.loads(pickle.dumps(open_source(write(tmp_path))))  # noqa: S301 - our own
    found = articles(source)

    assert as_texts(found) == EXPECTED
    assert not skipped(source)
    assert all(item.where for item in found)


def test_a_text_folder_numbers_its_files_and_decodes_a_byte_order_mark(tmp_path: Path) -> None:
    for name, text in (("b/Ferry", "Across.\r\n \r\nBack."), ("a Lantern", "Light."), (".x", "-")):
        (tmp_path / f"{name}.txt").parent.mkdir(exist_ok=True)
        (tmp_path / f"{name}.txt").write_bytes(b"\xef\xbb\xbf" + text.encode())

    found = articles(open_source(tmp_path))

    assert as_texts(found) == {1: ("a Lantern", "Light."), 2: ("Ferry", "Across.\n\nBack.")}


def test_ids_select_by_id_and_positions_by_place_in_the_source(tmp_path: Path) -> None:
    path = write_jsonl(tmp_path)

    by_id = open_source(path, articles="1-3, 12")
    by_position = open_source(path, articles="#2")

    assert [item.article_id for item in articles(by_id)] == [3, 12]
    assert [item.article_id for item in articles(by_position)] == [7]
    assert [item.reason for item in skipped(by_id)] == [Reason.OUTSIDE_SELECTION]
    assert [item.where for item in skipped(by_position)] == ["articles.jsonl:1"]


def test_positions_count_over_files_and_reading_stops_behind_the_last(tmp_path: Path) -> None:
    write_parquet(tmp_path)
    (tmp_path / "train-00002.parquet").write_bytes(b"damaged, and never read")

    found = articles(open_source(tmp_path, articles="#2-#3"))

    assert [item.article_id for item in found] == [7, 12]


def test_the_two_halves_of_reading_give_what_iteration_gives(tmp_path: Path) -> None:
    source = open_source(write_jsonl(tmp_path))
    records = [item for item in source.records() if isinstance(item, Record)]
    records.reverse()

    parsed = {record.position: source.parse(record) for record in records}

    assert [parsed[position] for position in sorted(parsed)] == list(source)


def test_identity_names_what_decides_the_articles(tmp_path: Path) -> None:
    path = write_jsonl(tmp_path)
    before = open_source(path, articles="1-3").identity()
    path.write_bytes(path.read_bytes() + b"\n")
    after = open_source(path, articles="1-3").identity()

    assert before["articles"] == "1-3"
    assert before["files"][0]["path"] == "articles.jsonl"
    assert before["files"][0]["sha256"] != after["files"][0]["sha256"]
    assert before == json.loads(json.dumps(before))


BAD_LINES: list[tuple[bytes, Reason, str]] = [
    (b'{"id": 1, "title": "T", "text": "caf\xe9"}', Reason.ENCODING, "byte"),
    (b'{"id": 1, "title": "T", "text": "cut', Reason.MALFORMED, "not JSON"),
    (b"[1, 2]", Reason.MALFORMED, "expected an object, got list"),
    (b'{"id": 1, "title": "T"}', Reason.COLUMN, "no text; has id, title"),
    (b'{"id": 1, "title": "T", "text": null}', Reason.COLUMN, "got str and NoneType"),
    (b'{"id": -1, "title": "T", "text": "x"}', Reason.ID, "got -1"),
    (b'{"id": "Q1", "title": "T", "text": "x"}', Reason.ID, "got 'Q1'"),
    (b'{"id": true, "title": "T", "text": "x"}', Reason.ID, "got True"),
    (b'{"id": 1, "title": "T", "text": "\\ud800"}', Reason.ENCODING, "surrogate"),
    (b'{"id": 1, "title": "T", "text": " \\n "}', Reason.EMPTY, "T"),
]


@pytest.mark.parametrize(("line", "reason", "detail"), BAD_LINES)
def test_a_bad_line_is_skipped_with_its_place_and_the_rest_is_read(
    line: bytes, reason: Reason, detail: str, tmp_path: Path
) -> None:
    path = tmp_path / "a.jsonl"
    path.write_bytes(jsonl_of(rows()[:1]) + line + b"\n" + jsonl_of(rows()[1:]))
    source = open_source(path)
    (bad,) = skipped(source)

    assert (bad.reason, bad.where) == (reason, "a.jsonl:2")
    assert detail in bad.detail
    assert as_texts(articles(source)) == EXPECTED


def test_strict_stops_at_a_defect_but_not_at_an_empty_article(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_bytes(jsonl_of([*rows(), {"id": 99, "title": "Nothing", "text": ""}]))

    assert len(articles(open_source(path, strict=True))) == 3
    path.write_bytes(path.read_bytes() + b"{\n")
    with pytest.raises(DataError, match=r"a\.jsonl:5: malformed page: not JSON"):
        list(open_source(path, strict=True))


@pytest.mark.parametrize("name", ["a.jsonl.gz", "a.jsonl.zst", "a.xml.bz2"])
def test_a_truncated_file_gives_what_is_whole_and_then_an_error(name: str, tmp_path: Path) -> None:
    noise = np.random.default_rng(0)  # random text, so that the compressed file is large too
    texts = [" ".join(noise.integers(10**9, size=10_000).astype(str)) for _ in range(24)]
    path = tmp_path / name
    if ".xml" in name:
        xml = write_export(tmp_path / "w.xml", [page(i, "T", t) for i, t in enumerate(texts)])
        data = bz2.compress(xml.read_bytes())
    else:
        plain = jsonl_of([{"id": i, "title": "T", "text": t} for i, t in enumerate(texts)])
        with pa.CompressedOutputStream(str(path), "gzip" if "gz" in name else "zstd") as stream:
            stream.write(plain)
        data = path.read_bytes()
    path.write_bytes(data[: len(data) * 2 // 3])
    seen = []

    with pytest.raises(DataError, match=r"breaks off .* Pages up to \d+ can be read") as error:
        seen.extend(open_source(path))
    last = str(error.value).split("#1-#")[1].rstrip("'")
    assert len(seen) == int(last) > 0
    assert list(open_source(path, articles=f"#1-#{last}")) == seen


@pytest.mark.parametrize(
    ("name", "data", "message"),
    [
        ("a.jsonl", b'[{"id": 1}]', "expected one object a line, got an array"),
        ("a.jsonl", b'{"id": 1, "body": "x"}', "got id, body. Fix: rename or add title, text"),
        ("a.jsonl", b"\xff\xfe{\x00", "got UTF-16"),
        ("a.jsonl.gz", b"no gzip", "breaks off or is damaged after 0"),
        ("a.parquet", b"PAR1 no", "expected a whole parquet file"),
        ("a.xml", b"<html></html>", "expected </mediawiki> at the end"),
        ("a.xml", b"<a><page></page></a>", "got no <mediawiki> element"),
        ("wiki_00", b'<doc id="1" title="T">\nT\n', "expected </doc> before the end"),
    ],
)
def test_a_file_of_another_kind_is_refused(
    name: str, data: bytes, message: str, tmp_path: Path
) -> None:
    (tmp_path / name).write_bytes(data)

    with pytest.raises(DataError) as error:
        list(open_source(tmp_path / name))
    assert message in str(error.value)


def test_parquet_without_a_column_is_refused_with_what_it_has(tmp_path: Path) -> None:
    pq.write_table(pa.table({"id": ["1"], "body": ["x"]}), tmp_path / "a.parquet")

    with pytest.raises(DataError, match=r"got id, body\. Fix: rename or add title, text"):
        list(open_source(tmp_path))


def test_a_folder_of_two_formats_is_refused_until_one_is_named(tmp_path: Path) -> None:
    write_jsonl(tmp_path)
    (tmp_path / "notes.txt").write_text("Not an article.")
    (tmp_path / "README.md").write_text("Passed over.")

    with pytest.raises(DataError, match="expected files of one format, got 1 jsonl, 1 text"):
        open_source(tmp_path)
    assert len(articles(open_source(tmp_path, format_name="jsonl"))) == 3


def test_files_whose_names_do_not_tell_are_read_when_their_format_is_named(tmp_path: Path) -> None:
    folder = tmp_path / "exported"
    folder.mkdir()
    lines = jsonl_of(rows()).splitlines(keepends=True)
    (folder / "part-00000").write_bytes(gzip.compress(lines[0]))
    (folder / "part-00001").write_bytes(b"".join(lines[1:]))
    for passed_over in ("_SUCCESS", ".part-00000.crc"):
        (folder / passed_over).write_bytes(b"\0")

    with pytest.raises(DataError, match=r"got none\. Fix: .*--source-format mediawiki\|"):
        open_source(folder)
    found = articles(open_source(folder, format_name="jsonl"))

    assert {one.article_id: (one.title, one.text) for one in found} == EXPECTED


def test_what_is_no_source_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.docx").write_bytes(b"")

    with pytest.raises(DataError, match="no such file or folder"):
        open_source(tmp_path / "nowhere")
    with pytest.raises(DataError, match=r"got none\. Fix: rename it"):
        open_source(tmp_path)
    with pytest.raises(ArgumentError, match=r"expected one of mediawiki, .* got 'pdf'"):
        open_source(tmp_path, format_name="pdf")


def test_an_unclosed_doc_does_not_take_the_next_one_with_it(tmp_path: Path) -> None:
    path = tmp_path / "wiki_00"
    path.write_text(
        '<doc id="1" url="u" title="One">\nOne\n\nBroken.\n'
        '<doc id="2" url="u" title="Two">\nTwo\n\nWhole.\n</doc>\n'
    )
    source = open_source(path)

    assert [(item.reason, item.where) for item in skipped(source)] == [
        (Reason.MALFORMED, "wiki_00:1")
    ]
    assert as_texts(articles(source)) == {2: ("Two", "Whole.")}


def test_a_text_that_redirects_is_a_redirect_without_text(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_bytes(jsonl_of([{"id": 1, "title": "Old", "text": "#REDIRECT [[New]]"}]))
    (found,) = articles(open_source(path))

    assert (found.kind, found.text) == (Kind.REDIRECT, "")


def test_a_paragraph_of_ten_megabytes_is_read_whole(tmp_path: Path) -> None:
    text = "Nothing ends here " * 580_000
    path = tmp_path / "a.jsonl"
    path.write_bytes(jsonl_of([{"id": 1, "title": "Long", "text": text}]))
    (found,) = articles(open_source(path))

    assert len(found.text) == len(text.strip()) > 10_000_000
